// What surrounds every view: where to go, the search, the settings.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { answeredAt, reached, underWay } from "../core/api.js";
import { time } from "../core/format.js";
import { VIEWS } from "../core/keys.js";
import { at, go, place } from "../core/router.js";
import { actor, currency, dialog, foundCurrency, key, language, theme } from "../core/state.js";
import { streaming } from "../core/stream.js";
import { t } from "../core/words.js";
import { Dialog } from "./acting.js";
import { Choice } from "./basics.js";

const below = (view, path) => (view === "/" ? path === "/" : path === view || path.startsWith(`${view}/`));

export function Side() {
  return html`<header class="side"><a class="brand" href="/console"><img src=${new URL("../icon.svg", import.meta.url).href} width="22" height="22" alt="" />Holdfast</a>
    <nav aria-label=${t("frame.views")}>${VIEWS.map(([letter, path, name]) => html`<a class="to" href=${at(path)} aria-current=${below(path, place.value.path) ? "page" : undefined}>${t(name)}<kbd aria-hidden="true">g ${letter}</kbd></a>`)}</nav>
    <div class="foot"><a href="/">${t("frame.portal")}</a><a href="/docs">${t("frame.api")}</a><a href="/guide/guides/console">${t("frame.guide")}</a></div></header>`;
}

export function Top() {
  return html`<section class="top" aria-label=${t("frame.tools")}><${Search} /><span class="gap"></span><${Connection} />
    <button class="plain" onClick=${() => { language.value = language.value === "zh" ? "en" : "zh"; }} lang=${language.value === "zh" ? "en" : "zh-Hans"}>${t("frame.other_language")}</button>
    <button class="plain" onClick=${() => { theme.value = isDark() ? "light" : "dark"; }} aria-label=${t("frame.theme")} title=${t("frame.theme")}>${isDark() ? "☀" : "☾"}</button>
    <button class="plain" onClick=${() => { dialog.value = "keys"; }} aria-label=${t("keys.title")} title=${t("keys.title")}>?</button>
    <button class="plain" onClick=${() => { dialog.value = "settings"; }}>${actor.value || t("settings.title")}</button></section>
    ${underWay.value > 0 && html`<div class="busy" aria-hidden="true"></div>`}`;
}

/** How fresh the page is: live by the stream, by asking now and then, or not at all, and when the API answered last. */
function Connection() {
  const state = !reached.value ? "lost" : streaming.value ? "live" : "asking";
  return html`<span class=${`connection ${state}`} title=${t(`connection.${state}_about`)}><span role="status">${t(`connection.${state}`)}</span>
    ${answeredAt.value > 0 && html`<time datetime=${new Date(answeredAt.value).toISOString()}>${t("connection.as_of", { time: time(answeredAt.value) })}</time>`}</span>`;
}

function isDark() {
  return theme.value === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : theme.value === "dark";
}

/** A number of 7 to 15 digits is looked up as an MSISDN; anything else is a customer's id. */
function Search() {
  const [text, setText] = useState("");
  const find = (event) => {
    event.preventDefault();
    const wanted = text.trim().replace(/^\+/, "");
    if (wanted) go(/^[1-9]\d{6,14}$/.test(wanted) ? `/find/${wanted}` : `/customers/${encodeURIComponent(wanted)}`);
    setText("");
  };
  return html`<form role="search" onSubmit=${find}><input id="search" type="search" value=${text} onInput=${(event) => setText(event.target.value)} aria-label=${t("frame.search")} placeholder=${t("frame.search")} autocomplete="off" /><kbd aria-hidden="true">/</kbd></form>`;
}

export function Dialogs() {
  const close = () => { dialog.value = ""; };
  if (dialog.value === "keys") return html`<${Keys} close=${close} />`;
  if (dialog.value === "settings") return html`<${Settings} close=${close} />`;
  if (dialog.value === "access") return html`<${Access} close=${close} />`;
  return null;
}

function Keys({ close }) {
  const rows = [["/", t("keys.search")], ...VIEWS.map(([letter, , name]) => [`g ${letter}`, t(name)]), ["j k", t("keys.rows")], ["?", t("keys.title")], ["Esc", t("keys.close")]];
  return html`<${Dialog} label=${t("keys.title")} onClose=${close}><div><h2>${t("keys.title")}</h2><dl class="facts">${rows.map(([pressed, does]) => html`<dt><kbd>${pressed}</kbd></dt><dd>${does}</dd>`)}</dl>
    <div class="buttons"><button onClick=${close}>${t("act.close")}</button></div></div><//>`;
}

function Settings({ close }) {
  const text = (name, state, more) => html`<label class="field">${t(`settings.${name}`)}<input value=${state.value} onInput=${(event) => { state.value = event.target.value; }} ...${more} /></label>`;
  const options = (name, codes) => codes.map((code) => [code, t(`settings.${name}_${code}`)]);
  return html`<${Dialog} label=${t("settings.title")} onClose=${close}><form method="dialog"><h2>${t("settings.title")}</h2>
    ${text("actor", actor, { maxlength: 100 })}
    ${text("key", key, { type: "password", autocomplete: "off" })}
    ${text("currency", currency, { maxlength: 3, placeholder: foundCurrency.value })}
    <${Choice} label=${t("settings.language")} value=${language.value} options=${options("language", ["en", "zh"])} onChange=${(chosen) => { language.value = chosen; }} />
    <${Choice} label=${t("settings.theme")} value=${theme.value} options=${options("theme", ["auto", "light", "dark"])} onChange=${(chosen) => { theme.value = chosen; }} />
    <div class="buttons"><button class="main">${t("act.close")}</button></div></form><//>`;
}

/** The API wants to know who asks. */
function Access({ close }) {
  const [given, setGiven] = useState("");
  const save = (event) => {
    event.preventDefault();
    key.value = given.trim();
    close();
  };
  return html`<${Dialog} label=${t("access.title")} onClose=${close}><form onSubmit=${save}><h2>${t("access.title")}</h2><p>${t("access.about")}</p>
    <label class="field">${t("settings.key")}<input type="password" required value=${given} onInput=${(event) => setGiven(event.target.value)} autocomplete="off" /></label>
    <div class="buttons"><button type="button" onClick=${close}>${t("act.cancel")}</button><button class="main">${t("access.use")}</button></div></form><//>`;
}
