"""S11: parameter sets from draft to force and back, and that a preview tells what will happen."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jsonschema
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.features import Features
from services.segmentation.models import Learned
from services.segmentation.parameters import BUILT_IN, Parameters
from services.segmentation.previewing import KINDS, AsOf, Looked, Side, cut_of, differences, judge, merged, points_of_shares
from services.segmentation.repository import parameters as repository
from services.segmentation.rfm import Purchases, score
from services.segmentation.routes.parameters import UNDER_WAY
from services.segmentation.seen import Seen
from services.segmentation.standing import NEWS, Before
from services.segmentation.tables import HEARD, METADATA, RFM, STANDINGS
from services.segmentation.use_cases import previewing, recut
from shared import clock
from shared.bus import Message
from shared.contracts import billing
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import Document, activity, days_ago, fact, paid, used

BEHIND_DAYS = 4
LIVE: Document = {"subscription_id": "S-1", "activated_on": "2025-01-05", "products": [], "cugs": []}

DEFAULT = Parameters().model_dump(mode="json")

CHANGES: Document = {
    "rfm": {"scoring": {"prepaid": {"method": "fixed", "fixed": {"f": [2, 3, 4, 5]}}}},
    "patterns": {"silent_days": 10, "contract_ending_days": 10, "rfm_from": ["champions", "loyal", "potential_loyalist"], "fall_percent": 40},
    "tiers": {
        "shares_percent": [5, 20, 60],
        "hysteresis_percent": 0,
        "grades_minor": [10_000, 50_000, 100_000, 200_000, 400_000],
        "stars": [{"monthly_spend_minor": 100 * number, "tenure_days": 10 * number} for number in range(1, 5)],
        "mvc_tiers": ["platinum"],
    },
    "lifecycle": {"onboarding_days": 30, "silent_days": 15},
    "arrears": {"dunning_days": [1, 5, 10, 20]},
    "risk": {"prior": {"silent": 0.03}},
    "moments": {"bad_debt_level": 3, "renewal_days": 30},
}


def headers(actor: str = "ann", key: str | None = None) -> dict[str, str]:
    return {"X-Actor": actor} | ({"Idempotency-Key": key} if key else {})


async def post(segmentation: ServiceUnderTest, path: str, body: Document, *, actor: str = "ann", key: str | None = None) -> httpx.Response:
    return await segmentation.http.post(f"/parameters{path}", json=body, headers=headers(actor, key))


async def said(segmentation: ServiceUnderTest, path: str, body: Document, *, status: int = 200, **asked: Any) -> Document:
    answer = await post(segmentation, path, body, **asked)
    assert answer.status_code == status, answer.text
    found: Document = answer.json()
    return found


async def drafted(segmentation: ServiceUnderTest, changes: Document, **body: Any) -> int:
    key = f"draft-{random.random()}"
    version: int = (await said(segmentation, "/sets", {"changes": changes, "note": "A try", **body}, status=201, key=key))["version"]
    return version


async def in_force(segmentation: ServiceUnderTest) -> int:
    version: int = (await segmentation.http.get("/parameters")).json()["in_force"]["version"]
    return version


async def refused(segmentation: ServiceUnderTest, path: str, body: Document, **asked: Any) -> tuple[int, str]:
    answer = await post(segmentation, path, body, **asked)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def a_customer(name: str, dice: random.Random) -> Message:
    """Somebody for whom something depends on most of the parameters."""
    payment_type = dice.choice(["prepaid", "postpaid"])
    ends = days_ago(-dice.randint(1, 60)).date().isoformat() if dice.random() < 0.3 else None
    subscription = {
        "subscription_id": f"S-{name}", "payment_type": payment_type, "brand": dice.choice(["gotone", "easyown", "mzone"]), "brand_rank": 2, "plan": "p",
        "activated_at": days_ago(dice.choice([20, 32, 60, 200, 600])).isoformat(), "contract_ends": ends,
    }  # fmt: skip
    facts = [paid(dice.choice([2_000, 9_000, 60_000]), at=days_ago(dice.randint(BEHIND_DAYS, 200))) for _ in range(dice.randint(1, 5))]
    facts.append(used(at=days_ago(dice.choice([BEHIND_DAYS, 12, 18, 30])), on_net={"out_seconds": 600, "out_calls": 9}))
    if payment_type == "postpaid" and dice.random() < 0.5:
        due = days_ago(dice.choice([3, 8, 20, 40]))
        facts.append(fact(billing.BillIssued, at=due - timedelta(days=14), bill_id=f"B-{name}", amount_minor=9_000, due_date=due.date().isoformat()))
    this = clock.month_of(days_ago(0))
    months = {
        clock.months_before(this, count): {"usage_days": 28, "paid_minor": dice.randint(0, 40_000), "out_on_net_seconds": dice.randint(100, 90_000)}
        for count in range(8)
    }
    kind = {"kind": "organisation"} if dice.random() < 0.3 else {"kind": "person"}
    return activity(name, *facts, months=months, profile=kind | {"subscriptions": [subscription]})


async def populate(segmentation: ServiceUnderTest, customers: int) -> None:
    """While the feeds are some days behind."""
    async with segmentation.database.transaction() as tx:
        await tx.execute(sa.update(HEARD).values(day=days_ago(BEHIND_DAYS).date().isoformat()))
    dice = random.Random(11)
    await segmentation.send(*(a_customer(f"p-{number:03d}", dice) for number in range(customers)))
    await re_cut(segmentation)


async def re_cut(segmentation: ServiceUnderTest) -> None:
    """The day's own, or one that another set asks for."""
    while await step(segmentation):
        pass
    await segmentation.settle()


