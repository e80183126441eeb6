// What a customer did: month by month, and one thing after the other.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { amount, day, moment, money, month, number } from "../core/format.js";
import { has, t, word } from "../core/words.js";
import { Empty } from "../parts/basics.js";

const KB = 1024;
const GB_KB = KB * KB;
const seconds = (month, ...names) => names.reduce((sum, name) => sum + (month[name] ?? 0), 0);
const MEASURES = [
  ["billed", (one) => (one.billed_minor ?? 0) + (one.topped_up_minor ?? 0), (value) => money(value, { whole: true })],
  ["minutes", (one) => seconds(one, "out_on_net_seconds", "out_off_net_seconds", "out_international_seconds") / 60, (value) => number(value)],
  ["gigabytes", (one) => seconds(one, "data_4g_kb", "data_5g_kb") / GB_KB, (value) => number(value, 1)],
  ["missed", (one) => one.missed_calls ?? 0, (value) => number(value)],
  ["complaints", (one) => one.complaints ?? 0, (value) => number(value)],
  ["care", (one) => one.care_calls ?? 0, (value) => number(value)],
];

export function Months({ months }) {
  const ordered = Object.entries(months).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!ordered.length) return html`<${Empty} />`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${t("customer.months")}><table class="months"><caption>${t("customer.months")}</caption>
    <thead><tr><th scope="col">${t("field.measure")}</th>${ordered.map(([name]) => html`<th scope="col" class="num">${month(name)}</th>`)}</tr></thead>
    <tbody>${MEASURES.map(([name, of, shown]) => html`<tr><th scope="row" class="tight">${t(`measure.${name}`)}</th>${ordered.map(([, one]) => html`<td class=${of(one) ? "num" : "num soft"}>${shown(of(one))}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** What stands beside a fact, as far as there is a word for it: ids and counters say nothing to who reads. */
function told({ on_net: onNet, off_net: offNet, international, premium, data, duration_seconds: lasted, currency, ...plain }) {
  const ends = [onNet, offNet, international, premium].filter(Boolean);
  const used = { minutes: ends.length && amount(Math.round(ends.reduce((sum, end) => sum + end.out_seconds, 0) / 60), "minute"), gigabytes: data && amount(((data.g4_kb ?? 0) + (data.g5_kb ?? 0)) / GB_KB, "gigabyte") };
  const seen = { ...used, ...plain, duration: lasted && amount(Math.round(lasted / 60), "minute") };
  return Object.entries(seen).map(([name, value]) => [name.replace(/_minor$/, ""), name.endsWith("_minor") ? money(value, { code: currency }) : plainly(value)])
    .filter(([name, value]) => has(`fact.${name}`) && value !== "").map(([name, value]) => `${t(`fact.${name}`)} ${value}`).join(" · ");
}

function plainly(value) {
  if (value === true || value === false) return t(value ? "act.yes" : "act.no");
  if (typeof value === "number" && value) return number(value);
  if (typeof value !== "string") return "";
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return day(value);
  return /^\d{4}-\d\d-\d\dT/.test(value) ? moment(value) : has(`code.${value}`) ? word("code", value) : value;
}

const MARKED = /complaint|port_out|terminated|suspended|inquiry|reversed/;
const SHOWN = 12;

export function Timeline({ facts }) {
  const [all, setAll] = useState(false);
  if (!facts.length) return html`<${Empty} />`;
  return html`<ol class="timeline">${facts.slice(0, all ? facts.length : SHOWN).map((fact) => {
    const name = fact.type.replace(/\.v\d+$/, "");
    return html`<li class=${MARKED.test(name) ? "mark" : name.startsWith("retention.") ? "ours" : ""} title=${fact.id}><time datetime=${fact.occurred_at}>${moment(fact.occurred_at)}</time>
      <div class="what">${word("event", name.split(".")[1])} <span class="soft">${word("topic", name.split(".")[0])}</span><small>${told(fact.data)}</small></div></li>`;
  })}</ol>${!all && facts.length > SHOWN && html`<div class="more"><button onClick=${() => setAll(true)}>${t("act.more")}</button></div>`}`;
}
