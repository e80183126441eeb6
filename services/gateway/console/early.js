// Before anything is painted: the chosen colours. Without a choice the system's own.
document.documentElement.dataset.theme = localStorage.getItem("holdfast.theme") ?? "auto";