async def step(segmentation: ServiceUnderTest) -> bool:
    async with segmentation.database.transaction() as tx:
        return await recut.carry_on(tx)


async def everything(segmentation: ServiceUnderTest) -> Document:
    """Every row there is, but for the heartbeats."""
    return {table.name: sorted(map(repr, await segmentation.rows(sa.select(table)))) for table in METADATA.sorted_tables if table.name != "workers"}


Standing = dict[str, dict[str, str]]


async def stand(segmentation: ServiceUnderTest) -> tuple[Standing, int]:
    """By customer and kind, as stored; and the sum of the values."""
    rows = await segmentation.rows(sa.select(STANDINGS))
    segments = {row.customer_id: row.segment for row in await segmentation.rows(sa.select(RFM))}
    found = {row.customer_id: {name: str(getattr(row, name)) for name in NEWS} | {"segment": str(segments.get(row.customer_id))} for row in rows}
    return {one: {kind: "none" if word == "None" else word for kind, word in words.items()} for one, words in found.items()}, sum(
        row.value_minor for row in rows
    )


def moved(before: Standing, after: Standing) -> dict[str, dict[tuple[str, str], int]]:
    return {kind: dict(Counter((before[one][kind], after[one][kind]) for one in before)) for kind in KINDS}


def foreseen(preview: Document) -> dict[str, dict[tuple[str, str], int]]:
    return {kind: {(old, new): count for old, to in effect["matrix"].items() for new, count in to.items()} for kind, effect in preview["kinds"].items()}


async def versions(segmentation: ServiceUnderTest) -> set[int]:
    return {row.parameter_version for table in (RFM, STANDINGS) for row in await segmentation.rows(sa.select(table.c.parameter_version))}


