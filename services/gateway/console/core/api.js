// The console is a client of the public API and of nothing else.
import { signal } from "@preact/signals";
import { actor, dialog, key } from "./state.js";

/** A problem document (RFC 9457) of the API, or that it could not be reached. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail = "", retryAfter = 0 }) {
    super(detail);
    Object.assign(this, { status, code, detail, retryAfter });
  }
}

/** How many requests are under way that somebody waits for: the thin line at the top. */
export const underWay = signal(0);
/** When the API answered last (ms), and whether it did when it was asked last. */
export const answeredAt = signal(0);
export const reached = signal(true);

/** `{ data, etag }`; of what did not change since it was read with that `etag`: `{ etag }`. `quiet`: nobody waits for it. */
export async function get(path, query = {}, { signal: abort, etag, quiet = false } = {}) {
  const { answer, data } = await request("GET", path + queryOf(query), { headers: etag ? { "if-none-match": etag } : {}, signal: abort, quiet });
  answeredAt.value = Date.now();
  return { data, etag: answer.headers.get("etag") };
}

/** `once` is the same for every try of one act of the person: what was done already is not done again. */
export async function post(path, body, { once } = {}) {
  const headers = { "content-type": "application/json", ...(actor.value && { "x-actor": latin(actor.value) }), ...(once && { "idempotency-key": once }) };
  return (await request("POST", path, { headers, body: JSON.stringify(body ?? null) })).data;
}

/** Without the body: a stream is read by who opened it. */
export async function open(path, { headers, signal: abort }) {
  const answer = await fetch(path, { headers: { ...authorization(), ...headers }, signal: abort, cache: "no-store" });
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

export function step(id) {
  return encodeURIComponent(id);
}

export function newOnce() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function request(method, path, { headers = {}, body, signal: abort, quiet = false }) {
  underWay.value += quiet ? 0 : 1;
  try {
    const answer = await fetch(path, { method, headers: { accept: "application/json", ...authorization(), ...headers }, body, signal: abort });
    if (!answer.ok && answer.status !== 304) throw await problemOf(answer);
    const data = answer.status === 204 || answer.status === 304 ? undefined : await answer.json();
    reached.value = true;
    return { answer, data };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const problem = error instanceof Problem ? error : new Problem({ detail: error.message });
    reached.value = problem.status > 0;
    throw problem;
  } finally {
    underWay.value -= quiet ? 0 : 1;
  }
}

function authorization() {
  return key.value ? { authorization: `Bearer ${key.value}` } : {};
}

async function problemOf(answer) {
  if (answer.status === 401) dialog.value = "access";
  const document = await answer.json().catch(() => ({}));
  const told = { code: document.code ?? `http_${answer.status}`, detail: document.detail ?? document.title ?? "" };
  return new Problem({ status: answer.status, ...told, retryAfter: Number(answer.headers.get("retry-after")) || 0 });
}

function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

// A header holds Latin-1 only: a name in other letters goes as its percent code.
function latin(text) {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}
