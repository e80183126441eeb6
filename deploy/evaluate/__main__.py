"""`python -m deploy.evaluate`: precision, recall and lead time of every kind of warning, on a simulated operator. docs/patterns.md says how to read it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from deploy.demo.state import write
from deploy.evaluate import report
from deploy.evaluate.figures import Alert, figures, of_causes
from deploy.evaluate.lockstep import Stalled, running
from deploy.evaluate.metrics import Share
from deploy.evaluate.run import Operator, Plan, live_through
from deploy.evaluate.truth import Truth
from deploy.stack import StackError, temporary_stack
from shared import clock, telemetry
from shared.settings import Settings

say = partial(print, file=sys.stderr, flush=True)


def main() -> int:
    options = _options()
    plan = Plan(options.customers, options.days, options.history_months, options.steps_a_day, options.seed, options.faults)
    try:
        with _place(stack=options.stack, kept=options.keep) as settings:
            telemetry.configure(settings, service="all", role="evaluate")
            return asyncio.run(_evaluate(plan, settings, options.out))
    except (Stalled, StackError) as error:
        say(error)
        return 1


async def _evaluate(plan: Plan, settings: Settings, out: Path) -> int:
    operator, started = Operator.of(plan), clock.monotonic()
    say(f"{plan.customers:,} customers, {plan.history_months} months of history, then {plan.days} days that are measured")
    async with running(settings) as system:
        await live_through(operator, system, say)
        alerts, dead = await system.alerts(), await system.dead_letters()
    truth = operator.truth()
    _save(out, alerts, truth)
    print(_text(alerts, truth))
    say(
        f"{clock.monotonic() - started:.0f} s; {operator.sent:,} events, {operator.refused:,} refused at the door, {dead} dead letters. Alerts and truth: {out}"
    )
    return 1 if dead else 0


def _text(alerts: Sequence[Alert], truth: Truth) -> str:
    window = truth.window
    people = truth.customer_days() / (window.end - window.first).days
    head = f"From {window.first} to {window.end}, {people:,.0f} customers on average."
    return "\n\n".join((head, report.table(figures(alerts, truth)), report.causes(list(of_causes(alerts, truth)))))


def _save(out: Path, alerts: Sequence[Alert], truth: Truth) -> None:
    write(out / "alerts.jsonl", alerts)
    write(out / "truth.jsonl", truth.lines)
    write(out / "overdue.jsonl", (one._asdict() for one in truth.complaints))
    write(out / "figures.json", [[_plain(one._asdict()) for one in figures(alerts, truth)]])


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name: one._asdict() if isinstance(one, Share) else one for name, one in found.items()}


@contextmanager
def _place(*, stack: bool, kept: Path | None) -> Iterator[Settings]:
    """Begun anew and taken away at the end, but for what is to be kept."""
    if kept is not None:
        kept.mkdir(parents=True)
        yield Settings(data_dir=kept, bus="embedded", database="sqlite", log_level="error")
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-evaluate-") as folder:
        data_dir = Path(folder)
        if not stack:
            yield Settings(data_dir=data_dir, bus="embedded", database="sqlite", log_level="error")
            return
        with temporary_stack() as servers:
            bus, database = servers.environment["HOLDFAST_BUS"], servers.environment["HOLDFAST_DATABASE"]
            yield Settings(data_dir=data_dir, bus=bus, database=database, log_level="error")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.evaluate", description="Measure every kind of warning on a simulated operator.")
    parser.add_argument("--customers", type=int, default=1000, help="how many there are when the history begins (1000)")
    parser.add_argument("--days", type=int, default=150, help="measured days, after the history (150)")
    parser.add_argument("--history-months", type=int, default=13, help="told in weeks, the last six of them day by day (13)")
    parser.add_argument("--steps-a-day", type=int, default=2, help="how often the clock is put on in a day (2)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same operator (1)")
    parser.add_argument("--faults", type=float, default=0.01, help="share of events that are late, out of order, sent twice or malformed (0.01)")
    parser.add_argument("--stack", action="store_true", help="on Kafka and PostgreSQL started for this alone, not on embedded storage")
    parser.add_argument("--keep", type=Path, help="leave the embedded databases in this new folder, to train models on")
    parser.add_argument("--out", type=Path, default=Path("build/evaluate"), help="alerts, truth and figures as JSON (build/evaluate)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
