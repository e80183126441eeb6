// What a customer did: month by month, and one thing after the other.
import { html } from "../core/html.js";
import { moment, money, month, number } from "../core/format.js";
import { t, word } from "../core/words.js";
import { Empty } from "../parts/basics.js";

const KB = 1024;
const GB_KB = KB * KB;
const seconds = (month, ...names) => names.reduce((sum, name) => sum + (month[name] ?? 0), 0);
const MEASURES = [
  ["billed", (one) => (one.billed_minor ?? 0) + (one.topped_up_minor ?? 0), (value) => money(value)],
  ["minutes", (one) => seconds(one, "out_on_net_seconds", "out_off_net_seconds", "out_international_seconds") / 60, (value) => number(value)],
  ["gigabytes", (one) => seconds(one, "data_4g_kb", "data_5g_kb") / GB_KB, (value) => number(value, 1)],
  ["missed", (one) => one.missed_calls ?? 0, (value) => number(value)],
  ["complaints", (one) => one.complaints ?? 0, (value) => number(value)],
  ["care", (one) => one.care_calls ?? 0, (value) => number(value)],
];

export function Months({ months }) {
  const ordered = Object.entries(months).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!ordered.length) return html`<${Empty} />`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${t("customer.months")}><table><caption>${t("customer.months")}</caption>
    <thead><tr><th scope="col">${t("field.measure")}</th>${ordered.map(([name]) => html`<th scope="col" class="num">${month(name)}</th>`)}</tr></thead>
    <tbody>${MEASURES.map(([name, of, shown]) => html`<tr><th scope="row" class="tight">${t(`measure.${name}`)}</th>${ordered.map(([, one]) => html`<td class=${of(one) ? "num" : "num soft"}>${shown(of(one))}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** What stands beside a fact: its own values, without what is nested in them. */
function told(data) {
  return Object.entries(data)
    .filter(([name, value]) => typeof value !== "object" && !/^(period_|currency$)/.test(name))
    .map(([name, value]) => (name.endsWith("_minor") ? `${word("fact", name.slice(0, -6))} ${money(value, { code: data.currency })}` : `${word("fact", name)} ${value}`))
    .join(" · ");
}

const MARKED = /complaint|port_out|terminated|suspended|inquiry|reversed/;

export function Timeline({ facts }) {
  if (!facts.length) return html`<${Empty} />`;
  return html`<ol class="timeline">${facts.map((fact) => {
    const name = fact.type.replace(/\.v\d+$/, "");
    return html`<li class=${MARKED.test(name) ? "mark" : name.startsWith("retention.") ? "ours" : ""} title=${fact.id}><time datetime=${fact.occurred_at}>${moment(fact.occurred_at)}</time>
      <div class="what">${word("event", name.split(".")[1])} <span class="soft">${word("topic", name.split(".")[0])}</span><small>${told(fact.data)}</small></div></li>`;
  })}</ol>`;
}
