// Texts, by key, from words/<language>.json. What the API says in words (reasons, details) comes as it is.
import { effect, signal } from "@preact/signals";
import { language } from "./state.js";

const dictionary = signal({});
export const ready = signal(false);

effect(() => { load(language.value); });

async function load(chosen) {
  const answer = await fetch(new URL(`../words/${chosen}.json`, import.meta.url));
  if (!answer.ok || chosen !== language.peek()) return;
  dictionary.value = await answer.json();
  ready.value = true;
}

/** The text of a key, with {name} replaced from `values`. */
export function t(name, values = {}) {
  const text = dictionary.value[name] ?? name;
  return text.replace(/{(\w+)}/g, (_, found) => values[found] ?? "");
}

/** A code of the API (a kind, a state, a segment) as a person reads it; one that has no word yet, without its underscores. */
export function word(group, code) {
  if (code === null || code === undefined || code === "") return "–";
  return dictionary.value[`${group}.${code}`] ?? String(code).replaceAll("_", " ");
}
