// Where customers stand: the map of recency against habit. Migration and the value pyramid are its neighbours.
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { money, number, percent } from "../core/format.js";
import { at, place, withQuery } from "../core/router.js";
import { t, word } from "../core/words.js";
import { Answered, Card, Choice, Empty, Head, Tabs } from "../parts/basics.js";
import { Bars, heat } from "../parts/charts.js";

export function SegmentTabs({ now }) {
  const tabs = [["map", t("segments.map"), at("/segments")], ["migration", t("segments.migration"), at("/segments/migration")], ["pyramid", t("segments.pyramid"), at("/segments/pyramid")]];
  return html`<${Head} title=${t("view.segments")} about=${t(`segments.about_${now}`)} /><${Tabs} label=${t("view.segments")} tabs=${tabs} now=${now} />`;
}

export function Segments() {
  const { population } = place.value.query;
  const map = useAnswer("/v1/segments/map", { population });
  const counts = useAnswer("/v1/segments");
  const populations = counts.data?.populations.map((one) => [one.population, word("population", one.population)]) ?? [];
  return html`<${SegmentTabs} now="map" />
    <div class="filters"><${Choice} label=${t("field.population")} value=${population ?? ""} options=${[["", t("filter.all")], ...populations]} onChange=${(chosen) => withQuery({ population: chosen })} /></div>
    <div class="grid">
      <${Card} title=${t("segments.map")} wide="w8" note=${t("segments.map_note")}><${Answered} of=${map}>${({ cells }) => html`<${SegmentMap} cells=${cells} />`}<//><//>
      <${Card} title=${t("segments.sizes")} wide="w4"><${Answered} of=${counts}>${(data) => html`<${Sizes} populations=${data.populations.filter((one) => !population || one.population === population)} />`}<//><//>
    </div>`;
}

const SCORES = [1, 2, 3, 4, 5];

function SegmentMap({ cells }) {
  if (!cells.length) return html`<${Empty} />`;
  const most = Math.max(...cells.map((cell) => cell.customers));
  const cellAt = (recency, habit) => cells.find((cell) => cell.recency === recency && cell.habit === habit);
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${t("segments.map")}><table class="heat"><caption>${t("segments.map")}</caption>
    <thead><tr><th scope="col">${t("segments.axes")}</th>${SCORES.map((score) => html`<th scope="col">${score}</th>`)}</tr></thead>
    <tbody>${[...SCORES].reverse().map((habit) => html`<tr><th scope="row">${habit}</th>${SCORES.map((recency) => html`<${Cell} cell=${cellAt(recency, habit)} most=${most} />`)}</tr>`)}</tbody>
  </table></div>`;
}

function Cell({ cell, most }) {
  if (!cell) return html`<td class="soft">·</td>`;
  return html`<td style=${heat(cell.customers, most)}><b>${number(cell.customers)}</b><small>${word("segment", cell.segment)}</small><small>⌀ ${money(cell.mean_value_minor)}</small></td>`;
}

function Sizes({ populations }) {
  const sums = new Map();
  for (const one of populations) for (const [name, count] of Object.entries(one.segments)) sums.set(name, (sums.get(name) ?? 0) + count);
  const all = [...sums.values()].reduce((sum, count) => sum + count, 0);
  const rows = [...sums].map(([name, count]) => [word("segment", name), count, `${number(count)} · ${percent(all ? count / all : 0)}`]);
  return rows.length ? html`<${Bars} rows=${rows} />` : html`<${Empty} />`;
}
