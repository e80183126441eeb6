"""S2-S5, S8-S10: where customers stand, driven by activity and asked over HTTP."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from services.segmentation.tables import ALERTS, GROUPS, HEARD, MEMBERS, MOMENTS, STANDING_HISTORY, STANDINGS
from services.segmentation.use_cases import grouping, learning, recut
from shared.contracts import billing, care, network, orders, topics
from shared.contracts.customer import CaseOverdue
from shared.contracts.decoding import decode
from shared.contracts.segmentation import MomentReached, StandingChanged, StandingDropped
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import Document, activity, days_ago, erased, fact, merged, paid, retold, topped_up, used

STANDING_EVENTS = (StandingChanged.type, StandingDropped.type)


def subscribed(*, since: float = 400, until: float | None = None, reason: str | None = None, payment_type: str = "postpaid", **more: Any) -> Document:
    """A profile of one subscription; `since` and `until` are days ago."""
    about = {name: more.pop(name) for name in ("household", "region", "kind", "account_manager", "acquisition_channel") if name in more}
    one = {
        "subscription_id": "S-1",
        "brand": "gotone",
        "brand_rank": 3,
        "plan": "gotone-128",
        "payment_type": payment_type,
        "activated_at": days_ago(since).isoformat(),
        "terminated_at": None if until is None else days_ago(until).isoformat(),
        "termination_reason": reason,
        **more,
    }
    return {"subscriptions": [one], "registered_at": days_ago(since).isoformat(), **about}


def spends(minor: int, *, months: int = 12) -> dict[str, dict[str, int]]:
    """So much in each of the last months, with thirty covered days."""
    found = {}
    day = days_ago(0).replace(day=1)
    for _ in range(months):
        found[day.strftime("%Y-%m")] = {"paid_minor": minor, "usage_days": 30, "out_on_net_seconds": 36_000, "in_on_net_seconds": 36_000}
        day = (day - timedelta(days=1)).replace(day=1)
    return found


async def view(segmentation: ServiceUnderTest, customer_id: str, **query: Any) -> dict[str, Any]:
    answer = await segmentation.http.get(f"/customers/{customer_id}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ask(segmentation: ServiceUnderTest, path: str, **query: Any) -> Any:
    answer = await segmentation.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def recut_all(segmentation: ServiceUnderTest) -> None:
    """One whole re-cut, asked for and carried to its end."""
    async with segmentation.database.transaction() as tx:
        await recut.request(tx, as_of=None)
    more = True
    while more:
        async with segmentation.database.transaction() as tx:
            more = await recut.carry_on(tx)
    await segmentation.settle()


async def look_at_groups(segmentation: ServiceUnderTest) -> None:
    async with segmentation.database.transaction() as tx:
        await grouping.carry_on(tx)
    await segmentation.settle()


async def kinds(segmentation: ServiceUnderTest, customer_id: str) -> list[str]:
    rows = await segmentation.rows(sa.select(ALERTS.c.kind).where(ALERTS.c.customer_id == customer_id).order_by(ALERTS.c.kind))
    return [row.kind for row in rows]


async def test_a_customers_life_is_told_as_it_goes(segmentation: ServiceUnderTest) -> None:
    """S2 S3 S4 S5: from prospect to off-net, each change an event in sequence, each value the sum of its terms."""
    await segmentation.send(activity("life", profile={"subscriptions": [], "registered_at": days_ago(50).isoformat()}))
    assert (await view(segmentation, "life"))["standing"]["lifecycle"] == "prospect"
    await segmentation.send(activity("life", used(at=days_ago(0)), profile=subscribed(since=40), months=spends(40_000, months=2)))
    standing = (await view(segmentation, "life"))["standing"]
    assert (standing["lifecycle"], standing["status_group"], standing["tier"] is not None) == ("onboarding", "stable", True)
    assert standing["value_minor"] == sum(term["contribution_minor"] for term in standing["value_terms"])
    (margin,) = [term for term in standing["value_terms"] if term["term"] == "margin"]
    assert (margin["made_of"]["revenue_minor"], margin["amount_minor"]) == (80_000, 32_000)
    await segmentation.send(activity("life", fact(orders.PortOutRequested, at=days_ago(0))))
    warned = (await view(segmentation, "life"))["standing"]
    assert (warned["status_group"], warned["churn_cause"]) == ("warning", "port_out_inquiry")
    assert warned["churn_probability"] > standing["churn_probability"]
    assert warned["revenue_at_risk_minor"] == round(warned["churn_probability"] * max(0, warned["future_value_minor"]))
    await segmentation.send(activity("life", profile=subscribed(since=40, until=0, reason="port_out")))
    left = (await view(segmentation, "life"))["standing"]
    assert (left["lifecycle"], left["status_group"], left["churn_probability"], left["revenue_at_risk_minor"]) == ("churned", "off_net", 0, 0)
    events: list[Any] = [decode_segment(one) for one in await segmentation.read(topics.SEGMENTS, count=4, types=STANDING_EVENTS)]
    assert [(event.sequence, event.data.lifecycle) for event in events] == [(1, "prospect"), (2, "onboarding"), (3, "onboarding"), (4, "churned")]
    assert "status_group" in events[2].data.changed
    assert sum(term.contribution_minor for term in events[1].data.value_terms) == events[1].data.value_minor
    moments = [one["moment"] for one in (await ask(segmentation, "/moments", customer_id="life"))["items"]]
    assert {"purchase_intent", "acquisition", "churn_warning"} <= set(moments)
    told = await segmentation.read(topics.SEGMENTS, count=len(moments), types=(MomentReached.type,))
    assert {event["data"]["moment"] for event in told} == set(moments)


def decode_segment(event: dict[str, Any]) -> Any:
    return decode(orjson.dumps(event), topic=topics.SEGMENTS)


async def test_time_alone_moves_a_customer(segmentation: ServiceUnderTest) -> None:
    """S4 S8: nothing was heard of them; the day's re-cut sees the silence, once others show that the feeds have come this far."""
    async with segmentation.database.transaction() as tx:
        await tx.execute(sa.delete(HEARD))
    await segmentation.send(activity("quiet", used(at=days_ago(80)), profile=subscribed(since=600, contract_ends=days_ago(-10).date().isoformat())))
    assert await kinds(segmentation, "quiet") == ["contract_ending"]
    assert (await view(segmentation, "quiet"))["standing"]["lifecycle"] == "mature"
    await segmentation.send(activity("other", used(at=days_ago(0)), profile=subscribed(since=600)))
    await recut_all(segmentation)
    assert await kinds(segmentation, "quiet") == ["contract_ending", "silent"]
    standing = (await view(segmentation, "quiet"))["standing"]
    assert (standing["lifecycle"], standing["status_group"]) == ("decline", "warning")
    await recut_all(segmentation)
    assert await kinds(segmentation, "quiet") == ["contract_ending", "silent"]
    await segmentation.send(activity("quiet", used(at=days_ago(0))))
    await recut_all(segmentation)
    assert (await view(segmentation, "quiet"))["standing"]["lifecycle"] == "mature"
    assert (await kinds(segmentation, "other")) == []


