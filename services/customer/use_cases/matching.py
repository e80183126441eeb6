"""Customers compared with each other, once what is known of them has changed, and what is decided about those who look alike.

Nothing here hears of events: who changed is on a queue, and one at a time compares them as they stand. So the order in which
things became known plays no part: open reviews follow from the profiles, the block list and what was decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from services.customer import settings
from services.customer.matching import MOST_HOLDERS, Document, Pair, is_certain, is_evidence, likeness, match_keys, pairs, parts, unblocked
from services.customer.repository import matching as repository
from services.customer.repository.matching import Person
from services.customer.tables import MATCH_KEYS
from services.customer.use_cases import audit, birthdays, merging, quality, reentry
from services.customer.use_cases.reading import live
from services.customer.use_cases.recording import report
from shared import clock
from shared.contracts.envelope import PersonalKind
from shared.database import Database, Transaction
from shared.errors import AlreadyDecided, NotFound, TellsNothing
from shared.pii import Keyring, is_telling

LOOK_SECONDS = 0.5
PAGE = 200
ACTOR = "holdfast"


@dataclass(slots=True)
class Comparison:
    """`people`: all that matter here, with the aliases of each. `compared`: of whom all pairs are looked at."""

    tx: Transaction
    keyring: Keyring
    people: dict[str, Person]
    compared: set[str] = field(default_factory=set)
    shared: list[tuple[str, str, str]] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)

    def live(self, customer_ids: Iterable[str]) -> set[str]:
        return {one for one in customer_ids if one in self.people and self.people[one].is_live}

    def profile(self, customer_id: str) -> Document:
        return self.people[customer_id].profile


async def compare_queued(database: Database, keyring: Keyring | None) -> bool:
    """A page of the queue; whether there is more."""
    assert keyring, "the worker of this service is sealed"
    async with database.reading() as connection:
        if await repository.is_queue_empty(connection):
            return False
    async with database.transaction() as tx:
        if not await repository.lock(tx, wait=False):
            return False
        queued = await repository.take_queued(tx, limit=PAGE)
        certain = await _compare(tx, keyring, queued)
        if settings.load().merge_certain:
            await _merge_certain(tx, keyring, certain)
    return bool(queued)


async def decide(tx: Transaction, keyring: Keyring, review_id: int, *, decision: Literal["merge", "different"], actor: str, note: str) -> Document:
    """Raises NotFound, AlreadyDecided; and what a merge raises."""
    await repository.lock(tx, wait=True)
    row = await _review(tx, review_id)
    if row.state in ("merged", "different"):
        raise AlreadyDecided(f"{row.decided_by} decided at {row.decided_at.isoformat()}: {row.state}")
    state = "merged" if decision == "merge" else "different"
    await repository.decide(tx, [review_id], {"state": state, "decided_at": clock.now(), "decided_by": actor, "note": note})
    if decision == "merge":
        await merging.merge(tx, keyring, row.one, row.other, actor=actor, reason=note or f"review {review_id}")
    else:
        await repository.enqueue(tx, [row.one, row.other])
        await audit.note(tx, keyring, actor=actor, action="review", customer_id=row.one, details={"review_id": review_id, "different_from": row.other})
    return _view(await _review(tx, review_id))


async def reviews(tx: Transaction, *, state: str | None, after: int, limit: int) -> list[Document]:
    return [_view(row) for row in await repository.list_reviews(tx, state=state, after=after, limit=limit)]


async def review(tx: Transaction, review_id: int) -> Document:
    """Raises NotFound."""
    return _view(await _review(tx, review_id))


async def matches(tx: Transaction, customer_id: str) -> list[Document]:
    """What the customer is compared by, how many have it too, and whether it counts. Raises NotFound, Gone."""
    survivor_id = (await live(tx, customer_id)).customer_id
    keys = await repository.keys_of(tx, survivor_id, most=MOST_HOLDERS)
    blocked = await repository.blocked(tx, {part for one in keys for part in parts(one.key)})
    return [one._asdict() | {"blocked": not unblocked([one.key], blocked), "shared_by_many": bool(one.shared_by_many)} for one in keys]


async def block(tx: Transaction, keyring: Keyring, kind: PersonalKind, value: str, *, actor: str, note: str) -> Document:
    """From now on equal values of it are no evidence. Raises TellsNothing for what never was."""
    if not is_telling(kind, value):
        raise TellsNothing(f"this {kind} is a placeholder: nobody is compared by it")
    part = f"{kind}:{keyring.index(kind, value)}"
    row = {"part": part, "note": note, "blocked_by": actor, "blocked_at": clock.now()}
    await repository.lock(tx, wait=True)
    await repository.block(tx, row)
    await _compare_again(tx, keyring, part)
    await audit.note(tx, keyring, actor=actor, action="block", details={"part": part})
    return row


async def unblock(tx: Transaction, keyring: Keyring, part: str, *, actor: str) -> None:
    """Raises NotFound."""
    await repository.lock(tx, wait=True)
    if not await repository.unblock(tx, part):
        raise NotFound(f"{part} is not blocked")
    await _compare_again(tx, keyring, part)
    await audit.note(tx, keyring, actor=actor, action="unblock", details={"part": part})


async def _compare(tx: Transaction, keyring: Keyring, customer_ids: Collection[str]) -> list[Pair]:
    """Bring everything that follows from these customers as they stand up to date. Answers who surely are one person."""
    work = Comparison(tx, keyring, await repository.people(tx, customer_ids))
    changed = list(work.people.values())
    await _share(work)
    certain = await _review_again(work)
    await quality.assess_again(tx, keyring, changed)
    returned = await reentry.find(tx, changed, work.shared, work.blocked)
    if returned:
        await report(tx, keyring, returned)
    # Last: who tells birthdays has the customers locked before these rows.
    await birthdays.note(tx, keyring, changed)
    return certain


async def _compare_again(tx: Transaction, keyring: Keyring, part: str) -> None:
    """Those who are under review for it, at once."""
    reviewed = await repository.reviewed_by_part(tx, part)
    if reviewed:
        work = Comparison(tx, keyring, await repository.people(tx, reviewed))
        await _share(work)
        await _review_again(work)


async def _share(work: Comparison) -> None:
    """What each shares with whom, after their keys are as their profiles are."""
    keys = {one.customer_id: match_keys(one.profile) if one.is_live else set() for one in work.people.values()}
    lost = await repository.replace_keys(work.tx, keys)
    work.compared = set(keys)
    # A key counts again when few enough have it now, and no more when too many have.
    work.compared |= await repository.holders(work.tx, lost, most=MOST_HOLDERS) if lost else set()
    work.compared |= await repository.reviewed_by_crowded_keys(work.tx, keys, most=MOST_HOLDERS)
    work.shared = await repository.sharing(work.tx, MATCH_KEYS, work.compared, most=MOST_HOLDERS)
    work.blocked = await repository.blocked(work.tx, {part for key, _, _ in work.shared for part in parts(key)})


async def _review_again(work: Comparison) -> list[Pair]:
    alike = pairs(one for one in work.shared if is_evidence(one[0]))
    strangers = work.compared.union(*alike) - work.people.keys()
    work.people |= await repository.people(work.tx, strangers) if strangers else {}
    known = await repository.reviews_of(work.tx, work.people)
    await _settle(work, known)
    decided = _decided(work, known)
    rows = [_row(work, pair, keys) for pair, keys in alike.items() if work.live(pair) == set(pair) and pair not in decided]
    await repository.save_reviews(work.tx, rows)
    kept = {(row["one"], row["other"]) for row in rows}
    gone = [row for pair, row in known.items() if row.state in ("open", "blocked") and pair not in kept and work.compared & set(pair)]
    await _close(work, gone)
    return [pair for pair in kept if is_certain(unblocked(alike[pair], work.blocked), work.profile(pair[0]), work.profile(pair[1]))]


async def _settle(work: Comparison, known: Mapping[Pair, Any]) -> None:
    """Who was merged by a review and is two customers again was found to be two persons."""
    undone = [row.review_id for pair, row in known.items() if row.state == "merged" and _roots(work, pair) == set(pair)]
    if undone:
        await repository.decide(work.tx, undone, {"state": "different", "note": "the merge was undone"})


def _decided(work: Comparison, known: Mapping[Pair, Any]) -> set[Pair]:
    """Pairs that are not asked about again. What was decided of two holds for whoever carries on for them."""
    roots = [sorted(_roots(work, pair)) for pair, row in known.items() if row.state in ("different", "merged")]
    return {(pair[0], pair[1]) for pair in roots if len(pair) == 2}


def _roots(work: Comparison, pair: Pair) -> set[str]:
    return {work.people[one].survivor_id if one in work.people else one for one in pair}


def _row(work: Comparison, pair: Pair, keys: Collection[str]) -> Document:
    counting = unblocked(keys, work.blocked)
    sure = likeness(counting, work.profile(pair[0]), work.profile(pair[1]))
    state = "open" if counting else "blocked"
    return {"one": pair[0], "other": pair[1], "state": state, "likeness": sure, "evidence": sorted(keys), "opened_at": clock.now()}


async def _close(work: Comparison, rows: Sequence[Any]) -> None:
    """Reviews without evidence: merged by another way, or not alike any more."""
    merged = [row.review_id for row in rows if len(_roots(work, (row.one, row.other))) == 1]
    if merged:
        await repository.decide(work.tx, merged, {"state": "merged", "decided_at": clock.now(), "decided_by": ACTOR, "note": "merged without review"})
    others = [row.review_id for row in rows if row.review_id not in merged]
    if others:
        await repository.delete_reviews(work.tx, others)


async def _merge_certain(tx: Transaction, keyring: Keyring, certain: Sequence[Pair]) -> None:
    """One pair of a customer at a time: the next one is compared again after the merge."""
    taken: set[str] = set()
    known = await repository.reviews_of(tx, {one for pair in certain for one in pair})
    for pair in sorted(certain):
        if not taken & set(pair):
            taken |= set(pair)
            await decide(tx, keyring, known[pair].review_id, decision="merge", actor=ACTOR, note="same document and name")


async def _review(tx: Transaction, review_id: int) -> Any:
    row = await repository.get_review(tx, review_id)
    if row is None:
        raise NotFound(f"no review {review_id}")
    return row


def _view(row: Any) -> Document:
    document: Document = row._asdict()
    return document | {"customers": [document.pop("one"), document.pop("other")]}
