// Before anything is painted: the chosen colours. Without a choice the system's own. The API reference has a class of its own for dark.
const chosen = localStorage.getItem("holdfast.theme") ?? "auto";
const dark = chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
document.documentElement.dataset.theme = chosen;
document.documentElement.classList.toggle("dark-mode", dark);
