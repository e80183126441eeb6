"""What is published, as TM Forum v4 tells listeners: eventId, eventTime, `timeOcurred` (spelled as v4 has it), eventType and the resource."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.gateway.tmforum.customers import PATH as CUSTOMER
from services.gateway.tmforum.parts import characteristics, customer_ref, entity
from services.gateway.tmforum.risk import risk_assessment
from services.gateway.tmforum.tickets import PATH as TICKET
from services.gateway.tmforum.tickets import STATUSES
from shared.contracts.care import ComplaintOpened, ComplaintProgressed, ComplaintResolved
from shared.contracts.customer import Activity, Fact
from shared.contracts.envelope import Event, Payload
from shared.contracts.orders import CustomerRegistered
from shared.contracts.segmentation import ChurnScored, RfmScored, StandingChanged

Document = dict[str, Any]


def notifications(event: Event[Payload]) -> list[Document]:
    """Of one published event, in order; none where TM Forum has no word for it. What was told before, and is only told again, is no news."""
    customer_id = event.subject.partition(":")[2]
    if isinstance(event.data, Activity):
        facts = () if event.data.restated else event.data.facts
        return [_of_fact(customer_id, fact) for fact in facts if fact.type in _TICKETS] + _of_profile(customer_id, event, event.data)
    make = _CHANGES.get(type(event.data))
    return [make(customer_id, event)] if make else []


def _of_fact(customer_id: str, fact: Fact) -> Document:
    event_type, status = _TICKETS[fact.type]
    ticket = entity(TICKET, "TroubleTicket", fact.data["complaint_id"], status=status(fact.data), relatedParty=[customer_ref(customer_id)])
    return _notification(event_type, "troubleTicket", ticket, event_id=fact.id, at=fact.occurred_at, told_at=fact.time)


def _of_profile(customer_id: str, event: Event[Any], activity: Activity) -> list[Document]:
    """Which attributes changed is not told: the listener asks for the customer."""
    if activity.erased:
        return [_of_customer("CustomerDeleteEvent", customer_id, event)]
    if activity.profile is None or activity.resets:
        return []
    is_new = any(fact.type == CustomerRegistered.type for fact in activity.facts)
    return [_of_customer("CustomerCreateEvent" if is_new else "CustomerAttributeValueChangeEvent", customer_id, event)]


def _of_customer(event_type: str, customer_id: str, event: Event[Any], **attributes: Any) -> Document:
    return _notification(event_type, "customer", entity(CUSTOMER, "Customer", customer_id, **attributes), event_id=event.id, at=event.time, told_at=event.time)


def _on_standing_changed(customer_id: str, event: Event[StandingChanged]) -> Document:
    told = {"valueTier": event.data.tier, "lifecycleStage": event.data.lifecycle, "statusGroup": event.data.status_group, "serviceStar": event.data.star}
    return _of_customer("CustomerAttributeValueChangeEvent", customer_id, event, characteristic=characteristics(told))


def _on_rfm_scored(customer_id: str, event: Event[RfmScored]) -> Document:
    return _of_customer("CustomerAttributeValueChangeEvent", customer_id, event, characteristic=characteristics({"segment": event.data.segment}))


def _on_churn_scored(customer_id: str, event: Event[ChurnScored]) -> Document:
    churn = event.data.model_dump(mode="json", exclude_none=True) | {"scored_at": _text(event.time)}
    assessed = risk_assessment(customer_id, churn)
    return _notification("PartyRoleRiskAssessmentStatusChangeEvent", "partyRoleRiskAssessment", assessed, event_id=event.id, at=event.time, told_at=event.time)


def _notification(event_type: str, name: str, resource: Document, *, event_id: str, at: datetime, told_at: datetime) -> Document:
    return {"eventId": event_id, "eventTime": _text(told_at), "timeOcurred": _text(at), "eventType": event_type, "event": {name: resource}}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_TICKETS: dict[str, tuple[str, Callable[[Document], str]]] = {
    ComplaintOpened.type: ("TroubleTicketCreateEvent", lambda data: "acknowledged"),
    ComplaintProgressed.type: ("TroubleTicketStatusChangeEvent", lambda data: STATUSES[data["stage"]]),
    ComplaintResolved.type: ("TroubleTicketResolvedEvent", lambda data: "resolved"),
}
_CHANGES: dict[type[Payload], Callable[[str, Event[Any]], Document]] = {
    StandingChanged: _on_standing_changed,
    RfmScored: _on_rfm_scored,
    ChurnScored: _on_churn_scored,
}
