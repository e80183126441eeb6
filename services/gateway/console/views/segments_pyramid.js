// The value pyramid: how many customers bring how much.
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { money, number, percent } from "../core/format.js";
import { t, word } from "../core/words.js";
import { Answered, Card, Empty } from "../parts/basics.js";
import { Bars } from "../parts/charts.js";
import { SegmentTabs } from "./segments.js";

export function PyramidView() {
  const tiers = useAnswer("/v1/tiers");
  const stages = useAnswer("/v1/lifecycle");
  const bars = (group, counts) => html`<${Bars} rows=${Object.entries(counts).map(([code, count]) => [word(group, code), count, number(count)])} />`;
  return html`<${SegmentTabs} now="pyramid" />
    <div class="grid">
      <${Card} title=${t("segments.pyramid")} wide="w8"><${Answered} of=${tiers}>${(data) => html`<${Pyramid} tiers=${data.tiers} />`}<//><//>
      <div class="w4 grid">
        <${Card} title=${t("segments.stages")}><${Answered} of=${stages}>${(data) => bars("stage", Object.fromEntries(data.stages.map((one) => [one.stage, one.customers])))}<//><//>
        <${Card} title=${t("segments.groups")}><${Answered} of=${stages}>${(data) => bars("status", data.status_groups)}<//><//>
        <${Card} title=${t("segments.stars")}><${Answered} of=${tiers}>${(data) => bars("star", data.by_star)}<//><//>
      </div>
    </div>`;
}

/** A step is as wide as its share of the customers is large; beside it, what it brings. */
export function Pyramid({ tiers, small = false }) {
  if (!tiers.length) return html`<${Empty} />`;
  if (small) return html`<${Bars} rows=${tiers.map((one) => [word("tier", one.tier), one.share, t("segments.brings", { customers: number(one.customers), share: percent(one.value_share) })])} />`;
  const widest = Math.max(...tiers.map((one) => one.share), 1e-9);
  return html`<div class="pyramid">${tiers.map((one, index) => html`<div>
    <strong>${word("tier", one.tier)}</strong>
    <div><div class="step" style=${{ "--width": `${(100 * one.share) / widest}%`, "--depth": 1 - index * 0.18 }}></div></div>
    <div>${t("segments.customers", { customers: number(one.customers), share: percent(one.share) })}
      <small>${t("segments.value", { money: money(one.value_minor, { compact: true }), share: percent(one.value_share) })}</small>
      ${one.from_minor !== null && html`<small>${t("segments.from", { money: money(one.from_minor) })}</small>`}</div>
  </div>`)}</div>`;
}
