// Texts, by key, from words/<language>.json, and the sentences of the API from words/said.json (said.js).
import { effect, signal } from "@preact/signals";
import { language } from "./state.js";

const dictionary = signal({});
export const sentences = signal({});
export const ready = signal(false);

effect(() => { load(language.value); });

async function load(chosen) {
  const [words, known] = await Promise.all([chosen, "said"].map(async (name) => (await fetch(new URL(`../words/${name}.json`, import.meta.url))).json()));
  if (chosen !== language.peek()) return;
  [dictionary.value, sentences.value, ready.value] = [words, known, true];
}

/** Whether a key has a text. */
export function has(name) {
  return Object.hasOwn(dictionary.value, name);
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
