// What was decided about a customer, and what came of it.
import { html } from "../core/html.js";
import { moment } from "../core/format.js";
import { at } from "../core/router.js";
import { t, word } from "../core/words.js";
import { Badge, Card } from "../parts/basics.js";
import { Table } from "../parts/table.js";

export function Contacts({ contacts }) {
  const decisions = [
    [t("field.decision"), (row) => html`<a href=${at("/decisions", row.decision_id)}>${row.campaign_id}</a>`, "wrap"],
    [t("field.verdict"), (row) => html`<${Badge} group="verdict" code=${row.verdict} />`, "tight"],
    [t("field.why_not"), (row) => { const gate = row.gates.find((one) => !one.passed); return gate ? word("gate", gate.gate) : ""; }, "wrap"],
    [t("field.decided_at"), (row) => moment(row.decided_at), "tight"],
  ];
  const tasks = [
    [t("field.task"), (row) => html`<a href=${at("/tasks", row.task_id)}>${row.offer_id || row.campaign_id}</a>`, "wrap"],
    [t("field.state"), (row) => html`<${Badge} group="state" code=${row.status} />`, "tight"],
    [t("field.outcome"), (row) => (row.outcome ? html`<${Badge} group="outcome" code=${row.outcome.result} />` : "–"), "tight"],
    [t("field.opened_at"), (row) => moment(row.opened_at), "tight"],
  ];
  return html`<${Card} title=${t("customer.decisions")} bare><${Table} caption=${t("customer.decisions")} columns=${decisions} rows=${contacts.decisions} empty=${t("customer.no_decisions")} /><//>
    <${Card} title=${t("customer.tasks")} bare><${Table} caption=${t("customer.tasks")} columns=${tasks} rows=${contacts.tasks} empty=${t("tasks.none")} /><//>`;
}
