// What the API answers, as views use it.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";
import { whenNew } from "./live.js";
import { key } from "./state.js";

/** One document: `{ data, problem, reload }`. `path` null asks nothing yet; `live` asks again every few seconds. */
export function useAnswer(path, query = {}, { live = false } = {}) {
  const [answer, setAnswer] = useState({});
  const asked = JSON.stringify([path, query]);
  const latest = useRef();
  const reload = useCallback(async () => {
    if (path === null) return;
    latest.current?.abort();
    const abort = (latest.current = new AbortController());
    try {
      setAnswer({ asked, data: await get(path, query, abort) });
    } catch (problem) {
      if (problem.name !== "AbortError") setAnswer((before) => ({ asked, data: before.asked === asked ? before.data : undefined, problem }));
    }
  }, [asked]);
  useEffect(() => {
    reload();
    return () => latest.current?.abort();
  }, [reload, key.value]);
  useEffect(() => (live ? whenNew(reload) : undefined), [reload, live]);
  const mine = answer.asked === asked ? answer : {};
  return { data: mine.data, problem: mine.problem, reload };
}

/** A list that is read page by page: `{ items, problem, more, reload, fresh }`. `more` is null after the last page.
 *  `live` looks at its beginning again: what is new there (by `idOf`) comes on top, and its ids are in `fresh`. */
export function usePages(path, query, idOf, { live = false, limit = 50 } = {}) {
  const [state, setState] = useState({});
  const asked = JSON.stringify([path, query, limit, key.value]);
  const now = useRef(asked);
  now.current = asked;
  const read = useCallback(async (cursor, merge) => {
    try {
      const page = await get(path, { ...query, limit, cursor });
      if (now.current === asked) setState((before) => ({ asked, ...merge(before.asked === asked ? before : { items: [] }, page) }));
    } catch (problem) {
      if (now.current === asked) setState((before) => ({ ...(before.asked === asked ? before : {}), asked, problem }));
    }
  }, [asked]);
  const reload = useCallback(() => read(undefined, (_, page) => ({ items: page.items, cursor: page.next_cursor })), [read]);
  useEffect(() => { reload(); }, [reload]);
  useEffect(() => (live ? whenNew(() => read(undefined, (before, page) => onTop(before, page, idOf))) : undefined), [read, live]);
  const mine = state.asked === asked ? state : {};
  const more = mine.cursor ? () => read(mine.cursor, (before, page) => ({ ...before, items: [...before.items, ...page.items], cursor: page.next_cursor })) : null;
  return { items: mine.items, problem: mine.problem, fresh: mine.fresh ?? new Set(), more, reload };
}

function onTop(before, page, idOf) {
  const known = new Set(before.items.map(idOf));
  const added = page.items.filter((item) => !known.has(idOf(item)));
  const fresh = new Set(before.items.length ? added.map(idOf) : []);
  const whole = before.items.length && added.length < page.items.length;
  return whole ? { ...before, problem: undefined, items: [...added, ...before.items], fresh } : { items: page.items, cursor: page.next_cursor, fresh };
}
