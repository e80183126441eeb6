// What is new is asked for here and nowhere else: views say what to do when it is time to look again.
const EVERY_SECONDS = 5;

/** Calls `look` every few seconds while the page is in sight; what it answers stops that. */
export function whenNew(look, seconds = EVERY_SECONDS) {
  const timer = setInterval(() => document.visibilityState === "visible" && look(), 1000 * seconds);
  return () => clearInterval(timer);
}