async def test_who_is_merged_stands_once_and_is_parted_again(segmentation: ServiceUnderTest) -> None:
    """C4 S3: the standing goes to nobody, comes back with the next sequence, and is known as of then."""
    await segmentation.send(activity("B", paid(5_000, at=days_ago(3)), profile=subscribed(), months=spends(5_000)))
    await segmentation.send(activity("A", paid(5_000, at=days_ago(3)), profile=subscribed(), months=spends(5_000)))
    (before,) = await segmentation.rows(sa.select(STANDINGS.c.assessed_at).where(STANDINGS.c.customer_id == "B"))
    await segmentation.send(merged("B", into="A"))
    assert [row.customer_id for row in await segmentation.rows(sa.select(STANDINGS))] == ["A"]
    assert sum(one["customers"] for one in (await ask(segmentation, "/tiers"))["tiers"]) == 1
    assert (await view(segmentation, "B"))["customer_id"] == "A"
    then = await view(segmentation, "B", as_of=before.assessed_at.isoformat())
    assert (then["customer_id"], then["standing_then"]["lifecycle"]) == ("B", "mature")
    await segmentation.send(retold("B", paid(5_000, at=days_ago(3)), profile=subscribed(), months=spends(5_000)))
    events: list[Any] = [decode_segment(one) for one in await segmentation.read(topics.SEGMENTS, count=4, types=STANDING_EVENTS)]
    assert [event.sequence for event in events if event.subject == "customer:B"] == [1, 2, 3]
    assert [event.type for event in events if event.subject == "customer:B"][1] == StandingDropped.type


