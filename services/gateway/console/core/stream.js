// Events as they happen: one connection of this tab to the API's stream, for all views, and only while the tab is in sight and a view listens.
// Browsers open few connections to one host, so a tab that nobody looks at has none. Where there is no stream, views go on asking.
import { effect, signal } from "@preact/signals";
import { open } from "./api.js";
import { key } from "./state.js";

const TYPES = ["alert_raised", "task_opened", "task_cancelled", "task_rescheduled", "outcome_recorded"];
/** Many events in a moment are one reason to look. */
const TOGETHER_MS = 1000;
const LINGER_MS = 5000;
/** The stream says something every fifteen seconds: after this long it is gone, whatever the browser believes. */
const SILENT_MS = 45_000;
const RETRY_MS = 3000;
const MOST_RETRY_MS = 60_000;

/** Whether the stream is open. */
export const streaming = signal(false);

const listeners = new Map();
let [connection, retry, failures, lastId, refusedKey] = [null, 0, 0, null, null];
let [told, telling] = [new Set(), 0];

/** Calls `tell` when an event of one of the `types` came (all of them: when some were missed). What this answers ends it. */
export function listen(types, tell) {
  listeners.set(tell, types);
  connect();
  return () => {
    listeners.delete(tell);
    setTimeout(() => { if (!listeners.size) close(); }, LINGER_MS);
  };
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : connect()));
effect(() => {
  key.value;
  close();
  connect();
});

function close() {
  clearTimeout(retry);
  connection?.abort();
  connection = null;
}

async function connect() {
  if (connection || !listeners.size || document.hidden || refusedKey === key.peek()) return;
  clearTimeout(retry);
  const mine = (connection = new AbortController());
  try {
    await read(await open(`/v1/stream?types=${TYPES}`, { headers: { accept: "text/event-stream", ...(lastId && { "last-event-id": lastId }) }, signal: mine.signal }), mine);
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) refusedKey = key.peek();
  } finally {
    if (connection === mine || connection === null) streaming.value = false;
    if (connection === mine) {
      connection = null;
      failures += 1;
      retry = setTimeout(connect, Math.min(MOST_RETRY_MS, RETRY_MS * 2 ** (failures - 1)));
    }
  }
}

async function read(answer, mine) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let [text, silence] = ["", 0];
  try {
    for (;;) {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENT_MS);
      const { value, done } = await reader.read();
      if (done || connection !== mine) return;
      [streaming.value, failures] = [true, 0];
      const parts = (text + value).split("\n\n");
      text = parts.pop();
      parts.forEach(take);
    }
  } finally {
    clearTimeout(silence);
  }
}

function take(part) {
  const field = (name) => part.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  lastId = field("id") ?? lastId;
  const type = field("event");
  if (!type) return;
  told.add(type);
  telling ||= setTimeout(tellAll, TOGETHER_MS);
}

function tellAll() {
  const came = told;
  [told, telling] = [new Set(), 0];
  for (const [tell, types] of [...listeners]) if (came.has("gap") || types.some((one) => came.has(one))) tell();
}
