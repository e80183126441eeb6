// What the API says in words only. said.json has the sentences of the services, each by the key of its translation, with what is inserted:
// {name} anything, {name:minor} and {name:major} money, {name:group} a code of that group of words. What it does not know stays as it is.
import { money } from "./format.js";
import { has, sentences, t, word } from "./words.js";

const AMOUNT = "(-?[\\d,]+(?:\\.\\d+)?)";
const MONEY = { minor: 1, major: 100 };
let [compiled, of] = [[], null];

/** A text of the API in the chosen language, part by part where it has semicolons. */
export function said(text) {
  return text && text.split("; ").map((part) => translated(part) ?? part).join(t("said.and"));
}

function translated(text) {
  for (const [key, pattern, holes] of patterns()) {
    const values = valuesOf(pattern.exec(text), holes);
    if (values) return t(key, values);
  }
  return null;
}

/** Null: it does not fit, or a code in it has no word. */
function valuesOf(found, holes) {
  if (!found) return null;
  const values = {};
  for (const [index, [name, kind]] of holes.entries()) {
    const value = found[index + 1];
    const code = value.replaceAll(" ", "_");
    if (kind && !MONEY[kind] && !has(`${kind}.${code}`)) return null;
    values[name] = MONEY[kind] ? money(Math.round(MONEY[kind] * value.replaceAll(",", ""))) : kind ? word(kind, code) : value;
  }
  return values;
}

function patterns() {
  if (of !== sentences.value) [of, compiled] = [sentences.value, Object.entries(sentences.value).map(([key, text]) => [key, ...compile(text)])];
  return compiled;
}

function compile(text) {
  const holes = [];
  const pattern = text.split(/{(\w+(?::\w+)?)}/).map((part, index) => {
    if (index % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    holes.push(part.split(":"));
    return MONEY[holes.at(-1)[1]] ? AMOUNT : "(.+?)";
  });
  return [new RegExp(`^${pattern.join("")}$`), holes];
}
