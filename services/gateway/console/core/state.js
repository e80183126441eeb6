// What the person chose. All of it stays in this browser; the key only until its tab is closed.
import { effect, signal } from "@preact/signals";

function kept(storage, name, otherwise) {
  const value = signal(storage.getItem(`holdfast.${name}`) ?? otherwise);
  effect(() => storage.setItem(`holdfast.${name}`, value.value));
  return value;
}

export const language = kept(localStorage, "language", navigator.language.startsWith("zh") ? "zh" : "en");
export const theme = kept(localStorage, "theme", "auto");
export const actor = kept(localStorage, "actor", "");
/** ISO 4217. Most amounts of the API are in the operator's currency, which it does not name: empty shows them without one. */
export const currency = kept(localStorage, "currency", "");
export const key = kept(sessionStorage, "key", "");
/** Which dialog is open: settings, keys, access, or none. */
export const dialog = signal("");

effect(() => { document.documentElement.dataset.theme = theme.value; });
effect(() => { document.documentElement.lang = language.value === "zh" ? "zh-Hans" : "en"; });