async def test_what_a_preview_says_happens(segmentation: ServiceUnderTest) -> None:
    """S11: draft, preview, approval by a second person, the re-cut that follows, roll-back: each change foreseen to the customer."""
    await populate(segmentation, 80)
    version = await drafted(segmentation, CHANGES, based_on=0)
    before, value_before = await stand(segmentation)
    stored = await everything(segmentation)
    preview = await said(segmentation, f"/sets/{version}/preview", {})
    assert await everything(segmentation) == stored, "a preview writes nothing"
    assert preview["as_of"] == days_ago(BEHIND_DAYS).date().isoformat()
    assert (preview["compared_with"], preview["customers"], preview["looked_at"], preview["out_of_time"]) == (0, 80, 80, False)
    assert (preview["pyramid_cut_anew"], preview["scores_cut_anew"]) == (True, False)
    assert preview["not_shown"] == ["moments.renewal_days", "patterns.fall_percent"]

    approved = await said(segmentation, f"/sets/{version}/approve", {}, actor="bob")
    assert (approved["drafted_by"], approved["decided_by"], approved["state"], approved["is_in_force"]) == ("ann", "bob", "approved", True)
    assert await versions(segmentation) == {0}
    await re_cut(segmentation)
    after, value_after = await stand(segmentation)
    assert await versions(segmentation) == {version}
    assert foreseen(preview) == moved(before, after)
    assert preview["changed"] == sum(before[one] != after[one] for one in before) > 40
    assert {kind for kind, effect in preview["kinds"].items() if not effect["changed"]} == {"cluster"}
    assert (preview["value_before_minor"], preview["value_after_minor"]) == (value_before, value_after)

    back = await said(segmentation, "/sets/0/preview", {})
    taken = await said(segmentation, "/rollback", {"reason": "Too many in decline", "version": version}, actor="cy", key="r")
    assert (taken["rolled_back"], taken["in_force"]["version"], taken["in_force"]["state"], taken["next"]) == ([version], 0, "built_in", None)
    await segmentation.send(activity("p-000"))
    assert await versions(segmentation) == {0, version}, "in the stream at once"
    await re_cut(segmentation)
    assert await versions(segmentation) == {0}
    again, _ = await stand(segmentation)
    assert foreseen(back) == moved(after, again)
    record = (await segmentation.http.get(f"/parameters/sets/{version}")).json()
    assert (record["state"], record["rolled_back_by"], record["rolled_back_because"]) == ("rolled_back", "cy", "Too many in decline")
    assert record["drafted_at"] < record["decided_at"] == record["effective_from"] < record["rolled_back_at"]


async def test_values_and_populations_that_move(segmentation: ServiceUnderTest) -> None:
    """S11: tiers by values that nobody had before, scores among populations that were never cut: foreseen too, on the way there and back."""
    await populate(segmentation, 80)
    weights = {"margin": 0.0, "usage": 9.0, "contact_frequency": 0.0, "future_value": 0.1}
    version = await drafted(segmentation, {"rfm": {"populations": "brand"}, "value": {"weights": weights, "margin_percent": 70}})
    there = await said(segmentation, f"/sets/{version}/preview", {})
    assert (there["pyramid_cut_anew"], there["scores_cut_anew"]) == (True, True)
    before, _ = await stand(segmentation)
    await said(segmentation, f"/sets/{version}/approve", {}, actor="bob")
    await re_cut(segmentation)
    after, value_after = await stand(segmentation)
    assert foreseen(there) == moved(before, after)
    assert there["value_after_minor"] == value_after != there["value_before_minor"]
    assert min(there["kinds"][kind]["changed"] for kind in ("segment", "tier")) > 5
    back = await said(segmentation, "/sets/0/preview", {})
    await said(segmentation, "/rollback", {"reason": "No"}, actor="cy", key="r")
    await re_cut(segmentation)
    again, _ = await stand(segmentation)
    assert foreseen(back) == moved(after, again)


