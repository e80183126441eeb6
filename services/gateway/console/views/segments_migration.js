// Who moved from where to where between two days.
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { number, percent } from "../core/format.js";
import { place, withQuery } from "../core/router.js";
import { t, word } from "../core/words.js";
import { Answered, Card, Choice, Empty } from "../parts/basics.js";
import { heat } from "../parts/charts.js";
import { SegmentTabs } from "./segments.js";

const OF = ["segment", "tier", "lifecycle"];
const WEEK_DAYS = 7;
const daysBefore = (iso, days) => new Date(Date.parse(iso) - days * 86_400_000).toISOString().slice(0, 10);

export function Migration() {
  // The last day that anything is known of, which is the operator's today and not the browser's.
  const risk = useAnswer("/v1/analysis/revenue-at-risk");
  const today = risk.data?.until ?? (risk.problem ? new Date().toISOString().slice(0, 10) : null);
  const { of = "segment", to = today, from = to && daysBefore(to, WEEK_DAYS) } = place.value.query;
  const moves = useAnswer(to ? "/v1/migration" : null, { of, from, to });
  const dayField = (name, value) => html`<label class="field">${t(`field.${name}`)}<input type="date" required value=${value} onChange=${(event) => event.target.value && withQuery({ [name]: event.target.value })} /></label>`;
  return html`<${SegmentTabs} now="migration" />
    <div class="filters">
      <${Choice} label=${t("field.of")} value=${of} options=${OF.map((code) => [code, t(`field.${code}`)])} onChange=${(chosen) => withQuery({ of: chosen })} />
      ${to && html`${dayField("from", from)}${dayField("to", to)}`}
    </div>
    <${Card} title=${t("segments.migration")} wide="" note=${t("segments.migration_note")}><${Answered} of=${moves}>${(data) => html`<${Matrix} data=${data} />`}<//><//>`;
}

const GROUP = { segment: "segment", tier: "tier", lifecycle: "stage" };

function Matrix({ data }) {
  const names = [...new Set(data.moves.flatMap((move) => [move.before, move.after]))].sort((a, b) => (a === null ? 1 : b === null ? -1 : 0));
  if (!names.length) return html`<${Empty} />`;
  const moved = Math.max(...data.moves.filter((move) => move.before !== move.after).map((move) => move.customers), 1);
  const count = (before, after) => data.moves.find((move) => move.before === before && move.after === after)?.customers;
  const called = (name) => (name === null ? t("segments.none") : word(GROUP[data.of] ?? data.of, name));
  return html`<p>${t("segments.stayed", { stayed: number(data.stayed), customers: number(data.customers), share: percent(data.customers ? data.stayed / data.customers : null) })}</p>
    <div class="scroll" tabindex="0" role="group" aria-label=${t("segments.migration")}><table class="heat moves"><caption>${t("segments.migration")}</caption>
    <thead><tr><th scope="col">${t("segments.from_to")}</th>${names.map((name) => html`<th scope="col">${called(name)}</th>`)}</tr></thead>
    <tbody>${names.map((before) => html`<tr><th scope="row">${called(before)}</th>${names.map((after) => {
      const customers = count(before, after);
      if (!customers) return html`<td class="soft">·</td>`;
      if (before === after) return html`<td class="stay">${number(customers)}</td>`;
      return html`<td style=${heat(customers, moved)}>${number(customers)}</td>`;
    })}</tr>`)}</tbody></table></div>`;
}
