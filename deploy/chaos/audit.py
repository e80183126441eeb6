"""The auditor: it knows the ledger of what was sent, and holds every row and every record there is against it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

from deploy.chaos.downstream import DOWNSTREAM, months
from deploy.chaos.evidence import DEAD_LETTERS, OWN_SOURCE, READS, SERVICES, Activity, Evidence, watermarks
from deploy.chaos.findings import Findings, compare, repeated
from deploy.chaos.ledger import Report
from shared.contracts import topics

NUMBER = re.compile(rb"86138\d{8}")
OUTCOMES = ("accepted", "applied", "duplicate", "parked", "dead")


class Verdict(NamedTuple):
    invariant: str
    findings: Findings


def audit(evidence: Evidence) -> list[Verdict]:
    return [Verdict(invariant, examine(evidence)) for invariant, examine in (*CUSTOMER, *DOWNSTREAM)]


def _acknowledged(e: Evidence) -> Findings:
    on_bus = Counter(report for _, report in _received(e) if report)
    breaches = [f"never sent: record {at}" for at, report in _received(e) if report is None]
    for report in e.ledger.reports:
        acknowledged, attempted = e.ledger.acknowledged[report], e.ledger.attempted[report]
        if on_bus[report] < acknowledged:
            breaches.append(f"lost: {report.label} was acknowledged {acknowledged} times, the bus has it {on_bus[report]} times")
        if on_bus[report] > attempted:
            breaches.append(f"doubled: {report.label} was sent {attempted} times, the bus has it {on_bus[report]} times")
    return Findings(f"{e.ledger.acknowledged.total():,} acknowledged, {on_bus.total():,} on the bus", breaches)


def _received(e: Evidence) -> Iterator[tuple[tuple[str, int, int], Report | None]]:
    """Where each record of the inputs lies, and which report it carries."""
    for topic in topics.INPUTS:
        for record in e.records[topic]:
            yield (topic, record.partition, record.offset), e.ledger.by_value.get((topic, record.value))


def _readable(e: Evidence) -> Findings:
    found = Counter(record.at for records in e.records.values() for record in records)
    breaches = [f"lost: {end - found[at]} of the records on {at.topic} {at.number}" for at, end in e.ends.items() if found[at] < end]
    return Findings(f"{found.total():,} records on {len(e.records)} topics", breaches)


def _facts(e: Evidence) -> Findings:
    expected, stored = e.ledger.facts, e.facts
    breaches = [
        *compare("owner of fact", _each(expected, lambda one: one.customer_id), _each(stored, lambda row: row["customer_id"] or "")),
        *compare(
            "content of fact",
            _each(expected, lambda one: (one.type, one.occurred_at, one.data)),
            _each(stored, lambda row: (row["type"], row["occurred_at"], e.opened(row["data"]))),
        ),
    ]
    return Findings(f"{len(expected):,} distinct ids sent, {len(stored):,} facts", breaches)


def _each(rows: dict[Any, Any], value: Callable[[Any], Any]) -> dict[Any, Any]:
    return {key: value(row) for key, row in rows.items()}


def _parked(e: Evidence) -> Findings:
    expected = _each(e.ledger.parked, lambda one: e.keyring.subject(one.subject))
    found = _each(e.parked, lambda row: row["subject"])
    return Findings(f"{len(expected):,} about nobody, {len(found):,} parked", list(compare("parked event", expected, found)))


def _dead(e: Evidence) -> Findings:
    expected = {at: report.code for at, report in _received(e) if report and report.fate == "dead"}
    rows = {(row["topic"], row["partition"], row["offset"]): row["code"] for row in e.rows["customer"]["dead_letters"]}
    published = [orjson.loads(record.headers["x-dead-letter"]) for topic in DEAD_LETTERS for record in e.records[topic]]
    on_topic = {(one["topic"], one["partition"], one["offset"]): one["code"] for one in published}
    breaches = [*compare("dead letter", expected, rows), *compare("dead letter on its topic", expected, on_topic)]
    return Findings(f"{len(expected):,} that can not be applied, {len(rows):,} dead letters", breaches)


def _books(e: Evidence) -> Findings:
    """Per topic and source, against the records on the bus and the rows in the tables."""
    expected: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (topic, _, _), report in _received(e):
        if report:
            expected[topic, report.source].update(accepted=1, dead=int(report.fate == "dead"))
    for name, fate in (("applied", e.ledger.facts), ("parked", e.ledger.parked)):
        for report in fate.values():
            expected[report.topic, report.source][name] += 1
    for line in expected.values():
        line["duplicate"] = line["accepted"] - line["applied"] - line["parked"] - line["dead"]
    booked: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in e.rows["customer"]["intake"]:
        booked[row["topic"], row["source"]].update({name: row[name] for name in OUTCOMES})
    total = sum(booked.values(), Counter[str]())
    # What it found out itself has no partition to come from; found out again is a duplicate.
    own = Counter(applied=len(e.found_out), duplicate=sum(line["duplicate"] for (_, source), line in booked.items() if source == OWN_SOURCE))
    if own.total():
        expected[topics.ACTIVITY, OWN_SOURCE] = own + Counter(accepted=own.total())
    return Findings(" ".join(f"{name} {total[name]:,}" for name in OUTCOMES), list(compare("books of", expected, booked)))


def _months(e: Evidence) -> Findings:
    found = {(row["customer_id"], row["month"]): row["measures"] for row in e.rows["customer"]["rollups"] if row["measures"]}
    return Findings(f"{len(found):,} months", list(compare("month", months(e), found)))


def _attributes(e: Evidence) -> Findings:
    found = {row["customer_id"]: _told(row["profile"]) for row in e.rows["customer"]["customers"]}
    return Findings(f"{len(found):,} customers", list(compare("profile of", e.ledger.attributes, found)))


def _told(profile: dict[str, Any]) -> dict[str, str]:
    flat = {**profile, **{name: value for one in profile.get("subscriptions", ()) for name, value in one.items()}}
    return {name: flat[name] for name in ("region", "plan", "termination_reason") if name in flat}


def _sequence(e: Evidence) -> Findings:
    last: Counter[str] = Counter()
    held: dict[tuple[str, int], Activity] = {}
    breaches, copies = [], 0
    for one in e.activities:
        known = held.setdefault((one.customer_id, one.sequence), one)
        if known is not one and known != one:
            breaches.append(f"doubled: two different messages are {one.label}")
        if one.sequence <= last[one.customer_id]:
            copies += 1
            continue
        if one.sequence != last[one.customer_id] + 1:
            breaches.append(f"out of sequence: {one.label} comes after {last[one.customer_id]}")
        last[one.customer_id] = one.sequence
    numbered = {row["customer_id"]: row["activity_sequence"] for row in e.rows["customer"]["customers"]}
    breaches += compare("last activity of", numbered, dict(last))
    return Findings(f"{len(held):,} messages, {copies:,} published twice", breaches)


def _told_on(e: Evidence) -> Findings:
    """Each fact once since its customer was last told from the beginning, of the same customer and with the same content."""
    told = [((fact["source"], fact["id"]), one, fact) for one in e.told for fact in one.facts]
    expected = {name: (report.customer_id, report.data) for name, report in e.ledger.facts.items() if report.customer_id}
    expected |= _each(e.found_out, lambda row: (row["customer_id"], row["data"]))
    found = {name: (one.customer_id, e.opened(fact["data"])) for name, one, fact in told}
    breaches = [*repeated("fact on activity", (name for name, _, _ in told)), *compare("fact on activity", expected, found)]
    return Findings(f"{len(told):,} facts told on", breaches)


def _months_told_on(e: Evidence) -> Findings:
    """Months are whole: what was published last is what is stored."""
    found: dict[tuple[str, str], Any] = {}
    for one in e.told:
        found |= {(one.customer_id, month): measures for month, measures in one.months.items()}
    found = {month: measures for month, measures in found.items() if measures}
    return Findings(f"{len(found):,} months told on", list(compare("month on activity", months(e), found)))


def _outboxes(e: Evidence) -> Findings:
    waiting = {service: len(e.rows[service]["outbox"]) for service in SERVICES}
    breaches = [f"not published: {count} messages of {service}" for service, count in waiting.items() if count]
    return Findings(f"{sum(waiting.values())} waiting in {len(waiting)} outboxes", breaches)


def _sealed(e: Evidence) -> Findings:
    """Numbers come in plain on the topics of those who report them, and lie nowhere else so."""
    numbers = {str(report.data["msisdn"]).encode() for report in e.ledger.reports if "msisdn" in report.data}
    places = {f"{service} {table}": rows for service, tables in e.rows.items() for table, rows in tables.items()}
    texts = [(place, repr(row).encode()) for place, rows in places.items() for row in rows]
    texts += [(f"topic {topic}", record.value) for topic, records in e.records.items() if topic not in topics.INPUTS for record in records]
    breaches = [f"in plain: {place} holds a number" for place, text in texts if not numbers.isdisjoint(NUMBER.findall(text))]
    return Findings(f"{len(numbers):,} numbers, {len(texts):,} rows and records", breaches)


def _watermarks(e: Evidence) -> Findings:
    breaches: list[str] = []
    counted = 0
    for service in SERVICES:
        expected = {at: end for at, end in e.ends.items() if at.topic in READS[service] and end}
        breaches += compare(f"watermark of {service} on", expected, watermarks(e.rows[service]["watermarks"]))
        counted += len(expected)
    return Findings(f"{counted} partitions at their ends", breaches)


CUSTOMER: tuple[tuple[str, Callable[[Evidence], Findings]], ...] = (
    ("what the bus has can be read", _readable),
    ("what was acknowledged is on the bus", _acknowledged),
    ("each distinct event is one fact of its customer", _facts),
    ("what is about nobody is parked", _parked),
    ("what can not be applied is a dead letter", _dead),
    ("accepted = applied + duplicate + parked + dead", _books),
    ("months = fold over the distinct facts", _months),
    ("profiles = last word by event time", _attributes),
    ("activity is +1 per customer, in order", _sequence),
    ("each fact is told on once", _told_on),
    ("the months told on last are those stored", _months_told_on),
    ("outboxes are empty", _outboxes),
    ("no number lies in plain", _sealed),
    ("watermarks are at the ends", _watermarks),
)
