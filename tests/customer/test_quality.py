"""C6: what is missing or wrong of each customer, by who acquired them, and whether contacts arrive."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customer.quality import HALF_LIFE, Outcome, assess, flaw_of, of_contact_point, outcome_of, reachability
from shared.bus import Message
from shared.contracts.care import AgentContacted
from shared.contracts.retention import ContactAttempted, OutcomeRecorded, ReachabilityChanged
from tests.builders import NOON, cloud_event, message, registered
from tests.customer.comparing import compared
from tests.harness import ServiceUnderTest

TODAY = date(2026, 10, 15)
ID_CARD = "id_card:11010519491231002X"  # the standard's own example
PHONE = {"kind": "phone", "value": "8613800138000", "verified": True}
GOOD: dict[str, Any] = {
    "kind": "person", "name": "Li Wei", "document": ID_CARD, "birth_date": "1949-12-31", "language": "zh", "region": "hangzhou",
    "acquisition_channel": "shop", "acquisition_agent": "A-1", "contact_points": [PHONE], "consents": [{"channel": "call", "granted": True}],
}  # fmt: skip

OUTCOMES = st.lists(
    st.builds(
        Outcome,
        st.integers(0, 600).map(lambda days: NOON - timedelta(days=days)),
        st.just("call"),
        st.sampled_from(["reached", "unreached", "wrong_number"]),
    ),
    max_size=20,
)


def customer_of(customer: str, *, without: str = "", **data: Any) -> dict[str, Any]:
    return registered(customer) | {"data": {name: value for name, value in (GOOD | data).items() if name != without}}


def tried(customer: str, result: str, *, days: float) -> Message:
    return message(cloud_event(OutcomeRecorded, f"customer:{customer}", at=NOON - timedelta(days=days), result=result), topic=OutcomeRecorded.topic)


async def quality(customer: ServiceUnderTest, customer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await customer.http.get(f"/customers/{customer_id}/quality")).json()
    return found


async def test_what_is_missing_and_what_is_wrong(customer: ServiceUnderTest) -> None:
    """C6: completeness and validity of one customer, with the reasons, nothing of it in plain."""
    flawed: dict[str, Any] = {
        "document": "id_card:110105194912310021",
        "contact_points": [PHONE | {"kind": "email", "verified": False}],
        "region": None,
        "language": None,
    }
    await compared(customer, customer_of("C-1"), customer_of("C-2", **flawed))
    best, worse = await quality(customer, "C-1"), await quality(customer, "C-2")
    assert (best["completeness_percent"], best["validity_percent"], best["missing"], best["flaws"]) == (100, 100, [], {})
    assert worse["missing"] == ["language", "region", "verified_contact_point"]
    assert worse["flaws"] == {"contact_points.0": "not_an_address", "document": "check_digit"}
    assert (worse["completeness_percent"], worse["validity_percent"], worse["score_percent"]) == (73, 50, 36)
    assert worse["contact_points"][0]["value"] == "86138****8000"
    assert (await customer.http.get("/customers/C-9/quality")).status_code == 404


async def test_by_channel_and_agent(customer: ServiceUnderTest) -> None:
    """C6: who brings customers of whom little is known, as a KPI, and these customers, the worst first."""
    await compared(
        customer,
        customer_of("C-1"),
        customer_of("C-2", acquisition_agent="A-2", name=None, birth_date=None),
        customer_of("C-3", acquisition_channel="web", acquisition_agent=None, document="id_card:1"),
    )
    by_channel = (await customer.http.get("/kpi/data-quality", params={"by": "channel"})).json()["items"]
    assert [(one["value"], one["customers"]) for one in by_channel] == [("web", 1), ("shop", 2)]
    by_agent = (await customer.http.get("/kpi/data-quality", params={"by": "agent", "month": "2025-09"})).json()["items"]
    assert [one["value"] for one in by_agent] == [None, "A-2", "A-1"]
    assert (await customer.http.get("/kpi/data-quality", params={"by": "agent", "month": "2025-10"})).json()["items"] == []
    first = (await customer.http.get("/quality/worst", params={"limit": 1})).json()
    rest = (await customer.http.get("/quality/worst", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["customer_id"] for one in (*first["items"], *rest["items"])] == ["C-3", "C-2", "C-1"]
    assert [one["customer_id"] for one in (await customer.http.get("/quality/worst", params={"agent": "A-2"})).json()["items"]] == ["C-2"]


async def test_reachability_is_learned_from_outcomes(customer: ServiceUnderTest) -> None:
    """C6: misses lower the rate, a wrong number is a flaw until somebody is reached there or another number is told."""
    await compared(customer, customer_of("C-1"), tried("C-1", "unreached", days=20), tried("C-1", "wrong_number", days=10))
    found = await quality(customer, "C-1")
    assert found["channels"]["call"]["attempts"] == 2 and found["channels"]["call"]["rate"] < 0.3
    assert (found["contact_points"][0]["wrong_number"], found["flaws"]) == (True, {"contact_points.0": "wrong_number"})
    listed = (await customer.http.get("/quality/worst")).json()["items"]
    assert listed[0]["flaws"] == {"contact_points.0": "wrong_number"}

    spoke = cloud_event(AgentContacted, "customer:C-1", at=NOON - timedelta(days=5), direction="outbound", channel="hotline")
    await compared(customer, spoke, cloud_event(AgentContacted, "customer:C-1", at=NOON - timedelta(days=4), direction="inbound"))
    found = await quality(customer, "C-1")
    assert (found["channels"]["call"]["attempts"], found["channels"]["call"]["reached"], found["flaws"]) == (3, 1, {})


async def test_what_retention_learned_of_reaching_a_customer_is_in_their_profile(customer: ServiceUnderTest) -> None:
    """R15 C2: by channel, as it was told last, in the timeline too; an attempt that reached nobody counts like an outcome."""
    started = NOON - timedelta(days=9)
    missed = message(cloud_event(ContactAttempted, "customer:C-1", at=started), topic=ContactAttempted.topic)
    words = [("poor", None), ("good", "evening")]
    learned = [
        message(
            cloud_event(ReachabilityChanged, "customer:C-1", at=started + timedelta(days=day), channel="call", state=state, best_part=best),
            topic=ReachabilityChanged.topic,
        )
        for day, (state, best) in enumerate(words)
    ]
    await compared(customer, customer_of("C-1", preferred_channel="sms"), missed, *reversed(learned))
    view = (await customer.http.get("/customers/C-1")).json()
    assert view["profile"]["reachability"]["call"] == {"state": "good", "since": (started + timedelta(days=1)).isoformat(), "best_part": "evening"}
    assert view["profile"]["preferred_channel"] == "sms"
    assert [fact["type"] for fact in view["facts"]].count(ReachabilityChanged.type) == 2
    assert (await quality(customer, "C-1"))["channels"]["call"]["attempts"] == 1


async def test_a_new_number_starts_anew(customer: ServiceUnderTest) -> None:
    """C6: what came of calling the old number says nothing of the one told afterwards."""
    other = registered("C-1", at=NOON - timedelta(days=1)) | {"data": {"contact_points": [PHONE | {"value": "8613700137000"}]}}
    await compared(customer, customer_of("C-1"), tried("C-1", "wrong_number", days=10), other)
    found = await quality(customer, "C-1")
    assert (found["contact_points"][0]["attempts"], found["contact_points"][0]["rate"], found["flaws"]) == (0, 0.5, {})
    assert found["channels"]["call"]["attempts"] == 1


async def test_after_a_merge_there_is_one_quality(customer: ServiceUnderTest) -> None:
    """C6: of who carries on, with what came of contacts with either."""
    await compared(customer, customer_of("C-1", without="name"), customer_of("C-2", without="birth_date"), tried("C-2", "unreached", days=3))
    await customer.http.post("/merges", json={"customers": ["C-1", "C-2"], "reason": "one person"})
    await compared(customer)
    found = await quality(customer, "C-2")
    assert (found["customer_id"], found["missing"], found["channels"]["call"]["attempts"]) == ("C-1", [], 1)
    assert [one["customer_id"] for one in (await customer.http.get("/quality/worst")).json()["items"]] == ["C-1"]


@pytest.mark.parametrize(
    ("kind", "value", "flaw"),
    [
        ("document", ID_CARD, None),
        ("document", ID_CARD.lower(), None),
        ("document", "id_card:110105194912310021", "check_digit"),
        ("document", "id_card:110105194902310025", "impossible_date"),
        ("document", "id_card:11010519491231", "not_a_number"),
        ("document", "passport:E1234567", None),
        ("document", "passport:E1", "too_short"),
        ("document", "id_card:000000000000000000", "placeholder"),
        ("name", "Li Wei", None),
        ("name", "李伟", None),
        ("name", "13800138000", "not_a_name"),
        ("name", "null", "placeholder"),
        ("date", "1980-02-30", "impossible_date"),
        ("date", "2027-01-01", "impossible_date"),
        ("date", "1890-01-01", "impossible_date"),
    ],
)
def test_what_can_not_be_right(kind: Any, value: str, flaw: str | None) -> None:
    """C6: by rules that need nobody's register."""
    assert flaw_of(kind, value, TODAY) == flaw