async def test_of_who_is_erased_no_standing_is_left(segmentation: ServiceUnderTest) -> None:
    """C9: nor a moment, nor a membership, nor the history."""
    await segmentation.send(activity("gone", paid(5_000, at=days_ago(3)), profile=subscribed(since=20, household="H-1", cugs=["V-1"])))
    assert await segmentation.rows(sa.select(MOMENTS))
    assert len(await segmentation.rows(sa.select(MEMBERS))) == 2
    await segmentation.send(erased("gone"))
    for table in (STANDINGS, MOMENTS, MEMBERS):
        assert not await segmentation.rows(sa.select(table)), table.name
    assert not await segmentation.rows(sa.select(STANDING_HISTORY).where(STANDING_HISTORY.c.dropped.is_(None)))


async def test_a_group_that_leaves_together_is_told_to_those_who_are_left(segmentation: ServiceUnderTest) -> None:
    """S8: once per group, until it is armed again; also to who shows it."""
    members = [f"m-{number}" for number in range(6)]
    await segmentation.send(*(activity(one, used(at=days_ago(1)), profile=subscribed(cugs=["V-1"])) for one in members))
    await look_at_groups(segmentation)
    assert not await segmentation.rows(sa.select(ALERTS))
    await segmentation.send(activity("m-0", used(at=days_ago(1), forwardings=4)))
    await look_at_groups(segmentation)
    assert not await kinds(segmentation, "m-5")
    await segmentation.send(activity("m-1", profile=subscribed(until=1, reason="port_out", cugs=["V-1"])))
    await look_at_groups(segmentation)
    for one in members[2:]:
        assert await kinds(segmentation, one) == ["group_churn", "peer_churn"]
    assert await kinds(segmentation, "m-0") == ["forwarding_off_net", "group_churn"]
    assert (await view(segmentation, "m-5"))["standing"]["status_group"] == "warning"
    (alert,) = (await ask(segmentation, "/alerts", kind="group_churn", customer_id="m-5"))["items"]
    assert alert["evidence"] == {"group": "cug:V-1", "members": 6, "share_percent": 33.3, "signs": {"forwarding": 1, "left": 1}}
    await segmentation.send(activity("m-2", used(at=days_ago(0), forwardings=4)))
    await look_at_groups(segmentation)
    assert len(await segmentation.rows(sa.select(ALERTS).where(ALERTS.c.kind == "group_churn"))) == 5
    assert [row.raised_on is not None for row in await segmentation.rows(sa.select(GROUPS))] == [True]


async def test_who_leaves_the_group_is_a_sign_to_the_others(segmentation: ServiceUnderTest) -> None:
    """S8: a company moves its people out of the group before their numbers go; who moves house tells the household nothing."""
    members = [f"p-{number}" for number in range(4)]
    await segmentation.send(*(activity(one, used(at=days_ago(1)), profile=subscribed(cugs=["V-2"], household="H-2")) for one in members))
    await segmentation.send(*(activity(one, profile=subscribed(household="H-2")) for one in members[:2]))
    await segmentation.send(activity("p-3", profile=subscribed(cugs=["V-2"])))
    await look_at_groups(segmentation)
    assert [await kinds(segmentation, one) for one in members] == [
        ["group_churn"],
        ["group_churn"],
        ["group_churn", "peer_churn"],
        ["group_churn", "peer_churn"],
    ]


