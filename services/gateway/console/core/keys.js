// The keyboard: / searches, g and a letter goes to a view, j and k walk through rows, ? lists all of it.
import { go } from "./router.js";
import { dialog } from "./state.js";

/** The letter after g, the address, and the key of its name. */
export const VIEWS = [
  ["o", "/", "view.overview"],
  ["w", "/warnings", "view.warnings"],
  ["c", "/customers", "view.customers"],
  ["s", "/segments", "view.segments"],
  ["r", "/risk", "view.risk"],
  ["m", "/campaigns", "view.campaigns"],
  ["t", "/tasks", "view.tasks"],
  ["x", "/operations", "view.operations"],
];

const CHORD_MS = 1500;
let leader = 0;

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea, dialog")) return;
  const handled = leader && performance.now() - leader < CHORD_MS ? second(event.key) : first(event.key);
  if (handled) event.preventDefault();
});

function first(pressed) {
  leader = pressed === "g" ? performance.now() : 0;
  if (pressed === "/") document.getElementById("search")?.focus();
  else if (pressed === "?") dialog.value = "keys";
  else if (pressed === "j" || pressed === "k") walk(pressed === "j" ? 1 : -1);
  else return pressed === "g";
  return true;
}

function second(pressed) {
  leader = 0;
  const view = VIEWS.find(([letter]) => letter === pressed);
  if (view) go(view[1]);
  return Boolean(view);
}

function walk(by) {
  const rows = [...document.querySelectorAll("main tbody tr a:first-of-type")].filter((one, index, all) => all.findIndex((other) => other.closest("tr") === one.closest("tr")) === index);
  const next = rows[rows.indexOf(document.activeElement?.closest("tr")?.querySelector("a")) + by];
  next?.focus();
}