def test_a_birth_date_has_to_be_the_one_on_the_document() -> None:
    """C6: two attributes that contradict each other can not both be right."""
    assert assess(GOOD | {"birth_date": "1950-01-01"}, today=TODAY).flaws == {"birth_date": "not_as_on_the_document"}


def test_an_organisation_has_no_birthday() -> None:
    """C6: what is needed depends on the kind of customer."""
    organisation = {name: value for name, value in GOOD.items() if name != "birth_date"} | {"kind": "organisation", "document": "licence:91330100"}
    assert assess(organisation, today=TODAY).score_percent == 100


@given(st.sets(st.sampled_from(sorted(GOOD))))
def test_a_score_is_between_nothing_and_everything(left_out: set[str]) -> None:
    """C6: leaving something out never makes a customer better known."""
    found = assess({name: value for name, value in GOOD.items() if name not in left_out}, today=TODAY)
    assert 0 <= found.score_percent <= found.completeness_percent <= 100
    assert (found.completeness_percent == 100) is (not left_out)


@given(OUTCOMES)
def test_a_rate_moves_with_what_came_of_contacts(outcomes: list[Outcome]) -> None:
    """C6: one more contact made raises it, one more missed lowers it; order plays no part, and age counts less."""
    found = reachability(outcomes, NOON)
    assert 0 < found.rate < 1 and reachability(outcomes[::-1], NOON) == found
    assert reachability([*outcomes, Outcome(NOON, "call", "reached")], NOON).rate > found.rate
    assert reachability([*outcomes, Outcome(NOON, "call", "unreached")], NOON).rate < found.rate
    once, long_ago = Outcome(NOON, "call", "unreached"), Outcome(NOON - HALF_LIFE, "call", "unreached")
    assert reachability([once], NOON).rate < reachability([long_ago], NOON).rate < 0.5


def test_who_called_us_was_not_reached() -> None:
    """C6: only our own tries tell whether the next one arrives; each contact point learns from its channels."""
    assert outcome_of(NOON, {"direction": "inbound", "channel": "hotline"}) is None
    mailed = outcome_of(NOON, {"direction": "outbound", "channel": "e-mail"})
    assert mailed == Outcome(NOON, "email", "reached")
    assert of_contact_point("email", None, [mailed], NOON).attempts == 1
    assert of_contact_point("phone", None, [mailed], NOON).attempts == 0