async def test_who_decides_what_and_when(segmentation: ServiceUnderTest) -> None:
    """S11: four eyes, stale drafts, a day to come, and what goes with a roll-back."""
    body = {"changes": {"patterns": {"silent_days": 30}}, "note": "Fewer warnings"}
    assert await refused(segmentation, "/sets", body) == (400, "idempotency_key_missing")
    assert await refused(segmentation, "/sets", body, actor="anonymous", key="k") == (400, "actor_missing")
    one = await said(segmentation, "/sets", body, key="k", status=201)
    assert await said(segmentation, "/sets", body, key="k", status=201) == one, "the same key, the same draft"
    assert one["differences"] == [{"path": "patterns.silent_days", "before": 21, "after": 30}]
    assert (one["version"], one["based_on"], one["is_in_force"], one["document"]) == (1, 0, False, merged(DEFAULT, body["changes"]))
    two = await drafted(segmentation, {"tiers": {"hysteresis_percent": 5}})

    for actor in ("ann", " Ann", "anonymous"):
        assert await refused(segmentation, "/sets/1/approve", {}, actor=actor) == (409, "second_person_needed")
    assert await refused(segmentation, "/sets/1/approve", {"effective_from": days_ago(1).isoformat()}, actor="bob") == (422, "invalid_request")
    start = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert (await said(segmentation, "/sets/1/approve", {"effective_from": start}, actor="bob"))["state"] == "approved"
    assert await refused(segmentation, "/sets/1/approve", {}, actor="cy") == (409, "already_decided")
    assert await refused(segmentation, "/sets/1/reject", {"reason": "No"}, actor="cy") == (409, "already_decided")
    found = (await segmentation.http.get("/parameters")).json()
    assert (found["in_force"]["version"], found["next"]["version"]) == (0, 1)
    async with segmentation.database.reading() as connection:
        later = await repository.in_force(connection, datetime.now(UTC) + timedelta(days=3))
        assert later is not None
        assert later.version == 1

    assert await refused(segmentation, f"/sets/{two}/approve", {}, actor="bob") == (409, "stale_draft")
    assert await refused(segmentation, "/sets", body | {"based_on": 0}, key="b") == (409, "stale_draft")
    three = await drafted(segmentation, {"tiers": {"hysteresis_percent": 5}, "patterns": {"silent_days": None}})
    record = (await segmentation.http.get(f"/parameters/sets/{three}")).json()
    assert (record["based_on"], [one["path"] for one in record["differences"]]) == (1, ["patterns.silent_days", "tiers.hysteresis_percent"])
    assert await refused(segmentation, f"/sets/{three}/approve", {}, actor="bob") == (422, "invalid_request"), "not before the one it is based on"
    await said(segmentation, f"/sets/{three}/approve", {"effective_from": start}, actor="bob")
    assert await refused(segmentation, "/rollback", {"reason": "No"}, key="r") == (409, "nothing_to_roll_back")
    assert await refused(segmentation, "/rollback", {"reason": "No", "version": two}, key="r") == (409, "nothing_to_roll_back")
    assert await refused(segmentation, "/rollback", {"reason": "No", "version": 1}, actor="anonymous", key="r") == (400, "actor_missing")
    taken = await said(segmentation, "/rollback", {"reason": "No", "version": 1}, actor="dee", key="r")
    assert (taken["rolled_back"], taken["next"]) == ([1, three], None), "what was approved on top of it goes too"
    assert (await said(segmentation, f"/sets/{two}/approve", {}, actor="bob"))["is_in_force"], "based on what is the newest again"
    four = await drafted(segmentation, body["changes"])
    assert (await said(segmentation, f"/sets/{four}/reject", {"reason": "Too few"}))["decided_because"] == "Too few"

    page = (await segmentation.http.get("/parameters/sets", params={"limit": 3})).json()
    rest = (await segmentation.http.get("/parameters/sets", params={"limit": 3, "cursor": page["next_cursor"]})).json()
    listed = [(one["version"], one["state"], one["is_in_force"]) for one in (*page["items"], *rest["items"])]
    assert listed == [(4, "rejected", False), (3, "rolled_back", False), (2, "approved", True), (1, "rolled_back", False)]
    assert (await segmentation.http.get("/parameters/sets/9")).json()["code"] == "not_found"


async def test_decisions_at_once(segmentation: ServiceUnderTest) -> None:
    """S11: of two approvals of one draft, of two drafts of one base, and of two roll-backs of one version, one each."""
    drafts = [await drafted(segmentation, {"patterns": {"silent_days": days}}) for days in (30, 40)]

    async def codes(*asked: tuple[str, Document, str]) -> list[str]:
        answers = await asyncio.gather(*(post(segmentation, path, body, actor=actor, key=actor) for path, body, actor in asked))
        return sorted(answer.json().get("code", "done") for answer in answers)

    assert await codes(*((f"/sets/{drafts[0]}/approve", {}, actor) for actor in ("bob", "cy"))) == ["already_decided", "done"]
    assert await refused(segmentation, f"/sets/{drafts[1]}/approve", {}, actor="bob") == (409, "stale_draft")
    drafts = [await drafted(segmentation, {"patterns": {"silent_days": days}}) for days in (50, 60)]
    assert await codes(*((f"/sets/{one}/approve", {}, "bob") for one in drafts)) == ["done", "stale_draft"]
    newest = await in_force(segmentation)
    assert newest in drafts
    assert await codes(*(("/rollback", {"reason": "No", "version": newest}, actor) for actor in ("x", "y"))) == ["done", "nothing_to_roll_back"]
    assert await in_force(segmentation) == 1