async def test_what_is_owed_is_a_warning_until_it_is_paid(segmentation: ServiceUnderTest) -> None:
    """S9: dunning by days past due; a payment closes it."""
    bill = {"bill_id": "B-1", "amount_minor": 20_000, "due_date": days_ago(40).date().isoformat()}
    issued = fact(billing.BillIssued, at=days_ago(60), occurred_at=days_ago(90), **bill)
    await segmentation.send(activity("owes", issued, used(at=days_ago(0)), profile=subscribed()))
    standing = (await view(segmentation, "owes"))["standing"]
    assert (standing["owed_minor"], standing["dunning_level"], standing["status_group"]) == (20_000, 3, "warning")
    (item,) = (await ask(segmentation, "/arrears"))["items"]
    assert (item["customer_id"], item["owed_minor"]) == ("owes", 20_000)
    assert await kinds(segmentation, "owes") == ["arrears"]
    await segmentation.send(activity("owes", fact(billing.PaymentReceived, at=days_ago(0), bill_id="B-1", amount_minor=20_000)))
    standing = (await view(segmentation, "owes"))["standing"]
    assert (standing["owed_minor"], standing["dunning_level"], standing["status_group"]) == (0, 0, "stable")
    assert (await ask(segmentation, "/arrears"))["items"] == []


async def test_sudden_charges_warn_with_the_event_that_brought_them(segmentation: ServiceUnderTest) -> None:
    """S9: of fraud, which is no sign of leaving; a complaint past due is one, until it is resolved."""
    await segmentation.send(activity("f", profile=subscribed(), months=spends(5_000)))
    abroad = {"out_calls": 90, "out_seconds": 60_000, "in_calls": 0, "in_seconds": 0}
    await segmentation.send(activity("f", used(at=days_ago(0), id="u-1", international=abroad)))
    (alert,) = (await ask(segmentation, "/alerts", customer_id="f"))["items"]
    assert (alert["kind"], alert["severity"], alert["caused_by"], alert["evidence"]["estimated_minor"]) == ("fraud", "urgent", "u-1", 100_000)
    assert (await view(segmentation, "f"))["standing"]["status_group"] == "stable"
    overdue = fact(CaseOverdue, at=days_ago(0), complaint_id="K-1", stage="analysis", severity="critical", due_at=days_ago(1).isoformat())
    opened = fact(care.ComplaintOpened, at=days_ago(3), complaint_id="K-1")
    await segmentation.send(activity("f", opened, overdue))
    assert (await view(segmentation, "f"))["standing"]["churn_cause"] == "complaint_overdue"
    await segmentation.send(activity("f", fact(care.ComplaintResolved, at=days_ago(0), complaint_id="K-1")))
    assert (await view(segmentation, "f"))["standing"]["churn_cause"] == "none"


async def test_the_pyramid_is_cut_by_shares_and_does_not_flap(segmentation: ServiceUnderTest) -> None:
    """S3: the top share of the customers by value, ties together; a value just below stays where it was; one vote decides."""
    await segmentation.send(*(activity(f"t-{number:02d}", profile=subscribed(), months=spends(100 * number)) for number in range(1, 41)))
    await recut_all(segmentation)
    tiers = (await ask(segmentation, "/tiers"))["tiers"]
    assert [(one["tier"], one["customers"]) for one in tiers] == [("platinum", 0), ("gold", 2), ("iron", 6), ("lead", 32)]
    assert sum(one["value_share"] for one in tiers) == 1
    assert sum(one["customers"] for one in (await ask(segmentation, "/lifecycle"))["stages"]) == 40
    gold = next(one["from_minor"] for one in tiers if one["tier"] == "gold")
    await segmentation.send(activity("t-39", months=spends(3_850)))
    standing = (await view(segmentation, "t-39"))["standing"]
    assert (standing["tier"], standing["value_minor"] < gold) == ("gold", True)
    assert "hysteresis" in standing["tier_reason"]
    await segmentation.send(activity("t-39", months=spends(2_000)))
    assert (await view(segmentation, "t-39"))["standing"]["tier"] != "gold"
    month = days_ago(0).strftime("%Y-%m")
    await segmentation.send(activity("t-40", months={month: spends(0, months=1)[month] | {"written_off_minor": 1}}))
    standing = (await view(segmentation, "t-40"))["standing"]
    assert (standing["tier"], standing["tier_reason"]) == ("iron", "one vote: written_off_minor >= 1: at most iron")


