"""`python -m deploy.demo`: 13 months of history as fast as they are taken, then day by day with the clock, until stopped."""

from __future__ import annotations

import argparse
import signal
import time
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx

from deploy.demo import access, truth
from deploy.demo import state as states
from deploy.demo.desk import Desk
from deploy.demo.events import midnight
from deploy.demo.sales import Sales
from deploy.demo.sender import NotHoldfast, Sender
from deploy.demo.state import State
from deploy.demo.stream import Stream
from shared import clock

STRIDE = timedelta(days=7)
TICK_SECONDS = 1.0

say = partial(print, flush=True)


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(options)
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C comes from the terminal and from `make run`
            signal.signal(number, signal.SIG_IGN)
        say("The operator stops. Started again, it goes on where it was.")
    except NotHoldfast as error:
        raise SystemExit(str(error)) from None


def run(options: argparse.Namespace) -> None:
    """Interrupted anywhere, nothing is lost: ids follow from the state, so what was sent and not noted down is sent again as a duplicate."""
    folder: Path = options.data_dir / "operator"
    state = _resumed(folder / "state.json", options)
    save = partial(state.save, folder / "state.json")
    stream = Stream(
        seed=state.seed, size=state.customers, first_day=state.first_day, fault_rate=state.fault_rate, sent_until=state.sent_until, contacts=state.contacts()
    )
    with httpx.Client(base_url=options.url, timeout=30, trust_env=False, headers=access.headers()) as client:
        sender, desk = Sender(client, state.counts, say=say), Desk(client, state, stream, save=save, say=say)
        sales = Sales(client, state, stream, say=say)
        history_ends = clock.now()
        while True:
            before, now = state.sent_until, clock.now()
            until = max(before, min(now, before + STRIDE))
            sender.send(stream.until(until))
            state.sent_until = until
            save()
            if _week(until) != _week(before):
                _tell(state, truth.record(folder, state, stream), history_ends)
            if until >= now:
                desk.work(until)
                sales.work(until)
                time.sleep(TICK_SECONDS)


def _resumed(path: Path, options: argparse.Namespace) -> State:
    held = states.load(path)
    if held is None:
        month = clock.months_before(clock.month_of(clock.now()), options.history_months)
        say(f"The operator begins: {options.customers} customers, history from {month}")
        return states.begun(options.seed, options.customers, options.faults, date.fromisoformat(f"{month}-01"))
    if (held.seed, held.customers, held.fault_rate) != (options.seed, options.customers, options.faults):
        raise SystemExit(f"{path} was begun with --seed {held.seed} --customers {held.customers} --faults {held.fault_rate}: use those, or another --data-dir")
    ahead = " once the clock is there again" if held.sent_until > clock.now() else ""
    say(f"The operator goes on from {held.sent_until:%Y-%m-%d %H:%M}{ahead}")
    return held


def _week(moment: datetime) -> int:
    return (moment.date().toordinal() - 1) // 7


def _tell(state: State, tally: dict[str, int], history_ends: datetime) -> None:
    """A line a week; one in four of them while the history is sent."""
    history = ""
    if state.sent_until < history_ends:
        if _week(state.sent_until) % 4:
            return
        done = (state.sent_until - midnight(state.first_day)) / (history_ends - midnight(state.first_day))
        history = f"  history {done:4.0%}"
    say(
        f"{state.sent_until:%Y-%m-%d}{history}  sent {tally.get('sent', 0):,}  rejected {tally.get('rejected', 0):,}  "
        f"calls {tally.get('calls', 0):,}  saved {tally['saved']:,}  left {tally['left']:,}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description="A simulated mobile operator that reports to Holdfast and works its call list.")
    parser.add_argument("--customers", type=int, default=400, help="how many there are when the history begins (400)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same operator (1)")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where Holdfast listens")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="state and ground truth go to its folder `operator` (data)")
    parser.add_argument("--history-months", type=int, default=13, help="how much history there is at the first start (13)")
    parser.add_argument("--faults", type=float, default=0.01, help="share of events that are late, out of order, sent twice or malformed (0.01)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
