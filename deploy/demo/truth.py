"""The ground truth beside the run: what Holdfast has to guess, for checking its scores, saves and uplift."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from deploy.demo.behaviour import contract_end
from deploy.demo.course import Course
from deploy.demo.population import Customer, known_by
from deploy.demo.state import State, write
from deploy.demo.stream import Stream


def record(folder: Path, state: State, stream: Stream) -> dict[str, int]:
    """Writes truth.jsonl and counts.json as of what was sent; answers the counts."""
    lines = list(lines_of(stream, state, state.sent_until.date()))
    tally = dict(state.counts) | {
        "customers": len(lines),
        "left": sum(line["left"] is not None for line in lines),
        "back_again": sum(line["former_customer_id"] is not None for line in lines),
        "registered_twice": sum(line["registered_twice_as"] is not None for line in lines),
        "saved": sum(drift["how"] == "saved" for line in lines for drift in line["drifts"]),
    }
    write(folder / "truth.jsonl", lines)
    write(folder / "counts.json", [{"as_of": state.sent_until, **tally}])
    return tally


def lines_of(stream: Stream, state: State, today: date) -> Iterator[dict[str, Any]]:
    calls: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for call in state.calls.values():
        calls[call.customer_id].append({"at": call.at, "result": call.result, "offer_accepted": call.offer_accepted, "reached": call.reached})
    for customer in stream.customers.values():
        former = stream.customers.get(customer.former_customer_id or "")
        yield line_of(customer, former, stream.course(customer.customer_id), calls[customer.customer_id], today)


def line_of(customer: Customer, former: Customer | None, course: Course, calls: Sequence[Mapping[str, Any]], today: date) -> dict[str, Any]:
    """The drifts begun so far; `would_leave` is the day they go if nobody calls, none for those who stay.

    Colleagues, of one `cug` and with the cause `employer_paid`, drift on the same day. `contract_ends` is that of the term running.
    `fraud_on`: the days so far on which somebody else used the number, none for most. When a complaint was overdue is not told
    here: it follows from the events about it and the time allowed.
    """
    drifts = [
        {
            "began": drift.began,
            "would_leave": drift.due if drift.would_leave else None,
            "ended": drift.ended if drift.ended <= today else None,
            "how": drift.how if drift.ended <= today else "drifting",
        }
        for drift in course.drifts
        if drift.began <= today
    ]
    last = drifts[-1] if drifts else {"began": None, "would_leave": None, "how": None}
    return {
        "customer_id": customer.customer_id,
        "cause": customer.cause,
        "responder": customer.responder,
        "joined": customer.joined,
        "former_customer_id": customer.former_customer_id,
        "known_by": known_by(customer, former) if former else None,
        "registered_twice_as": customer.twin_id if customer.registered_twice else None,
        "household": customer.household,
        "cug": customer.cug,
        "contract_ends": contract_end(customer, today),
        "fraud_on": [day for day in course.taken_over if day <= min(today, course.left or today)] or None,
        "drift_began": last["began"],
        "would_leave": last["would_leave"],
        "left": course.left if course.left and course.left <= today else None,
        "called_at": calls[-1]["at"] if calls else None,
        "saved": last["how"] == "saved",
        "drifts": drifts,
        "calls": calls,
    }
