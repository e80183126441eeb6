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
/** ISO 4217, where the person chose one; else what was found out (currency.js), once a tab. Empty: amounts are shown without one. */
export const currency = kept(localStorage, "currency", "");
export const foundCurrency = kept(sessionStorage, "found_currency", "");
export const key = kept(sessionStorage, "key", "");
/** Which dialog is open: settings, keys, access, or none. */
export const dialog = signal("");

effect(() => { document.documentElement.dataset.theme = theme.value; });
effect(() => { document.documentElement.lang = language.value === "zh" ? "zh-Hans" : "en"; });
