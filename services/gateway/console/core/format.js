// Numbers, money and moments as the chosen language writes them. Money comes in minor units.
import { currency, foundCurrency, language } from "./state.js";

const formats = new Map();
function format(kind, options) {
  const name = JSON.stringify([kind.name, language.value, options]);
  if (!formats.has(name)) formats.set(name, new kind(language.value === "zh" ? "zh-CN" : "en-GB", options));
  return formats.get(name);
}

const NOTHING = "–";
const absent = (value) => value === null || value === undefined;

export function number(value, digits = 0) {
  return absent(value) ? NOTHING : format(Intl.NumberFormat, { maximumFractionDigits: digits }).format(Number(value.toFixed(digits)) || 0);
}

export function percent(share, digits = 0) {
  return absent(share) ? NOTHING : format(Intl.NumberFormat, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);
}

/** Of a difference of shares: "+2.3". */
export function points(share) {
  return absent(share) ? NOTHING : format(Intl.NumberFormat, { maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(100 * share);
}

/** How many minor units a currency has (two, three or none) is the browser's knowledge. `compact`: 1.2M; `whole`: without minor units. */
export function money(minor, { code = currency.value || foundCurrency.value, compact = false, whole = false } = {}) {
  if (absent(minor)) return NOTHING;
  const known = /^[A-Z]{3}$/.test(code ?? "");
  const options = known ? { style: "currency", currency: code, currencyDisplay: "narrowSymbol" } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const scale = known ? format(Intl.NumberFormat, { style: "currency", currency: code }).resolvedOptions().maximumFractionDigits : 2;
  const short = { notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 };
  const rounded = whole ? { minimumFractionDigits: 0, maximumFractionDigits: 0 } : {};
  return format(Intl.NumberFormat, { ...options, ...(compact ? short : rounded) }).format(minor / 10 ** scale);
}

/** A moment in the time zone of whoever looks. */
export function moment(iso, { seconds = false } = {}) {
  if (!iso) return NOTHING;
  const options = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) };
  return format(Intl.DateTimeFormat, options).format(new Date(iso));
}

/** Of a unit that the language has words for: "3 days". */
export function amount(value, unit) {
  return format(Intl.NumberFormat, { style: "unit", unit, unitDisplay: unit.endsWith("byte") ? "short" : "long", maximumFractionDigits: 1 }).format(value);
}

/** Of day, in the time zone of whoever looks. */
export function time(ms) {
  return format(Intl.DateTimeFormat, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(ms));
}

/** A calendar day, the same in every time zone. */
export function day(iso) {
  if (!iso) return NOTHING;
  return format(Intl.DateTimeFormat, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(iso.slice(0, 10)));
}

export function shortDay(iso) {
  return format(Intl.DateTimeFormat, { month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(iso.slice(0, 10)));
}

export function month(iso) {
  return format(Intl.DateTimeFormat, { year: "2-digit", month: "short", timeZone: "UTC" }).format(new Date(`${iso}-01`));
}