async def test_migration_between_two_days_and_its_picture(segmentation: ServiceUnderTest) -> None:
    """S1 S8: where everybody was and is, as it was known at the end of each day; a champion who falls within days is warned of."""
    today = days_ago(0).date()
    await segmentation.send(*(activity(f"g-{number}", topped_up(100, at=days_ago(2)), profile=subscribed(payment_type="prepaid")) for number in range(3)))
    found = await ask(segmentation, "/migration", **{"from": (today - timedelta(days=1)).isoformat(), "to": today.isoformat()})
    assert found["moves"] == [{"before": None, "after": "new", "customers": 3}]
    assert (found["customers"], found["stayed"]) == (3, 0)
    found = await ask(segmentation, "/migration", of="lifecycle", **{"from": today.isoformat(), "to": today.isoformat()})
    assert found["moves"] == [{"before": "mature", "after": "mature", "customers": 3}]
    answer = await segmentation.http.get("/migration", params={"from": today.isoformat(), "to": (today - timedelta(days=3)).isoformat()})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    for path in ("/pictures/segment-map.svg", f"/pictures/migration.svg?from={today}&to={today}", "/pictures/value-pyramid.svg"):
        drawn = await segmentation.http.get(path)
        assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml"), path
    cells = (await ask(segmentation, "/segments/map"))["cells"]
    assert [(cell["recency"], cell["segment"], cell["customers"]) for cell in cells] == [(5, "new", 3)]


async def test_a_champion_who_falls_is_warned_of(segmentation: ServiceUnderTest) -> None:
    """S8: RFM migration from a good segment to one at risk within 14 days, by the day the score was made."""
    payments = [paid(60_000, at=days_ago(30 * number + 1)) for number in range(12)]
    await segmentation.send(activity("fell", *payments, profile=subscribed()))
    assert (await view(segmentation, "fell"))["rfm"]["segment"] == "champions"
    await segmentation.send(retold("fell", *payments[7:], profile=subscribed()))
    assert (await view(segmentation, "fell"))["rfm"]["segment"] in {"at_risk", "cannot_lose"}
    assert await kinds(segmentation, "fell") == []  # told again: nothing of it is a warning
    await segmentation.send(retold("fell", *payments, profile=subscribed()))
    await segmentation.send(activity("fell", profile=subscribed(payment_type="prepaid")))
    assert (await view(segmentation, "fell"))["rfm"]["segment"] == "champions"


async def test_what_is_learned_is_used_and_what_can_not_be_says_why(segmentation: ServiceUnderTest) -> None:
    """S2 S10: lifetime value, clusters and affinity from the customers themselves."""
    await learn_all(segmentation)
    assert {one["kind"]: one["version"] for one in (await ask(segmentation, "/models"))["items"]} == dict.fromkeys(
        ("value", "risk", "lifetime", "survival", "clusters", "affinity")
    )
    await segmentation.send(*(mover(number) for number in range(240)))
    await learn_all(segmentation)
    models = {one["kind"]: one for one in (await ask(segmentation, "/models"))["items"]}
    assert models["lifetime"]["version"] == 1, models["lifetime"]
    assert models["survival"]["refused"]
    assert {"r", "alpha", "a", "b"} <= models["lifetime"]["summary"]["purchases"].keys()
    clusters = await ask(segmentation, "/clusters")
    assert 4 <= len(clusters["clusters"]) <= 8
    assert sum(one["customers"] for one in clusters["clusters"]) == 240
    (rule, *_) = (await ask(segmentation, "/affinity"))["items"]
    assert {rule["product"], rule["goes_with"]} == {"video-pack", "night-data"}
    suggested = (await ask(segmentation, "/customers/l-006/suggestions"))["items"]
    assert [one["goes_with"] for one in suggested] == ["night-data"]
    await recut_all(segmentation)
    names = {one["name"] for one in clusters["clusters"]}
    assert {row.cluster for row in await segmentation.rows(sa.select(STANDINGS.c.cluster))} <= names
    standing = (await view(segmentation, "l-001"))["standing"]
    assert standing["future_value_minor"] > 0


