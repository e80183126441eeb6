// One customer in one request: who it is, what it is worth, whether it may leave and why, what happened and what was done.
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { step } from "../core/api.js";
import { amount, day, moment, money, number, percent } from "../core/format.js";
import { churnReason, remedyOf } from "../core/reasons.js";
import { said } from "../core/said.js";
import { t, word } from "../core/words.js";
import { Answered, Badge, Card, Empty, Facts, Figure, Head } from "../parts/basics.js";
import { Bars } from "../parts/charts.js";
import { Table } from "../parts/table.js";
import { Contacts } from "./customer_contacts.js";
import { Months, Timeline } from "./customer_history.js";
import { columnsOfWarnings } from "./warnings.js";

export function Customer({ id }) {
  const view = useAnswer(`/v1/customers/${step(id)}`, {}, { live: true });
  return html`<${Answered} of=${view} rows=${10}>${(customer) => html`<${Whole} customer=${customer} />`}<//>`;
}

function Whole({ customer }) {
  const { profile, personal, standing, churn, segment, alerts = [] } = customer;
  return html`<${Head} title=${personal?.name ? `${personal.name} · ${customer.customer_id}` : customer.customer_id}>
      ${profile?.do_not_contact && html`<span class="badge bad">${t("customer.do_not_contact")}</span>`}
      ${segment && html`<${Badge} group="segment" code=${segment.segment} />`}${standing && html`<${Badge} group="status" code=${standing.status_group} tone=${standing.status_group === "stable" ? "good" : "warn"} />`}
    <//>
    <div class="grid">
      <${Figure} label=${t("field.leave")} value=${percent(churn?.probability, 1)} about=${churn ? word("basis", churn.basis) + " · " + day(churn.as_of) : t("customer.not_scored")} />
      <${Figure} label=${t("field.value")} value=${money(standing?.value_minor)} about=${standing ? word("tier", standing.tier) : ""} />
      <${Figure} label=${t("field.future_value")} value=${money(standing?.future_value_minor)} about=${standing ? t("customer.at_risk", { money: money(standing.revenue_at_risk_minor) }) : ""} />
      <${Figure} label=${t("field.open_warnings")} value=${number(alerts.length)} about=${alerts[0] ? word("kind", alerts[0].kind) : ""} />
      <${Card} title=${t("customer.who")} wide="w5"><${Who} customer=${customer} /><//>
      <${Card} title=${t("customer.why")} wide="w7" note=${said(churn?.basis_reason)}><${Reasons} churn=${churn} /><//>
      <${Card} title=${t("view.warnings")} wide="w12" bare><${Alerts} alerts=${alerts} /><//>
      <${Card} title=${t("customer.months")} wide="w12" bare><${Months} months=${customer.behaviour.months} /><//>
      <${Card} title=${t("customer.timeline")} wide="w6" bare><${Timeline} facts=${customer.timeline} /><//>
      <div class="w6 grid">
        <${Contacts} contacts=${customer.contacts} />
        <${Card} title=${t("customer.fresh")}><${Facts} of=${freshness(customer)} /><//>
      </div>
    </div>`;
}

function Who({ customer: { profile, personal, standing, segment, freshness: fresh } }) {
  if (!profile) return html`<${Empty} />`;
  const subscriptions = (profile.subscriptions ?? []).filter((one) => !one.ended_at);
  const consents = (profile.consents ?? []).filter((one) => one.granted && one.purpose === "marketing");
  return html`<${Facts} of=${[
    [t("field.name"), personal ? personal.name : (said(fresh.personal?.reason) ?? undefined)],
    [t("field.contact_points"), personal?.contact_points?.map((one) => one.value).join(", ")],
    [t("field.subscriptions"), subscriptions.map((one) => html`<div>${[one.plan ?? one.subscription_id, one.brand, word("payment", one.payment_type)].filter(Boolean).join(" · ")}${one.contract_ends && html` <span class="soft">${t("customer.contract_until", { day: day(one.contract_ends) })}</span>`}</div>`)],
    [t("field.home_region"), profile.region],
    [t("field.since"), day(profile.registered_at)],
    [t("field.star"), profile.service_star && number(profile.service_star)],
    [t("field.consents"), consents.map((one) => word("channel", one.channel)).join(", ") || t("customer.no_consent")],
    [t("field.value_tier"), standing && html`${word("tier", standing.tier)} <span class="soft">${said(standing.tier_reason)}</span>`],
    [t("field.lifecycle"), standing && html`${word("stage", standing.lifecycle)} <span class="soft">${day(standing.lifecycle_since)}</span>`],
    [t("field.rfm"), segment && html`${segment.r} · ${segment.f} · ${segment.m} <div class="soft">${t("customer.rfm", { ago: amount(segment.recency_days, "day"), frequency: number(segment.frequency), money: money(segment.monetary_minor) })}</div>`],
    [t("field.owed"), standing?.owed_minor ? money(standing.owed_minor) : undefined],
    [t("field.merged"), profile.merged_from?.join(", ")],
  ]} />`;
}

/** To the right and red what speaks for leaving; the numbers are log-odds, as the model adds them up. */
function Reasons({ churn }) {
  if (!churn?.reasons?.length) return html`<${Empty} text=${t("customer.not_scored")} />`;
  const rows = churn.reasons.map((one) => [churnReason(one), one.contribution, one.contribution.toFixed(2), one.contribution > 0 ? "up" : "down"]);
  const remedies = churn.reasons.filter((one) => one.remedy);
  return html`<${Bars} rows=${rows} />${remedies.length > 0 && html`<h3 class="soft">${t("customer.remedies")}</h3>
    <ul>${remedies.map((one) => html`<li>${remedyOf(one)} <span class="soft">${t("customer.then", { share: percent(one.if_remedied, 1) })}</span></li>`)}</ul>`}`;
}

function Alerts({ alerts }) {
  return html`<${Table} caption=${t("view.warnings")} columns=${columnsOfWarnings().slice(1)} rows=${alerts} empty=${t("warnings.none")} />`;
}

function freshness({ freshness: blocks }) {
  return Object.entries(blocks).map(([name, block]) => [word("block", name), html`${moment(block.updated_at)} <span class="soft">${said(block.reason) ?? block.source}</span>`]);
}
