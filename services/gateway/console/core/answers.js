// What the API answers, as views use it.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";
import { whenNew } from "./live.js";
import { key } from "./state.js";

/** Events that say a list has changed, for `live`. */
export const WARNED = ["segmentation.alert_raised.v1"];
export const WORKED = ["retention.task_opened.v1", "retention.task_cancelled.v1", "retention.task_rescheduled.v1", "retention.outcome_recorded.v1"];

/** One document: `{ data, problem, reload }`. `path` null asks nothing yet; `live` asks again: true every few seconds, or when such events come. */
export function useAnswer(path, query = {}, { live = false } = {}) {
  const [answer, setAnswer] = useState({});
  const asked = JSON.stringify([path, query]);
  const latest = useRef();
  const known = useRef({});
  const read = useCallback(async ({ quiet = false } = {}) => {
    if (path === null) return null;
    latest.current?.abort();
    const { signal } = (latest.current = new AbortController());
    try {
      const etag = quiet && known.current.asked === asked ? known.current.etag : null;
      const found = await get(path, query, { signal, etag, quiet });
      known.current = { asked, etag: found.etag };
      setAnswer((before) => (found.data !== undefined ? { asked, data: found.data } : before.problem ? { asked, data: before.data } : before));
      return null;
    } catch (problem) {
      if (problem.name === "AbortError") return null;
      setAnswer((before) => ({ asked, data: before.asked === asked ? before.data : undefined, problem }));
      return problem;
    }
  }, [asked]);
  useEffect(() => {
    read();
    return () => latest.current?.abort();
  }, [read, key.value]);
  useEffect(() => (live ? whenNew(() => read({ quiet: true }), live === true ? [] : live) : undefined), [read, live]);
  const mine = answer.asked === asked ? answer : {};
  return { data: mine.data, problem: mine.problem, reload: () => read() };
}

/** A list that is read page by page: `{ items, problem, more, reload, fresh }`. `more` is null after the last page.
 *  `live` looks at its beginning again: what is new there (by `idOf`) comes on top, and its ids are in `fresh`. */
export function usePages(path, query, idOf, { live = false, limit = 50 } = {}) {
  const [state, setState] = useState({});
  const asked = JSON.stringify([path, query, limit, key.value]);
  const now = useRef(asked);
  now.current = asked;
  const read = useCallback(async (cursor, merge, quiet = false) => {
    try {
      const page = (await get(path, { ...query, limit, cursor }, { quiet })).data;
      if (now.current === asked) setState((before) => ({ asked, ...merge(before.asked === asked ? before : { items: [] }, page) }));
      return null;
    } catch (problem) {
      if (now.current === asked) setState((before) => ({ ...(before.asked === asked ? before : {}), asked, problem }));
      return problem;
    }
  }, [asked]);
  const reload = useCallback(() => read(undefined, (_, page) => ({ items: page.items, cursor: page.next_cursor })), [read]);
  useEffect(() => { reload(); }, [reload]);
  useEffect(() => (live ? whenNew(() => read(undefined, (before, page) => onTop(before, page, idOf), true), live === true ? [] : live) : undefined), [read, live]);
  const mine = state.asked === asked ? state : {};
  const more = mine.cursor ? () => read(mine.cursor, (before, page) => ({ ...before, items: [...before.items, ...page.items], cursor: page.next_cursor })) : null;
  return { items: mine.items, problem: mine.problem, fresh: mine.fresh ?? new Set(), more, reload };
}

/** The beginning as it is now, and what was read of the rest. */
function onTop(before, page, idOf) {
  const [known, first] = [before.items, page.items].map((items) => new Set(items.map(idOf)));
  const fresh = new Set(known.size ? [...first].filter((id) => !known.has(id)) : []);
  const last = [...known].indexOf([...first].at(-1));
  const rest = page.next_cursor && last >= 0 ? before.items.slice(last + 1).filter((item) => !first.has(idOf(item))) : [];
  return { items: [...page.items, ...rest], cursor: rest.length ? before.cursor : page.next_cursor, fresh };
}
