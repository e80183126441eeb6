// One campaign: what it did, what it changed, and the switch that stops it.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { step } from "../core/api.js";
import { moment, money, number, percent } from "../core/format.js";
import { t, word } from "../core/words.js";
import { Confirm } from "../parts/acting.js";
import { Answered, Badge, Card, Empty, Facts, Head } from "../parts/basics.js";
import { Bars } from "../parts/charts.js";
import { Table } from "../parts/table.js";
import { Effect } from "./campaign_effect.js";

/** What can be done with a campaign in a state. */
const STEPS = { running: ["pause", "stop"], paused: ["resume", "stop"] };

export function Campaign({ id }) {
  const campaign = useAnswer(`/v1/campaigns/${step(id)}`, {}, { live: true });
  const effect = useAnswer(`/v1/campaigns/${step(id)}/effect`);
  return html`<${Answered} of=${campaign} rows=${8}>${(one) => html`<${Whole} campaign=${one} effect=${effect} reload=${campaign.reload} />`}<//>`;
}

function Whole({ campaign, effect, reload }) {
  const { counts } = campaign;
  return html`<${Head} title=${campaign.name}><${Badge} group="state" code=${campaign.state} /><${Switches} campaign=${campaign} reload=${reload} /><//>
    <div class="grid">
      <${Card} title=${t("campaigns.effect")} bare><${Answered} of=${effect}>${(found) => html`<${Effect} found=${found} />`}<//><//>
      <${Card} title=${t("campaigns.decisions")} wide="w4"><${Counts} group="verdict" of=${counts?.decisions} /><//>
      <${Card} title=${t("campaigns.refused_by")} wide="w4"><${Counts} group="gate" of=${counts?.refused_by} /><//>
      <${Card} title=${t("campaigns.outcomes")} wide="w4"><${Counts} group="outcome" of=${counts?.outcomes} /><//>
      <${Card} title=${t("campaigns.rules")} wide="w4"><${Facts} of=${rules(campaign)} /><//>
      <${Card} title=${t("campaigns.steps")} wide="w8" bare><${Steps} steps=${campaign.steps ?? []} /><//>
    </div>`;
}

function rules(campaign) {
  return [
    [t("field.campaign"), html`<span class="id">${campaign.campaign_id}</span>`],
    [t("field.channel"), [campaign.channel, ...campaign.fallback_channels].map((one) => word("channel", one)).join(" → ")],
    [t("field.purpose"), word("purpose", campaign.purpose)],
    [t("field.hold_out"), percent(campaign.hold_out_share, 1)],
    [t("field.cap"), t("campaigns.cap", { contacts: number(campaign.cap_contacts), days: number(campaign.cap_days) })],
    [t("field.hours"), `${campaign.opens}–${campaign.closes}`],
    [t("field.capacity"), number(campaign.capacity)],
    [t("field.budget"), campaign.budget_minor === null ? t("campaigns.no_limit") : money(campaign.budget_minor)],
    [t("field.customers"), Object.entries(campaign.counts?.customers ?? {}).map(([arm, count]) => `${word("arm", arm)} ${number(count)}`).join(" · ")],
    [t("field.tasks"), Object.entries(campaign.counts?.tasks ?? {}).map(([state, count]) => `${word("state", state)} ${number(count)}`).join(" · ")],
  ];
}

function Counts({ of: counts = {}, group }) {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a).map(([code, count]) => [word(group, code), count, number(count)]);
  return rows.length ? html`<${Bars} rows=${rows} />` : html`<${Empty} />`;
}

function Switches({ campaign, reload }) {
  const [asked, setAsked] = useState(null);
  const done = () => {
    setAsked(null);
    reload();
  };
  return html`${(STEPS[campaign.state] ?? []).map((one) => html`<button class=${one === "stop" ? "danger" : one === "resume" ? "main" : ""} onClick=${() => setAsked(one)}>${t(`campaigns.${one}`)}</button>`)}
    ${asked && html`<${Confirm} title=${t(`campaigns.${asked}_title`, { name: campaign.name })} about=${t(`campaigns.${asked}_about`)} act=${t(`campaigns.${asked}`)} danger=${asked === "stop"}
      path=${`/v1/campaigns/${step(campaign.campaign_id)}/${asked}`} onDone=${done} onClose=${() => setAsked(null)} />`}`;
}

function Steps({ steps }) {
  const columns = [
    [t("field.step"), (row) => word("step", row.step), "tight"],
    [t("field.actor"), (row) => row.actor, "tight"],
    [t("field.reason"), (row) => row.reason, "wrap"],
    [t("field.at"), (row) => moment(row.at), "tight"],
  ];
  return html`<${Table} caption=${t("campaigns.steps")} columns=${columns} rows=${steps} empty=${t("campaigns.no_steps")} />`;
}
