"""TMF681 Communication Management v4.0.0: what was written to customers.

Read only: a message is a campaign's decision, and no caller may go around its gates.
"""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from services.gateway.tmforum.listing import Chosen, Document, Listing, listed, one, walked
from services.gateway.tmforum.neighbours import ask, every
from services.gateway.tmforum.parts import Id, characteristics, customer_ref, entity, refuse, router, shows_list, shows_one

ROUTER = router("communicationManagement", "tmf681")
PATH = "/tmf-api/communicationManagement/v4/communicationMessage"
MANDATORY = ("content", "messageType", "receiver", "sender")
TYPES = {"sms": "SMS", "email": "Email", "push": "Mobile app push"}
STATES = {
    "queued": "initial",
    "sending": "inProgress",
    "sent": "inProgress",
    "delivered": "completed",
    "failed": "failed",
    "expired": "cancelled",
    "suppressed": "cancelled",
}
RECEIVER = "receiver.party.id"
LIST, ONE = shows_list("CommunicationMessage", MANDATORY), shows_one("CommunicationMessage", MANDATORY)


def communication_message(message: Document) -> Document:
    """`sent` is under way still: only a receipt says that it arrived."""
    return entity(
        PATH,
        "CommunicationMessage",
        message["message_id"],
        content=message["body"],
        subject=message["subject"],
        messageType=TYPES[message["channel"]],
        state=STATES[message["state"]],
        scheduledSendTime=message["not_before"],
        sendTime=message["sent_at"],
        sendTimeComplete=message["ended_at"],
        tryTimes=message["attempts"],
        logFlag=True,
        sender={"id": "holdfast", "name": "Holdfast"},
        receiver=[{"id": message["customer_id"], "party": customer_ref(message["customer_id"])}],
        characteristic=characteristics({name: message[name] for name in ("purpose", "template", "language", "segment", "reason")}),
    ) | {"content": message["body"]}


@ROUTER.get("/communicationMessage", operation_id="tmf681_list_message", summary="List or find messages", responses=LIST)
async def list_message(request: Request, asked: Listing) -> Response:
    """In the order they were enqueued. `receiver.party.id` says to whom."""
    whose = asked.filters.get(RECEIVER, ())
    params = {"customer_id": next(iter(whose))} if len(whose) == 1 else {}
    found = await walked(every(request, "retention", "messages", params=params), asked, communication_message)
    return listed([communication_message(message) for message in found.rows], asked, found.total)


@ROUTER.get(
    "/communicationMessage/{id}",
    operation_id="tmf681_retrieve_message",
    summary="Retrieve a message by id",
    responses=ONE,
)
async def retrieve_message(request: Request, id: Id, fields: Chosen) -> Response:
    return one(communication_message(await ask(request, "retention", "messages", id)), fields)


_GATES = "Who is written to is decided by campaigns, whose gates keep consents, quiet hours and caps: see /v1/campaigns and /v1/message-templates"
refuse(ROUTER, "POST", "/communicationMessage", _GATES)
refuse(ROUTER, "PATCH", "/communicationMessage/{id}", _GATES)
refuse(ROUTER, "DELETE", "/communicationMessage/{id}", "What was sent stays on record")
