// What views are put together from.
import { useEffect } from "preact/hooks";
import { html } from "../core/html.js";
import { has, t, word } from "../core/words.js";

export function Head({ title, about, children }) {
  useEffect(() => { document.title = `${title} · Holdfast`; }, [title]);
  return html`<div class="head"><h1>${title}</h1>${children && html`<div class="actions">${children}</div>`}${about && html`<p class="soft">${about}</p>`}</div>`;
}

export function Card({ title, wide = "w12", aside, note, bare = false, children }) {
  return html`<section class=${`card ${wide}`} aria-label=${title}>
    ${title && html`<header><h2>${title}</h2>${aside}</header>`}
    ${bare ? children : html`<div class="body">${children}</div>`}
    ${note && html`<p class="note">${note}</p>`}
  </section>`;
}

export function Figure({ label, value, about, href, wide = "w3" }) {
  const inside = html`<span>${label}</span><b>${value}</b><span>${about}</span>`;
  return href ? html`<a class=${`card figure ${wide}`} href=${href}>${inside}</a>` : html`<div class=${`card figure ${wide}`}>${inside}</div>`;
}

const TONES = {
  urgent: "bad", warning: "warn", running: "good", paused: "warn", stopped: "bad", draft: "", healthy: "good", silent: "bad", drifted: "warn", unusual_volume: "warn",
  up: "good", away: "bad", failing: "bad", ready: "good", contact: "good", refused: "bad", held_out: "warn", saved: "good", lost: "bad", works: "good",
  does_harm: "bad", under_powered: "warn", no_control: "warn", dead: "bad", replayed: "good",
};

/** A state or a kind, with a colour that says how it is beside the word. */
export function Badge({ group, code, tone = TONES[code] ?? "" }) {
  return html`<span class=${`badge ${tone}`}>${word(group, code)}</span>`;
}

export function Trouble({ problem, retry }) {
  return problem && html`<div class="problem" role="alert"><code>${problem.code}</code>${problem.status ? ` ${problem.status}` : ""}
    <p>${has(`problem.${problem.code}`) ? t(`problem.${problem.code}`) : problem.detail}</p>${problem.code !== "unreachable" && problem.detail && html`<p class="soft">${problem.detail}</p>`}${retry && html`<p><button onClick=${retry}>${t("act.retry")}</button></p>`}</div>`;
}

export function Loading({ rows = 4 }) {
  return html`<div role="status" aria-label=${t("state.loading")}>${Array.from({ length: rows }, () => html`<div class="skeleton"></div>`)}</div>`;
}

export function Empty({ text = t("state.empty") }) {
  return html`<p class="state">${text}</p>`;
}

/** What was asked for, once it is there; before, that it is coming or why it is not. */
export function Answered({ of: { data, problem, reload }, rows, children }) {
  return html`<${Trouble} problem=${problem} retry=${reload} />${data === undefined ? !problem && html`<${Loading} rows=${rows} />` : children(data)}`;
}

export function Facts({ of: pairs }) {
  return html`<dl class="facts">${pairs.filter(([, value]) => value !== undefined && value !== null && value !== "").map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function Tabs({ label, tabs, now }) {
  return html`<nav class="tabs" aria-label=${label}>${tabs.map(([id, text, href]) => html`<a href=${href} aria-current=${id === now ? "page" : undefined}>${text}</a>`)}</nav>`;
}

export function Choice({ label, value, options, onChange }) {
  return html`<label class="field">${label}<select value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${options.map(([code, text]) => html`<option value=${code} selected=${code === value}>${text}</option>`)}</select></label>`;
}

export function Json({ value }) {
  return html`<pre class="json" tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;
}
