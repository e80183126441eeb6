// One call: what to say, and what came of it.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { step } from "../core/api.js";
import { moment, number } from "../core/format.js";
import { at } from "../core/router.js";
import { said } from "../core/said.js";
import { actor } from "../core/state.js";
import { t, word } from "../core/words.js";
import { ActorField, useAct } from "../parts/acting.js";
import { Answered, Badge, Card, Choice, Facts, Head, Trouble } from "../parts/basics.js";

const RESULTS = ["saved", "lost", "undecided", "unreached", "wrong_number"];

export function Task({ id }) {
  const work = useAnswer(`/v1/tasks/${step(id)}/work`, {}, { live: true });
  return html`<${Answered} of=${work} rows=${8}>${(task) => html`<${Head} title=${said(task.reason) || task.campaign_id}><${Badge} group="state" code=${task.status} /><//>
    <div class="grid">
      <div class="w7 grid">
        <${Card} title=${t("tasks.script")}><p class="wrap">${task.script || t("state.empty")}</p><//>
        <${Card} title=${t("field.outcome")}>${task.status === "open" ? html`<${Report} task=${task} reload=${work.reload} />` : html`<${Outcome} outcome=${task.outcome} />`}<//>
      </div>
      <${Card} title=${t("tasks.facts")} wide="w5"><${Facts} of=${facts(task)} /><//>
    </div>`}<//>`;
}

function facts(task) {
  return [
    [t("field.customer"), html`<a class="id" href=${at("/customers", task.customer_id)}>${task.customer_id}</a>`],
    [t("field.campaign"), html`<a href=${at("/campaigns", task.campaign_id)}>${task.campaign_id}</a>`],
    [t("field.offer"), task.offer_id],
    [t("field.channel"), word("channel", task.channel)],
    [t("field.priority"), number(task.priority)],
    [t("field.due_at"), moment(task.due_at)],
    [t("field.hours"), `${task.opens}–${task.closes} (${task.timezone})`],
    [t("field.attempts"), number(task.attempts)],
    [t("tasks.instead"), task.alternates.map((one) => word("channel", one)).join(", ")],
  ];
}

function Outcome({ outcome }) {
  if (!outcome) return html`<p class="soft">${t("state.empty")}</p>`;
  return html`<${Facts} of=${[
    [t("field.outcome"), html`<${Badge} group="outcome" code=${outcome.result} />`],
    [t("field.offer_accepted"), t(outcome.offer_accepted ? "act.yes" : "act.no")],
    [t("field.agent"), outcome.agent],
    [t("field.at"), moment(outcome.recorded_at)],
    [t("field.note"), outcome.note],
  ]} />`;
}

function Report({ task, reload }) {
  const [report, setReport] = useState({ result: "saved", offer_accepted: false, note: "" });
  const { act, problem, busy } = useAct(reload);
  const change = (changes) => setReport({ ...report, ...changes });
  const send = (event) => {
    event.preventDefault();
    act(`/v1/tasks/${step(task.task_id)}/outcome`, { ...report, agent: actor.value });
  };
  return html`<form class="form" onSubmit=${send}><${Trouble} problem=${problem} />
    <${Choice} label=${t("field.result")} value=${report.result} options=${RESULTS.map((code) => [code, word("outcome", code)])} onChange=${(result) => change({ result })} />
    <label class="check"><input type="checkbox" checked=${report.offer_accepted} onChange=${(event) => change({ offer_accepted: event.target.checked })} />${t("field.offer_accepted")}</label>
    <label class="field">${t("field.note")}<textarea maxlength="2000" value=${report.note} onInput=${(event) => change({ note: event.target.value })}></textarea></label>
    <${ActorField} />
    <div><button class="main" disabled=${busy}>${t("tasks.report")}</button></div>
  </form>`;
}
