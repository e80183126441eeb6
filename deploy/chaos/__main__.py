"""make chaos: kill workers at random under load, then audit every invariant. Exit code 1 when one does not hold."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Literal

from deploy.chaos.faults import Plan
from deploy.chaos.run import Outcome, run
from deploy.stack import missing, temporary_stack
from shared.settings import Settings

Place = Literal["embedded", "stack"]

LISTED_BREACHES = 20
# Small: the more transactions, the more moments to be killed at.
BATCH_RECORDS = 100
# Longer than a lease of the embedded bus and the time until it is missed, and than a session on Kafka.
PAUSE_SECONDS: dict[Place, float] = {"embedded": 15.0, "stack": 9.0}
# The least that Kafka takes: after a kill a group rests that long, and there is nothing to disturb.
SESSION_SECONDS = 6.0
SECONDS_PER_PAUSE = 20.0


def main() -> int:
    arguments = _arguments()
    # As Ctrl-C does: nothing that was started may outlive the run.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    places = _places(arguments.on)
    seconds = arguments.minutes * 60 / len(places)
    held = [_run(place, _plan(place, seconds, arguments)) for place in places]
    return 0 if all(held) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="under load, all storages together (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the stream and of the faults (default: %(default)s)")
    parser.add_argument("--on", choices=("embedded", "stack", "both"), default="both", help="default: both, where this machine has Kafka and PostgreSQL")
    parser.add_argument("--kills", type=int, default=40, help="per storage (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=400, help="distinct events per second (default: %(default)s)")
    return parser.parse_args()


def _places(on: str) -> list[Place]:
    lacks = missing() if on != "embedded" else []
    if on == "stack" and lacks:
        raise SystemExit(f"This machine lacks {'; '.join(lacks)}")
    if on == "both" and lacks:
        _say(f"Embedded only: this machine lacks {'; '.join(lacks)}")
    return [place for place in ("embedded", "stack") if on in (place, "both") and not (place == "stack" and lacks)]


def _plan(place: Place, seconds: float, arguments: argparse.Namespace) -> Plan:
    pauses = max(1, int(seconds / SECONDS_PER_PAUSE))
    return Plan(arguments.seed, seconds, arguments.rate, arguments.kills, pauses, PAUSE_SECONDS[place])


def _run(place: Place, plan: Plan) -> bool:
    """Whether every invariant held. What a run that failed left behind stays, to be looked at."""
    _say(f"\nFault run, {place}, seed {plan.seed}")
    folder = Path(tempfile.mkdtemp(prefix=f"holdfast-chaos-{place}-"))
    settings = Settings(
        data_dir=folder, bus="embedded", database="sqlite", log_level="warning", batch_records=BATCH_RECORDS, kafka_session_seconds=SESSION_SECONDS
    )
    if place == "embedded":
        outcome = asyncio.run(run(plan, settings, say=_say))
    else:
        with temporary_stack(fsync=True) as stack:
            on_stack = settings.model_copy(update={name.removeprefix("HOLDFAST_").lower(): value for name, value in stack.environment.items()})
            outcome = asyncio.run(run(plan, on_stack, servers=stack.daemons, say=_say))
    _show(outcome)
    if outcome.breaches:
        _say(f"What the workers left behind is in {folder}")
    else:
        shutil.rmtree(folder)
    return not outcome.breaches


def _show(outcome: Outcome) -> None:
    for what, counted in outcome.done:
        _say(f"  {what:54} {counted}")
    for invariant, findings in outcome.verdicts:
        _say(f"  {'FAILS' if findings.breaches else 'holds'} {invariant:48} {findings.counted}")
    for breach in outcome.breaches[:LISTED_BREACHES]:
        _say(f"    {breach}")
    if len(outcome.breaches) > LISTED_BREACHES:
        _say(f"    and {len(outcome.breaches) - LISTED_BREACHES} more")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