BAD: tuple[tuple[Any, str], ...] = (
    ({}, "leave set 0 as it is"),
    ({"patterns": {"silent_days": 21}}, "leave set 0 as it is"),
    ({"patterns": {"silent_days": -1}}, "body.changes.patterns.silent_days"),
    ({"patterns": {"silent_days": "30"}}, "body.changes.patterns.silent_days"),
    ({"patterns": {"silent_days": 2.5}}, "body.changes.patterns.silent_days"),
    ({"patterns": 3}, "body.changes.patterns"),
    ({"patterns": {"loud_days": 3}}, "body.changes.patterns.loud_days"),
    ({"colours": {}}, "body.changes.colours"),
    ({"tiers": {"shares_percent": [20, 5, 1]}}, "body.changes.tiers: Value error, shares_percent have to rise"),
    ({"tiers": {"shares_percent": [1, 5]}}, "body.changes.tiers.shares_percent"),
    ({"value": {"weights": {"margin": None}}}, "body.changes.value"),
    ({"value": {"weights": {"charm": 1.0}}}, "body.changes.value.weights.charm"),
    ({"rfm": {"scoring": {"*": None}}}, "body.changes.rfm"),
    ({"rfm": {"scoring": {"prepaid": {"method": "rules"}}}}, "body.changes.rfm.scoring.prepaid"),
    ({"value": {"minute_minor": 10**30}}, "body.changes"),
    ({"rfm": {"scoring": {"x" * 100_001: {}}}}, "body.changes"),
    ([], "body.changes"),
)


