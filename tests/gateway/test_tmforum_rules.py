"""G6: how TM Forum's words are made of ours, without a server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.tmforum import listing
from services.gateway.tmforum.listing import Asked, filters_of, matches, selected
from services.gateway.tmforum.notifications import notifications
from services.gateway.tmforum.recommendations import recommendation
from services.gateway.tmforum.tickets import complaint, progress
from shared.actors import ANONYMOUS
from shared.bus import Message
from shared.contracts.care import ComplaintOpened, ComplaintProgressed, ComplaintResolved
from shared.contracts.decoding import decode
from shared.errors import InvalidRequest
from tests.gateway.published import activity, erased, fact, may_leave, opened, profile, retold, stands

values = st.text(alphabet="abc", min_size=1, max_size=2)
resources = st.fixed_dictionaries({"id": values, "href": values, "party": st.lists(st.fixed_dictionaries({"id": values}), max_size=2), "flag": st.booleans()})


@given(resources, values, st.frozensets(st.sampled_from(["id", "party", "flag", "none"])))
def test_filters_and_fields(one: dict[str, Any], wanted: str, fields: frozenset[str]) -> None:
    """G6: a filter lets through exactly who has one of the values, wherever a list stands on the way; `fields` adds nothing and always keeps id and href."""
    filters = filters_of([("party.id", f"{wanted},zz"), ("limit", "5"), ("flag", "true")])
    assert set(filters) == {"party.id", "flag"}
    assert matches(one, filters) == (one["flag"] and any(party["id"] == wanted for party in one["party"]))
    assert set(selected(one, fields)) == ({"id", "href"} | fields) & set(one)


@pytest.mark.parametrize("name", ["sort", "filter", "reveal", "creationDate.gt", "name.regex"])
def test_what_would_answer_too_much_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        filters_of([(name, "x")])
    with pytest.raises(InvalidRequest):
        filters_of([("id", "\x00")])


async def test_a_list_is_looked_through_so_far_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """G6: a page that is full is answered without a total; one that is not is no empty list, but refused."""
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 3)

    async def rows() -> AsyncIterator[int]:
        for number in range(5):
            yield number

    def named(number: int) -> dict[str, Any]:
        return {"id": str(number)}

    assert await listing.walked(rows(), Asked(None, 0, 2, True, {}), named) == ([0, 1], None)
    with pytest.raises(InvalidRequest):
        await listing.walked(rows(), Asked(None, 0, 2, False, {"id": frozenset({"4"})}), named)


def test_a_ticket_says_whose_it_is_and_what() -> None:
    """G6 TMF621: known types are kinds of complaints, others stand before what was said; who has it is the agent named, or who asks."""
    said = {
        "description": "Slow",
        "severity": "URGENT",
        "ticketType": "Network",
        "relatedParty": [{"id": "M", "role": "manager"}, {"id": "C", "@referredType": "Customer"}],
    }
    made = complaint(said, otherwise="T-1")
    assert (made.ticket_id, made.customer_id) == ("T-1", "C")
    assert made.opened == {"complaint_id": "T-1", "kind": "network", "severity": "critical", "channel": "tmforum", "summary": "Slow"}
    with pytest.raises(InvalidRequest):
        complaint(said | {"severity": "bad"}, otherwise="T-1")
    for nobody in ("", "C\x00", "C" * 129):
        with pytest.raises(InvalidRequest):
            complaint(said | {"relatedParty": [{"id": nobody, "role": "customer"}]}, otherwise="T-1")
    wanted = progress({"status": "resolved", "statusChangeReason": "Done", "note": [{"text": "Called"}]}, actor="anna")
    assert wanted == {"stage": "feedback", "agent": "anna", "note": "Done\nCalled"}


ODD: list[Any] = [None, True, 7, "", "resolved", "customer", [], ["a"], [[]], {}, {"text": 1}, [{"id": "A", "role": "agent"}], [{"id": 7, "role": []}]]
READ_FIELDS = ["description", "severity", "ticketType", "status", "relatedParty", "note", "statusChangeReason", "channel"]
bodies = st.dictionaries(st.sampled_from(READ_FIELDS), st.sampled_from(ODD))


@given(bodies)
def test_no_body_is_more_than_refused(body: dict[str, Any]) -> None:
    """G6 TMF621: whatever stands in a field is taken or refused with a reason."""
    for read in (lambda: complaint(body, otherwise="T-1"), lambda: progress(body, actor="anna"), lambda: progress(body, actor=ANONYMOUS)):
        with contextlib.suppress(InvalidRequest):
            assert read()


def told(message: Message) -> list[dict[str, Any]]:
    return notifications(decode(message.value))


def test_listeners_are_told_in_the_words_of_v4() -> None:
    """G6: `timeOcurred` as v4 spells it is when it happened; a restated history and what has no word is not told."""
    facts = [
        fact("e-1", type=ComplaintOpened.type, complaint_id="K-1"),
        fact("e-2", type=ComplaintProgressed.type, complaint_id="K-1", stage="resolution"),
        fact("e-3", type=ComplaintResolved.type, complaint_id="K-1"),
        fact("e-4"),
    ]
    found = told(activity(1, *facts, profile=profile()))
    assert all(set(one) == {"eventId", "eventTime", "timeOcurred", "eventType", "event"} for one in found)
    tickets = [(one["eventId"], one["eventType"], one["event"]["troubleTicket"]["status"]) for one in found[:3]]
    assert tickets == [
        ("e-1", "TroubleTicketCreateEvent", "acknowledged"),
        ("e-2", "TroubleTicketStatusChangeEvent", "inProgress"),
        ("e-3", "TroubleTicketResolvedEvent", "resolved"),
    ]
    assert (found[0]["timeOcurred"], found[0]["event"]["troubleTicket"]["href"]) == ("2026-10-15T12:00:00Z", "/tmf-api/troubleTicket/v4/troubleTicket/K-1")
    assert [one["eventType"] for one in found[3:]] == ["CustomerAttributeValueChangeEvent"]
    assert told(retold(2, *facts, profile=profile())) == []
    assert [one["eventType"] for one in told(erased(3))] == ["CustomerDeleteEvent"]
    assert told(stands("gold"))[0]["event"]["customer"]["characteristic"][0] == {"name": "valueTier", "value": "gold", "valueType": "string"}
    (risk,) = told(may_leave(0.4))
    assert risk["eventType"] == "PartyRoleRiskAssessmentStatusChangeEvent"
    assert risk["event"]["partyRoleRiskAssessment"]["riskAssessmentResult"]["overallScore"] == 0.4
    assert told(opened()) == []


def test_recommendations_are_ranked() -> None:
    """G6 TMF680: offers first, the most urgent leading, then what goes with what is held; every item names a product."""
    tasks = [
        {"task_id": name, "offer_id": f"o-{name}", "campaign_id": "c", "priority": priority, "opened_at": "2026"} for name, priority in (("1", 10), ("2", 50))
    ]
    rule = {"product": "tv", "goes_with": "fibre", "confidence": 0.5, "lift": 2.0}
    items = recommendation("C-1", "all", offers=tasks, suggestions=[rule])["recommendationItem"]
    assert [(one["priority"], one["product"]["name"]) for one in items] == [(1, "o-2"), (2, "o-1"), (3, "fibre")]
