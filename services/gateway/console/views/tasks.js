// The work list of the call desk.
import { html } from "../core/html.js";
import { usePages, WORKED } from "../core/answers.js";
import { moment, number } from "../core/format.js";
import { at, place, withQuery } from "../core/router.js";
import { said } from "../core/said.js";
import { t, word } from "../core/words.js";
import { Badge, Card, Choice, Head } from "../parts/basics.js";
import { Pages } from "../parts/table.js";

const STATES = ["open", "done", "cancelled"];

export function Tasks() {
  const { status = "open" } = place.value.query;
  const pages = usePages("/v1/tasks", { status }, (row) => row.task_id, { live: WORKED });
  const columns = [
    [t("field.task"), (row) => html`<a href=${at("/tasks", row.task_id)}>${said(row.reason) || row.campaign_id}</a>`, "wrap"],
    [t("field.customer"), (row) => html`<span class="id">${row.customer_id}</span>`, "tight"],
    [t("field.priority"), (row) => number(row.priority), "num"],
    [t("field.channel"), (row) => word("channel", row.channel), "tight"],
    [t("field.offer"), (row) => row.offer_id || "–", "tight"],
    [t("field.due_at"), (row) => moment(row.due_at), "tight"],
    [t("field.outcome"), (row) => (row.outcome ? html`<${Badge} group="outcome" code=${row.outcome.result} />` : html`<${Badge} group="state" code=${row.status} />`), "tight"],
  ];
  return html`<${Head} title=${t("view.tasks")} about=${t("tasks.about")} />
    <div class="filters"><${Choice} label=${t("field.state")} value=${status} options=${STATES.map((code) => [code, word("state", code)])} onChange=${(chosen) => withQuery({ status: chosen === "open" ? "" : chosen })} /></div>
    <${Card} bare wide=""><${Pages} of=${pages} caption=${t("view.tasks")} columns=${columns} rowClass=${(row) => (pages.fresh.has(row.task_id) ? "fresh" : "")} empty=${t("tasks.none")} /><//>`;
}