async def test_documents_that_are_refused(segmentation: ServiceUnderTest) -> None:
    """S11: each with the path of what is wrong; none of them is kept."""
    for number, (changes, problem) in enumerate(BAD):
        answer = await post(segmentation, "/sets", {"changes": changes, "note": "Bad"}, key=f"b-{number}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), changes
        assert problem in answer.json()["detail"], changes
    deep: Document = {}
    for _ in range(400):
        deep = {"a": deep}
    assert await refused(segmentation, "/sets", {"changes": deep, "note": "Bad"}, key="b") == (422, "invalid_request")
    assert await refused(segmentation, "/sets", {"changes": {"patterns": {"silent_days": 30}}, "note": "x\x00y"}, key="b") == (422, "invalid_request")
    assert not (await segmentation.http.get("/parameters/sets")).json()["items"]
    schema = (await segmentation.http.get("/parameters/schema")).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(DEFAULT, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(merged(DEFAULT, {"patterns": {"silent_days": -1}}), schema)


async def test_a_preview_is_bounded(segmentation: ServiceUnderTest) -> None:
    """S11: by a sample that is the same each time, fair as far as it came, and by time; some at once and no more."""
    await populate(segmentation, 60)
    version = await drafted(segmentation, {"patterns": {"silent_days": 10}})
    async with segmentation.database.reading() as connection:
        chosen = list(await repository.sample(connection, 20))
        assert chosen == list(await repository.sample(connection, 20)) == list(await repository.sample(connection, 100))[:20]
        cut_short = await previewing.preview(connection, version, sample=50, most_seconds=0, page=20)
    assert chosen != sorted(chosen)
    assert (cut_short["looked_at"], cut_short["customers"], cut_short["out_of_time"]) == (20, 60, True)
    sampled = await said(segmentation, f"/sets/{version}/preview", {"sample": 20})
    assert (sampled["looked_at"], sampled["customers"], sampled["out_of_time"], sampled["pyramid_cut_anew"]) == (20, 60, False, False)
    assert sampled["kinds"] == cut_short["kinds"]
    for sample in (0, 20_001):
        assert await refused(segmentation, f"/sets/{version}/preview", {"sample": sample}) == (422, "invalid_request")
    with UNDER_WAY.admit(), UNDER_WAY.admit():
        assert await refused(segmentation, f"/sets/{version}/preview", {}) == (429, "too_many_requests")
    assert (await said(segmentation, f"/sets/{version}/preview", {}))["looked_at"] == 60


def test_judging_leaves_no_trace() -> None:
    """S11: what one set would warn of is not open when the other one judges."""
    now = days_ago(0)
    silent = [[days_ago(60).date().isoformat(), days_ago(30).date().isoformat()]]
    features = Features(
        "C-1", holding={"subscriptions": [{"terminated_on": None, **dict.fromkeys(("brand", "plan", "contract_ends", "reason")), **LIVE}]}, active=silent
    )
    looked, at = Looked(features, None, Before(), None, None), AsOf(now, Seen(now.date(), now.date(), now.date()))
    assert judge(looked, Side(BUILT_IN, Learned(), {}), at, to_place=False).words["churn_cause"] == "silent"
    assert not features.alerted


RFC_7396 = (
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
)


@pytest.mark.parametrize(("document", "patch", "result"), RFC_7396)
def test_the_examples_of_rfc_7396(document: Any, patch: Any, result: Any) -> None:
    """S11: appendix A."""
    assert merged(document, patch) == result


@st.composite
def subsets(draw: st.DrawFn, document: Document) -> Document:
    names = draw(st.sets(st.sampled_from(sorted(document)))) if document else set()
    return {name: draw(subsets(document[name])) if isinstance(document[name], dict) else document[name] for name in names}


def leaves(document: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    if isinstance(document, dict) and document:
        return {name: value for key, inner in document.items() for name, value in leaves(inner, (*path, key)).items()}
    return {".".join(path): document}


@given(subsets(DEFAULT))
def test_a_part_of_the_document_changes_nothing(patch: Document) -> None:
    """S11: merged over the whole; nor does merging touch what it is merged over."""
    before = Parameters().model_dump(mode="json")
    assert merged(before, patch) == before == DEFAULT
    assert not list(differences(before, merged(before, patch)))


@given(subsets(DEFAULT), st.integers(-5, 5))
def test_differences_are_the_leaves_that_differ(patch: Document, step: int) -> None:
    """S11: neither more nor less."""

    def raised(value: Any) -> Any:
        return {name: raised(inner) for name, inner in value.items()} if isinstance(value, dict) else value + step if isinstance(value, int) else value

    after = merged(DEFAULT, raised(patch))
    old, new = leaves(DEFAULT), leaves(after)
    assert {one.path: (one.before, one.after) for one in differences(DEFAULT, after)} == {one: (old[one], new[one]) for one in old if old[one] != new[one]}


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=60), st.lists(st.integers(1, 99), min_size=3, max_size=3).map(sorted))
def test_shares_are_never_exceeded(values: list[int], shares: list[int]) -> None:
    """S3: the least value that no more than the share of the customers reach, against every value there is."""
    candidates = sorted({*values, max(values) + 1})
    expected = [next(one for one in candidates if 100 * sum(value >= one for value in values) <= len(values) * share) for share in reversed(shares)]
    assert points_of_shares(Counter(values), shares) == tuple(expected)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6), st.integers(-3, 3)), min_size=1, max_size=40))
def test_points_cut_among_a_few_give_percent_ranks(bought: list[tuple[int, int, int]]) -> None:
    """S1: 1 + floor(5 x how many are worse / n), of each."""
    today = days_ago(0).date()
    listed = [Purchases(today - timedelta(days=days), frequency, minor) for days, frequency, minor in bought]
    points = cut_of(listed, today)
    for one in listed:
        worse = [sum(other[key] < one[key] for other in listed) for key in range(3)]
        assert score(one, points, as_of=today) == tuple(1 + 5 * count // len(listed) for count in worse)
