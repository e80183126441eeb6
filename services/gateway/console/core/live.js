// When it is time to look again is decided here and nowhere else: views say what to do then.
import { effect } from "@preact/signals";
import { listen, streaming } from "./stream.js";

const EVERY_SECONDS = 10;
/** What is told by the stream is looked at in between too: a stream that went silent must not be believed for ever. */
const TOLD_EVERY_SECONDS = 60;
const MOST_SECONDS = 120;

/** Calls `look` every few seconds while the page is in sight, and at once when it comes into sight. `look` resolves to the problem it met, if any:
 *  then it is called less and less often. `types`: events of the stream that call it; while the stream is open, time hardly does.
 *  What this answers stops it. */
export function whenNew(look, types = []) {
  let [timer, failures, retryAfter] = [0, 0, 0];
  let [looking, again, over] = [false, false, false];
  const wait = () => {
    clearTimeout(timer);
    if (!over && !document.hidden) timer = setTimeout(see, 1000 * pause(failures, types.length > 0 && streaming.peek()));
  };
  const see = async () => {
    again = looking;
    if (looking || over || document.hidden) return;
    looking = true;
    const problem = await look();
    looking = false;
    failures = problem ? failures + 1 : 0;
    retryAfter = problem?.retryAfter ?? 0;
    if (again && !problem) see();
    else wait();
  };
  const pause = (failed, told) => Math.max(retryAfter, Math.min(MOST_SECONDS, (told ? TOLD_EVERY_SECONDS : EVERY_SECONDS) * 2 ** failed));
  const onSight = () => (document.hidden ? clearTimeout(timer) : see());
  document.addEventListener("visibilitychange", onSight);
  const stops = types.length ? [listen(types, see), effect(() => { streaming.value; wait(); })] : [];
  wait();
  return () => {
    over = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onSight);
    for (const stop of stops) stop();
  };
}