async def learn_all(segmentation: ServiceUnderTest) -> None:
    kinds = ["lifetime", "survival", "clusters", "affinity"]
    asked = await segmentation.http.post("/models/learn", json={"kinds": kinds}, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert (asked.status_code, asked.json()) == (202, {"kinds": kinds})
    while await learning.carry_on(segmentation.database):
        pass


def mover(number: int) -> Any:
    """Prepaid customers of four kinds of use; who has the video pack mostly has the night data too."""
    kind, often = number % 4, 1 + number % 9
    month = {"usage_days": 30, "out_on_net_seconds": (60_000, 60_000, 3_000, 3_000)[kind] * (90 + number % 20) // 100,
             "data_4g_kb": (9_000_000, 200_000, 9_000_000, 200_000)[kind] * (90 + number % 17) // 100, "in_on_net_seconds": 30_000, "sms_out": number % 5,
             "paid_minor": 0, "topped_up_minor": 3_000}  # fmt: skip
    months = dict.fromkeys(spends(0, months=3), month)
    tops = [topped_up(2_000 + 100 * (number % 13), at=days_ago(5 + (number * 7 + nth * 29) % 300)) for nth in range(often)]
    products = (["video-pack", "night-data"] if number % 6 else ["video-pack"]) if number % 3 == 0 else ["music-pack"] if number % 2 else []
    return activity(f"l-{number:03d}", *tops, used(at=days_ago(0)), months=months, profile=subscribed(payment_type="prepaid", products=products))


async def test_usage_of_a_prepaid_customer_counts_for_recency(segmentation: ServiceUnderTest) -> None:
    """S1: prepaid recency is the last top-up or chargeable event; postpaid is the last payment."""
    for name, payment_type in (("pre", "prepaid"), ("post", "postpaid")):
        await segmentation.send(activity(name, paid(5_000, at=days_ago(60)), used(at=days_ago(2)), profile=subscribed(payment_type=payment_type)))
    last = {name: (await view(segmentation, name))["rfm"]["last_day"] for name in ("pre", "post")}
    assert last == {"pre": days_ago(2).date().isoformat(), "post": days_ago(60).date().isoformat()}
    silent = {"on_net": {}, "off_net": {}, "sms_out": 0, "data": {}, "international": {}, "fixed": {}}
    await segmentation.send(activity("pre", fact(network.UsageSummarised, at=days_ago(0), **silent)))
    assert (await view(segmentation, "pre"))["rfm"]["last_day"] == days_ago(2).date().isoformat()


async def test_the_churn_definition_is_asked_of_one_and_of_all(segmentation: ServiceUnderTest) -> None:
    """S13: labels of a day by the definition in force; a day to come is refused."""
    await segmentation.send(activity("stays", used(at=days_ago(0)), profile=subscribed()), activity("goes", profile=subscribed(until=70, reason="port_out")))
    observed = days_ago(90).date().isoformat()
    label = await ask(segmentation, "/customers/goes/churn-label", observed_on=observed)
    assert (label["state"], label["kind"], label["churned_on"]) == ("churned", "port_out", days_ago(70).date().isoformat())
    rate = await ask(segmentation, "/churn/rate", observed_on=observed)
    assert (rate["customers"], rate["churned"], rate["rate"], rate["kinds"], rate["sampled"]) == (2, 1, 0.5, {"port_out": 1}, False)
    answer = await segmentation.http.get("/churn/rate", params={"observed_on": days_ago(-2).date().isoformat()})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_what_came_of_warnings_is_the_risk_of_the_next(segmentation: ServiceUnderTest) -> None:
    """S15: of four who were warned two months ago two left within the horizon, one later; the prior weighs fifty customers."""
    left_after = {"w-0": 50, "w-1": 31, "w-2": 5, "w-3": None}
    await segmentation.send(*(activity(one, profile=subscribed(until=until, reason="port_out" if until else None)) for one, until in left_after.items()))
    raised = {"kind": "usage_fall", "severity": "warning", "raised_at": days_ago(60), "reason": "", "evidence": {}, "caused_by": "f", "stale_feeds": []}
    async with segmentation.database.transaction() as tx:
        await tx.execute(sa.insert(ALERTS), [raised | {"alert_id": f"a-{one}", "customer_id": one} for one in left_after])
    await recut_all(segmentation)
    (risk,) = [one for one in (await ask(segmentation, "/models"))["items"] if one["kind"] == "risk"]
    found = risk["summary"]["rates"]["usage_fall"]
    assert (found["customers"], found["left"], found["probability"]) == (4, 2, round((2 + 50 * 0.12) / 54, 5))
