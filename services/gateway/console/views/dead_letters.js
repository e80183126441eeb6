// Records that could not be applied: look, correct, replay.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { useAnswer, usePages } from "../core/answers.js";
import { step } from "../core/api.js";
import { moment, number } from "../core/format.js";
import { at, go, place, withQuery } from "../core/router.js";
import { t, word } from "../core/words.js";
import { ActorField, useAct } from "../parts/acting.js";
import { Answered, Badge, Card, Choice, Facts, Head, Trouble } from "../parts/basics.js";
import { Pages } from "../parts/table.js";
import { OperationsTabs } from "./operations.js";

const SERVICES = ["customer", "segmentation", "retention", "gateway"];

export function DeadLetters({ service = "customer" }) {
  const { status } = place.value.query;
  const pages = usePages(`/v1/dead-letters/${step(service)}`, { status }, (row) => row.id);
  const columns = [
    [t("field.record"), (row) => html`<a href=${at("/operations/dead", service, String(row.id))}>${row.topic} ${number(row.partition)}/${row.offset}</a>`, "tight"],
    [t("field.code"), (row) => word("problem", row.code), "wrap"],
    [t("field.detail"), (row) => row.detail, "wrap"],
    [t("field.source"), (row) => row.source, "tight"],
    [t("field.state"), (row) => html`<${Badge} group="state" code=${row.status} />`, "tight"],
    [t("field.died_at"), (row) => moment(row.died_at), "tight"],
  ];
  return html`<${OperationsTabs} now="dead" />
    <div class="filters">
      <${Choice} label=${t("field.service")} value=${service} options=${SERVICES.map((one) => [one, one])} onChange=${(chosen) => go(`/operations/dead/${chosen}`)} />
      <${Choice} label=${t("field.state")} value=${status ?? ""} options=${[["", t("filter.all")], ...["dead", "replayed"].map((code) => [code, word("state", code)])]} onChange=${(chosen) => withQuery({ status: chosen })} />
    </div>
    <${Card} bare wide=""><${Pages} of=${pages} caption=${t("operations.dead")} columns=${columns} empty=${t("operations.none_dead")} /><//>`;
}

export function DeadLetter({ service, id }) {
  const letter = useAnswer(`/v1/dead-letters/${step(service)}/${step(id)}`);
  return html`<${Answered} of=${letter} rows=${8}>${(row) => html`<${Head} title=${`${row.topic} ${row.partition}/${row.offset}`}><${Badge} group="state" code=${row.status} /><//>
    <div class="grid">
      <${Card} title=${t("operations.why_dead")} wide="w5"><${Facts} of=${[
        [t("field.code"), html`${word("problem", row.code)} <code class="soft">${row.code}</code>`], [t("field.detail"), row.detail], [t("field.source"), row.source], [t("field.key"), row.key],
        [t("field.died_at"), moment(row.died_at)], [t("field.replayed_at"), row.replayed_at && moment(row.replayed_at)], [t("field.bytes"), number(row.size_bytes)],
      ]} /><//>
      <${Card} title=${t("operations.replay")} wide="w7"><${Replay} service=${service} row=${row} reload=${letter.reload} /><//>
    </div>`}<//>`;
}

function Replay({ service, row, reload }) {
  const [text, setText] = useState(pretty(row.value));
  const [broken, setBroken] = useState(null);
  const { act, problem, busy } = useAct(reload);
  const send = (event) => {
    event.preventDefault();
    try {
      setBroken(null);
      act(`/v1/dead-letters/${step(service)}/${row.id}/replay`, { event: text === pretty(row.value) ? null : JSON.parse(text) });
    } catch (error) {
      setBroken({ code: "malformed_json", detail: error.message });
    }
  };
  return html`<form class="form" onSubmit=${send}><p class="soft">${t("operations.replay_about")}</p><${Trouble} problem=${broken ?? problem} />
    <label class="field">${t("field.event")}<textarea class="id" rows="14" spellcheck=${false} value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
    <${ActorField} /><div><button class="main" disabled=${busy}>${t("operations.replay")}</button></div></form>`;
}

function pretty(value) {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
