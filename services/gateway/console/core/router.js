// Each view has an address below /console; going there loads no page.
import { signal } from "@preact/signals";

const BASE = "/console";
const here = () => ({ path: location.pathname.slice(BASE.length).replace(/\/$/, "") || "/", query: Object.fromEntries(new URLSearchParams(location.search)) });

export const place = signal(here());
addEventListener("popstate", () => { place.value = here(); });
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target || !isOurs(link)) return;
  event.preventDefault();
  go(link.pathname.slice(BASE.length) + link.search);
});

function isOurs(link) {
  return link.origin === location.origin && (link.pathname === BASE || link.pathname.startsWith(`${BASE}/`));
}

/** The address of a view: `at("/customers", id)`. */
export function at(path, ...steps) {
  return BASE + [path === "/" ? "" : path, ...steps.map(encodeURIComponent)].join("/");
}

export function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", BASE + (path === "/" ? "" : path));
  place.value = here();
  if (!replace) {
    scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }
}

/** The same view with other filters; empty ones are left out. */
export function withQuery(changes) {
  const query = Object.entries({ ...place.value.query, ...changes }).filter(([, value]) => value);
  go(place.value.path + (query.length ? `?${new URLSearchParams(query)}` : ""), { replace: true });
}

/** The steps of `path` that stand where `pattern` has a colon, or null: match("/customers/:id", ...). */
export function match(pattern, path) {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return null;
  const found = {};
  for (const [index, one] of wanted.entries()) {
    if (one.startsWith(":")) found[one.slice(1)] = decodeURIComponent(given[index]);
    else if (one !== given[index]) return null;
  }
  return found;
}
