// Revenue at risk: the probability to leave times the future value, day by day.
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { day, money, number, percent } from "../core/format.js";
import { place, withQuery } from "../core/router.js";
import { t, word } from "../core/words.js";
import { Answered, Card, Choice, Empty, Head } from "../parts/basics.js";
import { Bars, Trend } from "../parts/charts.js";
import { Table } from "../parts/table.js";

const BY = ["brand", "region", "tier", "cause"];
const GROUP = { tier: "tier", cause: "kind" };

export function Risk() {
  const { by = "brand" } = place.value.query;
  const total = useAnswer("/v1/analysis/revenue-at-risk");
  const split = useAnswer("/v1/analysis/revenue-at-risk", { by });
  return html`<${Head} title=${t("view.risk")} about=${t("risk.about")} />
    <div class="filters"><${Choice} label=${t("field.by")} value=${by} options=${BY.map((code) => [code, t(`field.${code}`)])} onChange=${(chosen) => withQuery({ by: chosen })} /></div>
    <div class="grid">
      <${Card} title=${t("risk.trend")} wide="w8"><${Answered} of=${total}>${({ rows }) => (rows.length ? html`<${Trend} label=${t("risk.trend")} days=${rows.map((row) => [row.day, row.revenue_at_risk_minor])} />` : html`<${Empty} />`)}<//><//>
      <${Card} title=${t("risk.by", { what: t(`field.${by}`) })} wide="w4"><${Answered} of=${split}>${({ rows }) => html`<${Split} rows=${rows} by=${by} />`}<//><//>
      <${Card} title=${t("risk.days")} bare><${Answered} of=${total}>${({ rows }) => html`<${Days} rows=${[...rows].reverse()} />`}<//><//>
    </div>`;
}

function Split({ rows, by }) {
  const latest = rows.at(-1)?.day;
  const shown = rows.filter((row) => row.day === latest).sort((a, b) => b.revenue_at_risk_minor - a.revenue_at_risk_minor);
  if (!shown.length) return html`<${Empty} />`;
  return html`<p class="soft">${day(latest)}</p><${Bars} rows=${shown.map((row) => [row[by] ? word(GROUP[by] ?? by, row[by]) : t("risk.no_cause"), row.revenue_at_risk_minor, money(row.revenue_at_risk_minor, { compact: true })])} />`;
}

function Days({ rows }) {
  const columns = [
    [t("field.day"), (row) => day(row.day), "tight"],
    [t("field.revenue_at_risk"), (row) => money(row.revenue_at_risk_minor), "num"],
    [t("field.future_value"), (row) => money(row.future_value_minor), "num"],
    [t("field.share"), (row) => percent(row.share, 1), "num"],
    [t("field.with_warning"), (row) => number(row.at_risk), "num"],
    [t("field.customers"), (row) => number(row.customers), "num"],
  ];
  return html`<${Table} caption=${t("risk.days")} columns=${columns} rows=${rows} />`;
}
