// The receipt of a decision: every gate with the value it saw, every offer weighed, and all it looked at.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { step } from "../core/api.js";
import { moment, money, percent } from "../core/format.js";
import { at } from "../core/router.js";
import { said } from "../core/said.js";
import { language } from "../core/state.js";
import { t, word } from "../core/words.js";
import { Answered, Badge, Card, Facts, Head, Json } from "../parts/basics.js";
import { Table } from "../parts/table.js";

export function Decision({ id }) {
  const receipt = useAnswer(`/v1/decisions/${step(id)}`);
  return html`<${Answered} of=${receipt} rows=${8}>${(decision) => html`<${Receipt} decision=${decision} />`}<//>`;
}

function Receipt({ decision }) {
  return html`<${Head} title=${t("decision.title")}><${Badge} group="verdict" code=${decision.verdict} /><//>
    <div class="grid">
      <${Card} title=${t("decision.what")} wide="w5"><${Facts} of=${[
        [t("field.customer"), html`<a class="id" href=${at("/customers", decision.customer_id)}>${decision.customer_id}</a>`],
        [t("field.campaign"), html`<a href=${at("/campaigns", decision.campaign_id)}>${decision.campaign_id}</a>`],
        [t("field.occasion"), word("kind", decision.alert_kind)],
        [t("field.decided_at"), moment(decision.decided_at, { seconds: true })],
        [t("field.arm"), word("arm", decision.arm)],
        [t("field.why_not"), decision.failed_gate && word("gate", decision.failed_gate)],
        [t("field.offer"), decision.offer_id],
        [t("field.policy"), decision.policy],
        [t("field.decision_id"), html`<span class="id">${decision.decision_id}</span>`],
      ]} /><//>
      <div class="w7 grid"><${Offers} weighed=${decision.weighed ?? []} /><${Again} decision=${decision} /></div>
      <${Card} title=${t("decision.gates")} bare><${Gates} gates=${decision.gates} /><//>
      <${Card} title=${t("decision.inputs")} note=${decision.inputs_digest && t("decision.digest", { digest: decision.inputs_digest })}>
        <details><summary>${t("decision.show_inputs")}</summary><${Json} value=${{ inputs: decision.inputs, worth: decision.worth, contents: decision.contents }} /></details><//>
    </div>`;
}

function Gates({ gates }) {
  const columns = [
    [t("field.passed"), (gate) => html`<span class=${`tick ${gate.passed ? "good" : "bad"}`} role="img" aria-label=${t(gate.passed ? "gate.passed" : "gate.failed")}>${gate.passed ? "✓" : "✕"}</span>`],
    [t("field.gate"), (gate) => word("gate", gate.gate), "tight"],
    [t("field.saw"), (gate) => (gate.gate === "campaign_running" ? word("state", gate.detail) : said(gate.detail)), "wrap"],
  ];
  return html`<div class="gates"><${Table} caption=${t("decision.gates")} columns=${columns} rows=${gates} rowClass=${(gate) => (gate.passed ? "" : "failed")} /></div>`;
}

function Offers({ weighed }) {
  const columns = [
    [t("field.offer"), (row) => row.offer_id, "wrap"],
    [t("field.expected_profit"), (row) => money(row.expected_profit_minor), "num"],
    [t("field.risk_removed"), (row) => percent(row.reduction, 1), "num"],
    [t("field.future_value"), (row) => money(row.future_value_minor), "num"],
    [t("field.cost"), (row) => money(row.cost_minor), "num"],
    [t("field.basis"), (row) => word("basis", row.basis), "wrap"],
  ];
  return html`<${Card} title=${t("decision.weighed")} bare><${Table} caption=${t("decision.weighed")} columns=${columns} rows=${weighed} empty=${t("decision.no_offers")} /><//>`;
}

/** Asked for only when somebody wants to know: it makes the decision again, and tells it in the customer's words. */
function Again({ decision }) {
  const [asked, setAsked] = useState(false);
  const path = `/v1/decisions/${step(decision.decision_id)}/recomputed`;
  const words = `/v1/customers/${step(decision.customer_id)}/decisions/${step(decision.decision_id)}/explanation`;
  const recomputed = useAnswer(asked ? path : null);
  const explained = useAnswer(asked ? words : null, { language: language.value });
  if (!asked) return html`<${Card} title=${t("decision.again")}><button onClick=${() => setAsked(true)}>${t("decision.ask")}</button><//>`;
  return html`<${Card} title=${t("decision.again")}>
    <${Answered} of=${recomputed} rows=${1}>${(found) => html`<p class=${found.agrees ? "said" : "problem"} role="status">${found.agrees ? t("decision.agrees") : t("decision.differs", { fields: found.differs_in.join(", ") })}</p>`}<//>
    <${Answered} of=${explained} rows=${3}>${(told) => html`<p>${told.why}</p><p>${told.data}</p><p>${told.refuse}</p>`}<//>
  <//>`;
}
