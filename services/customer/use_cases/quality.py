"""How good what is known of each customer is, assessed whenever it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from services.customer.facts import Document, OwnFact, Stored
from services.customer.matching import index_of
from services.customer.quality import Outcome, Quality, Reachability, assess, by_channel, of_contact_point, outcome_of
from services.customer.repository import matching
from services.customer.repository import quality as repository
from services.customer.repository.matching import Person
from services.customer.use_cases.sealing import keys_of
from shared import clock
from shared.database import Transaction
from shared.errors import Gone, NotFound
from shared.pii import DataKey, Keyring, mask
from shared.pii import opened as opened_with

GROUPS = 500
JUDGED_IN_PLAIN = ("name", "document", "birth_date", "contact_points")


async def follow(tx: Transaction, stored: Sequence[Stored], profiles: Mapping[str, Document]) -> list[OwnFact]:
    """Assess again whom somebody tried to reach."""
    await matching.enqueue(tx, {one.survivor_id for one in stored if one.type in repository.OUTCOME_TYPES})
    return []


async def assess_again(tx: Transaction, keyring: Keyring, changed: Sequence[Person]) -> None:
    live = [one for one in changed if one.is_live]
    facts = await _facts(tx, changed)
    # Whether a number is right shows only in plain: it is opened here, judged, and only the verdict is kept.
    keys = await keys_of(tx, keyring, [_personal(one.profile) for one in live])
    await repository.save(tx, [_row(one, _quality(one.profile, facts[one.customer_id], keys)) for one in live])
    await repository.delete(tx, [one.customer_id for one in changed if not one.is_live])


async def of_customer(tx: Transaction, keyring: Keyring, customer_id: str) -> Document:
    """As it stands now, contact points masked. Raises NotFound, Gone."""
    people = await matching.people(tx, [customer_id])
    if customer_id not in people:
        raise NotFound(f"no customer {customer_id}")
    person = people[people[customer_id].survivor_id]
    if not person.is_live:
        raise Gone(f"customer {customer_id} was erased")
    facts = (await _facts(tx, list(people.values())))[person.customer_id]
    keys = await keys_of(tx, keyring, _personal(person.profile))
    now, points = clock.now(), person.profile.get("contact_points") or ()
    reach = [_reach(point, facts, now) for point in points]
    shown = [point | reached._asdict() for point, reached in zip(points, reach, strict=True)]
    return {
        "customer_id": person.customer_id,
        **_quality(person.profile, facts, keys)._asdict(),
        "channels": {channel: one._asdict() for channel, one in by_channel(_outcomes(facts), now).items()},
        "contact_points": opened_with(shown, keys, mask),
    }


async def averages(tx: Transaction, by: Literal["channel", "agent"], *, month: str | None) -> list[Document]:
    rows = await repository.averages(tx, by, month=month, limit=GROUPS)
    return [row._asdict() | {name: round(getattr(row, name), 1) for name in row._fields if name.endswith("_percent")} for row in rows]


async def worst(tx: Transaction, *, channel: str | None, agent: str | None, after: tuple[int, str], limit: int) -> list[Document]:
    return [row._asdict() for row in await repository.worst(tx, channel=channel, agent=agent, after=after, limit=limit)]


async def _facts(tx: Transaction, people: Iterable[Person]) -> dict[str, list[Any]]:
    """About contacts, by who carries on."""
    survivor_of = {one.customer_id: one.survivor_id for one in people}
    found: dict[str, list[Any]] = {survivor: [] for survivor in survivor_of.values()}
    for member, facts in (await repository.facts_about_contacts(tx, survivor_of)).items():
        found[survivor_of[member]] += facts
    return found


def _quality(profile: Document, facts: Sequence[Any], keys: dict[str, DataKey]) -> Quality:
    now = clock.now()
    wrong = [at for at, point in enumerate(profile.get("contact_points") or ()) if _reach(point, facts, now).wrong_number]
    return assess(profile | opened_with(_personal(profile), keys), wrong=wrong, today=now.date())


def _personal(profile: Document) -> Document:
    return {name: profile[name] for name in JUDGED_IN_PLAIN if profile.get(name) is not None}


def _reach(point: Document, facts: Sequence[Any], now: datetime) -> Reachability:
    return of_contact_point(point["kind"], _told_at(point, facts), _outcomes(facts), now)


def _outcomes(facts: Iterable[Any]) -> list[Outcome]:
    found = (outcome_of(one.occurred_at, one.data) for one in facts if one.type in repository.OUTCOME_TYPES)
    return [one for one in found if one]


def _told_at(point: Document, facts: Sequence[Any]) -> datetime | None:
    """When the contact point was first told of."""
    index = index_of(point["value"])
    told = (one for one in facts if one.type in repository.TOLD_TYPES)
    return min((one.occurred_at for one in told if any(index_of(each["value"]) == index for each in one.data.get("contact_points") or ())), default=None)


def _row(one: Person, quality: Quality) -> Document:
    profile = one.profile
    registered = profile.get("registered_at")
    return {
        "customer_id": one.customer_id,
        "month": clock.month_of(datetime.fromisoformat(registered)) if registered else None,
        "channel": profile.get("acquisition_channel"),
        "agent": profile.get("acquisition_agent"),
        **quality._asdict(),
    }
