"""C8: complaints as cases, whatever the order of what is reported; what is late is raised once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.customer.cases import allowed
from services.customer.tables import CASES, FACTS
from services.customer.use_cases.casework import raise_overdue
from shared import clock
from shared.contracts.care import ComplaintEscalated, ComplaintOpened, ComplaintProgressed, ComplaintResolved, SurveyAnswered
from shared.contracts.customer import CaseOverdue
from shared.contracts.orders import CustomerUpdated, SubscriptionActivated
from shared.pii import Keyring
from tests.builders import cloud_event, registered
from tests.harness import ServiceUnderTest

HOUR = timedelta(hours=1)


def ago(**since: float) -> datetime:
    return clock.now() - timedelta(**since)


def complaint(payload: type[Any], at: datetime, customer: str = "C-1", **data: Any) -> dict[str, Any]:
    return cloud_event(payload, f"customer:{customer}", at=at, **data)


async def case_of(customer: ServiceUnderTest, complaint_id: str = "K-501", **params: Any) -> dict[str, Any]:
    answer = await customer.http.get(f"/cases/{complaint_id}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sweep(customer: ServiceUnderTest) -> None:
    while await raise_overdue(customer.database, Keyring.load(customer.settings.keyring_path)):
        pass


async def overdue_facts(customer: ServiceUnderTest) -> list[Any]:
    return list(await customer.rows(sa.select(FACTS).where(FACTS.c.type == CaseOverdue.type)))


async def test_a_complaint_becomes_a_case(customer: ServiceUnderTest) -> None:
    """C8: opened, analysed, escalated, resolved, answered: its stages with who had them, and the words masked unless revealed."""
    events = [
        complaint(ComplaintOpened, ago(hours=40), severity="minor"),
        complaint(ComplaintProgressed, ago(hours=30), stage="analysis", agent="A-88"),
        complaint(ComplaintEscalated, ago(hours=20), severity="major"),
        complaint(ComplaintResolved, ago(hours=10), agent="A-90"),
        complaint(SurveyAnswered, ago(hours=1)),
    ]
    await customer.send(registered(service_star=3), *events)
    case = await case_of(customer)
    assert (case["state"], case["severity"], case["customer_id"]) == ("closed", "major", "C-1")
    assert [(one["stage"], one["agent"]) for one in case["stages"]] == [("intake", None), ("analysis", "A-88"), ("feedback", "A-90")]
    assert case["answer"]["csat"] == 2
    assert [one["type"] for one in case["history"]] == [one["type"] for one in events]
    assert case["history"][0]["text"] == "***"
    revealed = await case_of(customer, reveal=True)
    assert revealed["history"][0]["text"] == ComplaintOpened.example["summary"]
    noted = (await customer.http.get("/audit", params={"action": "reveal_case"})).json()["items"]
    assert [one["customer_id"] for one in noted] == ["C-1"]


async def test_a_case_ends_the_same_in_any_order_of_arrival(customer: ServiceUnderTest) -> None:
    """C8 E6: each event on its own, backwards, the star last."""
    times = [ago(hours=hours) for hours in (300, 50, 40, 30)]
    events = [
        registered(at=times[0], id="r"),
        complaint(ComplaintOpened, times[1], id="o"),
        complaint(ComplaintProgressed, times[2], id="p", stage="resolution"),
        complaint(ComplaintResolved, times[3], id="s"),
    ]
    for event in reversed(events):
        await customer.send(event)
    await customer.send(complaint(CustomerUpdated, times[0] + HOUR, service_star=5))
    case = await case_of(customer)
    assert [one["stage"] for one in case["stages"]] == ["intake", "resolution", "feedback"]
    assert datetime.fromisoformat(case["stages"][0]["due_at"]) == times[1] + allowed("intake", "major", 5)
    assert case["state"] == "feedback"


async def test_an_overdue_stage_is_raised_once(customer: ServiceUnderTest) -> None:
    """C8: as a fact of the month in which it became overdue, published like any other; again only for the next stage."""
    await customer.send(registered(), complaint(ComplaintOpened, ago(hours=30), severity="major"))
    await asyncio.gather(sweep(customer), sweep(customer))
    (raised,) = await overdue_facts(customer)
    due_at = datetime.fromisoformat((await case_of(customer))["stages"][0]["due_at"])
    assert raised.occurred_at == due_at
    assert {name: raised.data[name] for name in ("complaint_id", "stage", "severity")} == {"complaint_id": "K-501", "stage": "intake", "severity": "major"}
    months = (await customer.http.get("/customers/C-1")).json()["months"]
    assert months[clock.month_of(due_at)]["complaints_overdue"] == 1
    await customer.settle()
    published = [one for event in await customer.read("activity", count=2) for one in event["data"]["facts"]]
    assert [one["id"] for one in published if one["type"] == CaseOverdue.type] == [raised.id]

    await customer.send(complaint(ComplaintProgressed, ago(hours=10), stage="analysis"))
    await sweep(customer)
    assert len(await overdue_facts(customer)) == 1
    (listed,) = (await customer.http.get("/cases", params={"overdue": False})).json()["items"]
    assert listed["state"] == "analysis"


async def test_the_work_list_has_what_is_due_first(customer: ServiceUnderTest) -> None:
    """C8: by state, overdue or not, of one customer, in pages."""
    people = [registered("C-1"), registered("C-2", accounts=("A-2",))]
    opened_ones = [complaint(ComplaintOpened, ago(hours=hours), complaint_id=f"K-{hours}", severity="major") for hours in (1, 2, 20)]
    other = complaint(ComplaintOpened, ago(hours=3), "C-2", complaint_id="K-3", severity="major")
    done = complaint(ComplaintResolved, ago(hours=1), "C-2", complaint_id="K-3")
    await customer.send(*people, *opened_ones, other, done)

    async def ids(**params: Any) -> list[str]:
        return [one["complaint_id"] for one in (await customer.http.get("/cases", params=params)).json()["items"]]

    assert await ids() == ["K-20", "K-2", "K-1", "K-3"]
    assert await ids(overdue=True) == ["K-20"]
    assert await ids(state="feedback") == ["K-3"]
    assert await ids(customer_id="C-1", overdue=False) == ["K-2", "K-1"]
    first = (await customer.http.get("/cases", params={"limit": 2})).json()
    rest = (await customer.http.get("/cases", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["complaint_id"] for one in rest["items"]] == ["K-1", "K-3"]
    assert (await customer.http.get("/cases", params={"cursor": "WyJ4IiwieSIsInoiXQ"})).json()["code"] == "bad_cursor"
    assert (await customer.http.get("/cases/K-99")).status_code == 404


async def test_surveys_are_due_until_the_case_closes(customer: ServiceUnderTest) -> None:
    """C8 C9: after resolution, with the channels on which the customer agreed to be asked."""
    consents = [{"channel": "sms", "granted": True, "purpose": "survey"}, {"channel": "call", "granted": True, "purpose": "marketing"}]
    events = [complaint(ComplaintOpened, ago(hours=5), complaint_id=one) for one in ("K-1", "K-2", "K-3")]
    resolved = [complaint(ComplaintResolved, ago(hours=hours), complaint_id=one) for one, hours in (("K-1", 2), ("K-2", 3))]
    await customer.send(registered(consents=consents), *events, *resolved)
    due = (await customer.http.get("/surveys/due")).json()["items"]
    assert [(one["complaint_id"], one["consented_channels"]) for one in due] == [("K-2", ["sms"]), ("K-1", ["sms"])]
    await customer.send(complaint(SurveyAnswered, ago(hours=1), complaint_id="K-2", csat=5))
    due = (await customer.http.get("/surveys/due")).json()["items"]
    assert [one["complaint_id"] for one in due] == ["K-1"]
    assert (await case_of(customer, "K-2"))["state"] == "closed"


async def progress(customer: ServiceUnderTest, stage: str, *, agent: str = "A-1", note: str = "", complaint_id: str = "K-501") -> Any:
    body = {"stage": stage, "agent": agent, "note": note}
    return await customer.http.post(f"/cases/{complaint_id}/progress", json=body, headers={"X-Actor": "desk"})


async def test_our_own_desk_reports_as_the_care_desk_does(customer: ServiceUnderTest) -> None:
    """C8 C11: a command becomes a fact, the same again changes nothing, and what was said is sealed."""
    await customer.send(registered(), complaint(ComplaintOpened, ago(hours=1)))
    for _ in range(2):
        answer = await progress(customer, "analysis", note="antenna checked")
        assert (answer.status_code, answer.json()["state"], answer.json()["agent"]) == (200, "analysis", "A-1")
    assert (await progress(customer, "feedback", note="antenna turned")).json()["state"] == "feedback"
    rows = await customer.rows(sa.select(FACTS).where(FACTS.c.source == "holdfast/customer").order_by(FACTS.c.occurred_at))
    assert [row.type for row in rows] == [ComplaintProgressed.type, ComplaintResolved.type]
    assert "antenna" not in str([row.data for row in rows])
    history = (await case_of(customer, reveal=True))["history"]
    assert [one["text"] for one in history[1:]] == ["antenna checked", "antenna turned"]
    months = (await customer.http.get("/customers/C-1")).json()["months"]
    assert months[clock.month_of(clock.now())]["complaints_resolved"] == 1
    noted = (await customer.http.get("/audit", params={"action": "progress_case"})).json()["items"]
    assert [(one["actor"], one["details"]["stage"]) for one in noted] == [("desk", "feedback"), ("desk", "analysis")]


async def test_a_case_is_not_taken_back_or_out_of_another_hand(customer: ServiceUnderTest) -> None:
    """C8: 409, and what it is in already."""
    await customer.send(registered(), complaint(ComplaintOpened, ago(hours=1)))
    await progress(customer, "resolution", agent="A-1")
    for stage, agent in (("analysis", "A-1"), ("resolution", "A-2")):
        refused = await progress(customer, stage, agent=agent)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await progress(customer, "feedback", complaint_id="K-404")).status_code == 404


async def test_of_two_who_take_a_case_at_once_one_has_it(customer: ServiceUnderTest) -> None:
    """C8: the other is told who."""
    await customer.send(registered(), complaint(ComplaintOpened, ago(hours=1)))
    answers = await asyncio.gather(*(progress(customer, "analysis", agent=agent) for agent in ("A-1", "A-2")))
    assert sorted(one.status_code for one in answers) == [200, 409]
    taken, refused = sorted(answers, key=lambda one: one.status_code)
    assert taken.json()["agent"] in refused.json()["detail"]


async def test_a_closed_case_stays_closed(customer: ServiceUnderTest) -> None:
    """C8: who complains again has a new complaint."""
    await customer.send(registered(), complaint(ComplaintOpened, ago(days=20)), complaint(ComplaintResolved, ago(days=19)))
    assert (await case_of(customer))["state"] == "closed"
    assert (await progress(customer, "feedback")).status_code == 409
    await sweep(customer)
    assert await overdue_facts(customer) == []
    assert [row.raise_at for row in await customer.rows(sa.select(CASES))] == [None]


async def test_after_a_merge_a_case_is_the_survivors(customer: ServiceUnderTest) -> None:
    """C8 C4: resolved under the one id, opened under the other; and each has its own again after an un-merge."""
    await customer.send(
        registered("C-1", at=ago(days=100)),
        registered("C-2", accounts=("A-2",), at=ago(days=50)),
        complaint(ComplaintOpened, ago(hours=2), "C-2"),
        complaint(ComplaintResolved, ago(hours=1), "C-1"),
    )
    assert (await case_of(customer))["state"] == "intake"
    merge = (await customer.http.post("/merges", json={"customers": ["C-1", "C-2"], "reason": "same document"})).json()
    case = await case_of(customer)
    assert (case["state"], case["customer_id"], case["complained_as"]) == ("feedback", "C-1", "C-2")
    for alias in ("C-1", "C-2"):
        listed = (await customer.http.get("/cases", params={"customer_id": alias})).json()["items"]
        assert [one["customer_id"] for one in listed] == ["C-1"]
    undone = await customer.http.post(f"/merges/{merge['merge_id']}/undo", json={"reason": "twins"})
    assert undone.status_code == 200, undone.text
    case = await case_of(customer)
    assert (case["state"], case["customer_id"]) == ("intake", "C-2")


async def test_two_customers_may_have_a_complaint_of_one_id(customer: ServiceUnderTest) -> None:
    """C8: then it takes the customer to say which."""
    both = [complaint(ComplaintOpened, ago(hours=1), one) for one in ("C-1", "C-2")]
    await customer.send(registered("C-1"), registered("C-2", accounts=("A-2",)), *both)
    assert (await customer.http.get("/cases/K-501")).json()["code"] == "conflict"
    assert (await case_of(customer, customer_id="C-2"))["customer_id"] == "C-2"


async def test_a_case_goes_where_its_facts_go(customer: ServiceUnderTest) -> None:
    """C8 E6: a complaint by a number that turns out to have been somebody else's at the time."""
    number = "8613800138000"
    activation = {"msisdn": number, "payment_type": "prepaid"}
    await customer.send(
        registered("C-1", at=ago(days=100)),
        registered("C-2", accounts=("A-2",), at=ago(days=90)),
        cloud_event(SubscriptionActivated, "customer:C-1", at=ago(days=80), subscription_id="S-1", **activation),
        cloud_event(ComplaintOpened, f"msisdn:{number}", at=ago(hours=5)),
    )
    assert (await case_of(customer))["customer_id"] == "C-1"
    await customer.send(cloud_event(SubscriptionActivated, "customer:C-2", at=ago(days=10), subscription_id="S-2", **activation))
    assert (await case_of(customer))["customer_id"] == "C-2"
    assert (await customer.http.get("/cases", params={"customer_id": "C-1"})).json()["items"] == []
