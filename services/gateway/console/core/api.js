// The console is a client of the public API and of nothing else.
import { signal } from "@preact/signals";
import { actor, dialog, key } from "./state.js";

/** A problem document (RFC 9457) of the API, or that it could not be reached. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail = "" }) {
    super(detail);
    Object.assign(this, { status, code, detail });
  }
}

/** How many requests are under way: the thin line at the top. */
export const underWay = signal(0);

export function get(path, query = {}, { signal: abort } = {}) {
  return request("GET", path + queryOf(query), { signal: abort });
}

/** `once` is the same for every try of one act of the person: what was done already is not done again. */
export function post(path, body, { once } = {}) {
  const headers = { "content-type": "application/json", ...(actor.value && { "x-actor": latin(actor.value) }), ...(once && { "idempotency-key": once }) };
  return request("POST", path, { headers, body: JSON.stringify(body ?? null) });
}

export function step(id) {
  return encodeURIComponent(id);
}

export function newOnce() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function request(method, path, { headers = {}, body, signal: abort }) {
  underWay.value += 1;
  try {
    const authorization = key.value ? { authorization: `Bearer ${key.value}` } : {};
    const answer = await fetch(path, { method, headers: { accept: "application/json", ...authorization, ...headers }, body, signal: abort });
    if (!answer.ok) throw await problemOf(answer);
    return answer.status === 204 ? null : await answer.json();
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem({ detail: error.message });
  } finally {
    underWay.value -= 1;
  }
}

async function problemOf(answer) {
  if (answer.status === 401) dialog.value = "access";
  const document = await answer.json().catch(() => ({}));
  return new Problem({ status: answer.status, code: document.code ?? `http_${answer.status}`, detail: document.detail ?? document.title ?? "" });
}

function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

// A header holds Latin-1 only: a name in other letters goes as its percent code.
function latin(text) {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}
