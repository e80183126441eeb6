// Whether the system is well. Each of its pages asks for one thing.
import { html } from "../core/html.js";
import { useAnswer, usePages } from "../core/answers.js";
import { moment, number } from "../core/format.js";
import { at } from "../core/router.js";
import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { Answered, Badge, Card, Head, Tabs } from "../parts/basics.js";
import { Pages, Table } from "../parts/table.js";

export function OperationsTabs({ now }) {
  const names = ["health", "feeds", "reconciliation", "parked", "dead"];
  const tabs = names.map((name) => [name, t(`operations.${name}`), at("/operations", ...(name === "health" ? [] : [name]))]);
  return html`<${Head} title=${t("view.operations")} about=${t(`operations.about_${now}`)} /><${Tabs} label=${t("view.operations")} tabs=${tabs} now=${now} />`;
}

const OTHERS = ["customer", "segmentation", "retention"];

export function Health() {
  const gateway = useAnswer("/health/ready", {}, { live: true });
  const others = OTHERS.map((service) => useAnswer(`/v1/workers/${service}`, {}, { live: true }));
  const services = [["gateway", gateway], ...OTHERS.map((service, index) => [service, others[index]])];
  const rows = services.flatMap(([service, { data, problem }]) => (data?.workers ?? [{ name: problem?.detail ?? "…", state: problem ? "away" : "" }]).map((worker) => ({ service, ...worker })));
  const columns = [
    [t("field.service"), (row) => row.service, "tight"],
    [t("field.worker"), (row) => html`<span class="id">${row.name}</span>`, "wrap"],
    [t("field.state"), (row) => html`<${Badge} group="state" code=${row.state} />`, "tight"],
    [t("field.lag"), (row) => number(row.lag_records), "num"],
    [t("field.beat_at"), (row) => moment(row.beat_at, { seconds: true }), "tight"],
  ];
  const reached = Object.entries({ bus: gateway.data?.bus, ...gateway.data?.services }).filter(([, state]) => state);
  return html`<${OperationsTabs} now="health" />
    <div class="grid">
      <${Card} title=${t("operations.reached")} wide="w4"><${Answered} of=${gateway} rows=${4}>${() => html`<dl class="facts">${reached.map(([name, state]) => html`<dt>${name}</dt><dd><${Badge} group="state" code=${state} /></dd>`)}</dl>`}<//><//>
      <${Card} title=${t("operations.workers")} wide="w8" bare note=${t("operations.lag_note")}><${Table} caption=${t("operations.workers")} columns=${columns} rows=${rows} /><//>
    </div>`;
}

export function Feeds() {
  const pages = usePages("/v1/feeds", {}, (row) => `${row.topic}/${row.source}`, { live: true });
  const columns = [
    [t("field.topic"), (row) => row.topic, "tight"],
    [t("field.source"), (row) => row.source, "wrap"],
    [t("field.state"), (row) => html`<${Badge} group="state" code=${row.state} />`, "tight"],
    [t("field.reason"), (row) => said(row.reason), "wrap"],
    [t("field.heard"), (row) => moment(row.last_heard_at), "tight"],
    [t("field.accepted"), (row) => number(row.accepted), "num"],
    [t("field.dead"), (row) => number(row.dead), "num"],
  ];
  return html`<${OperationsTabs} now="feeds" /><${Card} bare wide=""><${Pages} of=${pages} caption=${t("operations.feeds")} columns=${columns} /><//>`;
}

export function Reconciliation() {
  const answer = useAnswer("/v1/reconciliation", {}, { live: true });
  const counted = ["accepted", "applied", "duplicate", "parked", "dead"].map((name) => [t(`field.${name}`), (row) => number(row[name]), "num"]);
  const columns = [
    [t("field.topic"), (row) => row.topic ?? t("operations.total"), "tight"],
    [t("field.source"), (row) => row.source, "wrap"],
    ...counted,
    [t("field.balanced"), (row) => html`<span class=${`badge ${row.balanced ? "good" : "bad"}`}>${t(row.balanced ? "operations.balanced" : "operations.unbalanced")}</span>`, "tight"],
  ];
  return html`<${OperationsTabs} now="reconciliation" /><${Card} bare wide=""><${Answered} of=${answer}>${(data) => html`<${Table} caption=${t("operations.reconciliation")} columns=${columns}
    rows=${[...data.sources, { ...data.totals, balanced: data.balanced }]} />`}<//><//>`;
}

export function Parked() {
  const pages = usePages("/v1/parked", {}, (row) => `${row.source}/${row.id}`);
  const columns = [
    [t("field.event"), (row) => html`<span class="id">${row.id}</span>`, "wrap"],
    [t("field.type"), (row) => row.type, "tight"],
    [t("field.source"), (row) => row.source, "tight"],
    [t("field.reason"), (row) => said(row.reason), "wrap"],
    [t("field.happened"), (row) => moment(row.occurred_at), "tight"],
    [t("field.parked_at"), (row) => moment(row.parked_at), "tight"],
  ];
  return html`<${OperationsTabs} now="parked" /><${Card} bare wide=""><${Pages} of=${pages} caption=${t("operations.parked")} columns=${columns} empty=${t("operations.none_parked")} /><//>`;
}
