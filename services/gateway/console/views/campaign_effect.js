// What a campaign changed, with how sure that is; where nothing can be told, why.
import { html } from "../core/html.js";
import { moment, money, number, percent, points } from "../core/format.js";
import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { Badge } from "../parts/basics.js";
import { Forest } from "../parts/charts.js";
import { Table } from "../parts/table.js";

export function Effect({ found }) {
  const told = found.horizons.filter((one) => one.effect.lift !== null);
  const rows = told.flatMap((one) => [
    [t("campaigns.after", { days: one.days }), one.effect.lift, one.effect.at_end, one.effect.any_time],
    ...one.variants.map((variant) => [`  ${variant.name}`, variant.effect.lift, variant.effect.at_end, variant.effect.any_time]),
  ]);
  return html`${rows.length > 0 && html`<div class="body forest"><${Forest} rows=${rows} label=${t("campaigns.forest")} /><p class="soft">${t("campaigns.forest_note")}</p></div>`}
    <${Table} caption=${t("campaigns.effect")} columns=${columns()} rows=${found.horizons} />
    <p class="note">${t("campaigns.as_of", { moment: moment(found.as_of) })}</p>`;
}

const columns = () => [
  [t("field.horizon"), (one) => t("campaigns.after", { days: one.days }), "tight"],
  [t("field.verdict"), (one) => html`<${Badge} group="verdict" code=${one.effect.verdict} /><div class="soft wrap">${said(one.effect.reason)}</div>`],
  [t("field.treatment"), (one) => stayed(one.treatment), "num"],
  [t("field.held_out"), (one) => stayed(one.hold_out), "num"],
  [t("field.lift"), (one) => (one.effect.lift === null ? "–" : html`${points(one.effect.lift)}<div class="soft">${interval(one.effect.any_time)}</div>`), "num"],
  [t("field.saves"), (one) => number(one.effect.saves), "num"],
  [t("field.cost"), (one) => money(one.money.cost_minor), "num"],
  [t("field.return"), (one) => percent(one.money.return_on_cost), "num"],
];

function stayed(arm) {
  return arm.customers ? html`${percent(arm.retained / arm.customers, 1)}<div class="soft">${number(arm.retained)} / ${number(arm.customers)}</div>` : "–";
}

function interval(one) {
  return one ? `${points(one.low)} … ${points(one.high)}` : "";
}
