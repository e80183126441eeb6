// Things a person does, which the API puts on record under their name.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../core/html.js";
import { newOnce, post } from "../core/api.js";
import { actor } from "../core/state.js";
import { t } from "../core/words.js";
import { Trouble } from "./basics.js";

/** A modal dialog, closed by Escape; focus goes back to where it was. */
export function Dialog({ label, onClose, children }) {
  const element = useRef();
  useEffect(() => { element.current.showModal(); }, []);
  return html`<dialog ref=${element} aria-label=${label} onClose=${onClose}>${children}</dialog>`;
}

/** `{ act, problem, busy }`: `act(path, body)` posts once, however often it is tried with the same body. */
export function useAct(onDone) {
  const [state, setState] = useState({ busy: false });
  const tried = useRef({});
  const act = async (path, body) => {
    const what = JSON.stringify([path, body]);
    if (tried.current.what !== what) tried.current = { what, once: newOnce() };
    setState({ busy: true });
    try {
      const done = await post(path, body, { once: tried.current.once });
      setState({ busy: false });
      onDone(done);
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  return { act, ...state };
}

export function ActorField() {
  return html`<label class="field">${t("settings.actor")}<input required maxlength="100" value=${actor.value} onInput=${(event) => { actor.value = event.target.value; }} autocomplete="name" /></label>`;
}

/** Asks once more before `path` is posted, with the person's name and a reason. */
export function Confirm({ title, about, act: label, danger = false, path, body = (reason) => ({ reason }), onDone, onClose }) {
  const [reason, setReason] = useState("");
  const { act, problem, busy } = useAct(onDone);
  const send = (event) => {
    event.preventDefault();
    act(path, body(reason));
  };
  return html`<${Dialog} label=${title} onClose=${onClose}><form onSubmit=${send}>
    <h2>${title}</h2><p>${about}</p><${Trouble} problem=${problem} />
    <${ActorField} />
    <label class="field">${t("act.reason")}<input required maxlength="500" value=${reason} onInput=${(event) => setReason(event.target.value)} /></label>
    <div class="buttons"><button type="button" onClick=${onClose}>${t("act.cancel")}</button><button class=${danger ? "danger" : "main"} disabled=${busy}>${label}</button></div>
  </form></${Dialog}>`;
}
