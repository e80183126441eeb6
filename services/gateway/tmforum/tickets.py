"""TMF621 Trouble Ticket v4.0.0: complaints as cases. A new ticket is reported as a complaint, like one that the care desk reports."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, NamedTuple, get_args

import orjson
from fastapi import Query, Request
from starlette.responses import Response

from services.gateway import use_cases
from services.gateway.intake import SINGLE, judge
from services.gateway.reads import Views
from services.gateway.tmforum.listing import Chosen, Document, Listing, created, listed, one, walked
from services.gateway.tmforum.neighbours import ask, body_of, every
from services.gateway.tmforum.parts import (
    PRINTABLE,
    Id,
    customer_in,
    customer_ref,
    entity,
    known,
    party,
    party_in,
    refuse,
    router,
    shows_list,
    shows_one,
    takes,
)
from shared import clock, telemetry
from shared.actors import ANONYMOUS
from shared.bus import Bus
from shared.contracts.care import ComplaintOpened
from shared.errors import Conflict, InvalidRequest
from shared.web import Actor

ROUTER = router("troubleTicket", "tmf621")
PATH = "/tmf-api/troubleTicket/v4/troubleTicket"
MANDATORY = ("description", "severity", "ticketType", "status")
SOURCE = "tmforum"
KINDS: tuple[str, ...] = get_args(ComplaintOpened.model_fields["kind"].annotation)
SEVERITIES = {"minor": "minor", "low": "minor", "major": "major", "medium": "major", "high": "major", "critical": "critical", "urgent": "critical"}
STATUSES = {"intake": "acknowledged", "analysis": "inProgress", "resolution": "inProgress", "feedback": "resolved", "closed": "closed"}
# What takes a case further. It closes by itself: when the customer has answered, or the time to do so has passed.
STAGES = {"inProgress": "analysis", "resolved": "feedback"}
CHANGED = frozenset({"status", "statusChangeReason", "note", "relatedParty"})
_SAYS_WHOSE = Query(alias="relatedParty.id", pattern=PRINTABLE, description="Where two customers have a ticket of this id")
Whose = Annotated[str | None, _SAYS_WHOSE]
_NAMES = uuid.UUID("c6b0a2b4-52ff-4f0a-9a3e-0a7f7f2f4d1b")


class Complaint(NamedTuple):
    ticket_id: str
    customer_id: str
    opened: Document


def trouble_ticket(case: Document) -> Document:
    """The description says what kind of complaint it is: what the customer said is shown by `reveal` alone."""
    parties = [customer_ref(case["customer_id"])] + ([party(case["agent"], role="agent")] if case["agent"] else [])
    return entity(
        PATH,
        "TroubleTicket",
        case["complaint_id"],
        description=f"Complaint about {case['kind']}",
        severity=case["severity"],
        ticketType=case["kind"],
        status=STATUSES[case["state"]],
        creationDate=case["opened_at"],
        channel={"id": case["channel"], "name": case["channel"]},
        relatedParty=parties,
        expectedResolutionDate=case["due_at"] if case["state"] == "resolution" else None,
    )


def trouble_ticket_in_full(case: Document, *, revealed: bool = False) -> Document:
    """With its history. Stages that are one status here are one change."""
    changes: list[Document] = []
    for stage in case["stages"]:
        if not changes or changes[-1]["status"] != STATUSES[stage["stage"]]:
            changes.append({"status": STATUSES[stage["stage"]], "changeDate": stage["began_at"], "@type": "StatusChange"})
    resolved = next((change["changeDate"] for change in changes if change["status"] == "resolved"), None)
    if case["closed_at"]:
        changes.append({"status": "closed", "changeDate": case["closed_at"], "@type": "StatusChange"})
    full = trouble_ticket(case) | {"statusChange": changes, "statusChangeDate": changes[-1]["changeDate"]}
    return full | ({"resolutionDate": resolved} if resolved else {}) | (_words(case["history"]) if revealed else {})


def _words(history: list[Document]) -> Document:
    said = next((fact["text"] for fact in history if fact["type"] == ComplaintOpened.type), "")
    later = [fact for fact in history if fact["text"] and fact["type"] != ComplaintOpened.type]
    notes = [{"id": fact["id"], "date": fact["at"], "author": fact["agent"] or fact["source"], "text": fact["text"], "@type": "Note"} for fact in later]
    return ({"description": said} if said else {}) | ({"note": notes} if notes else {})


def complaint(body: Document, *, otherwise: str) -> Complaint:
    """What a new ticket reports. `externalId` names it, so that the same one again is the same ticket; `otherwise` does without it.

    A type that is none of ours is `other`, and stands before what was said. Raises InvalidRequest.
    """
    missing = [name for name in ("description", "severity", "ticketType") if not isinstance(body.get(name), str) or not body[name]]
    if missing:
        raise InvalidRequest(f"mandatory and not there, as texts: {', '.join(missing)}")
    severity = SEVERITIES.get(body["severity"].lower())
    if severity is None:
        raise InvalidRequest(f"severity is one of {', '.join(SEVERITIES)}")
    kind = body["ticketType"].lower()
    channel = body.get("channel") or {}
    opened = {
        "complaint_id": body.get("externalId") or otherwise,
        "kind": kind if kind in KINDS else "other",
        "severity": severity,
        "channel": (channel.get("name") or channel.get("id") if isinstance(channel, dict) else None) or SOURCE,
        "summary": body["description"] if kind in KINDS else f"{body['ticketType']}: {body['description']}",
    }
    return Complaint(opened["complaint_id"], customer_in(body.get("relatedParty")), opened)


def opened_event(made: Complaint, at: datetime) -> Document:
    name = uuid.uuid5(_NAMES, f"{made.customer_id}|{made.ticket_id}")
    return {
        "specversion": "1.0",
        "id": str(name),
        "source": SOURCE,
        "type": ComplaintOpened.type,
        "subject": f"customer:{made.customer_id}",
        "time": at.isoformat(),
        "data": made.opened,
    }


def progress(body: Document, *, actor: str) -> Document:
    """What a change of a ticket asks of its case. Raises InvalidRequest."""
    unknown = sorted(set(body) - CHANGED - {"@type", "@baseType", "@schemaLocation"})
    if unknown:
        raise InvalidRequest(f"of a ticket only the status changes, with its reason and who has it; not {', '.join(unknown)}")
    stage = STAGES.get(str(body.get("status")))
    if stage is None:
        raise InvalidRequest(f"status becomes one of {', '.join(STAGES)}; a ticket closes by itself, after the customer was asked")
    agent = party_in(body.get("relatedParty"), "agent") or (None if actor == ANONYMOUS else actor)
    if agent is None:
        raise InvalidRequest("who has it from now on? Name a relatedParty with the role `agent`, or say who asks by X-Actor")
    notes = body.get("note")
    texts = [body.get("statusChangeReason"), *(note.get("text") for note in (notes if isinstance(notes, list) else []) if isinstance(note, dict))]
    return {"stage": stage, "agent": agent, "note": "\n".join(text for text in texts if isinstance(text, str))}


@ROUTER.get("/troubleTicket", operation_id="tmf621_list_ticket", summary="List or find tickets", responses=shows_list("TroubleTicket", MANDATORY))
async def list_ticket(request: Request, asked: Listing) -> Response:
    """What is due first comes first. `relatedParty.id` says whose; the history comes with one ticket."""
    whose = asked.filters.get("relatedParty.id", ())
    params = {"customer_id": next(iter(whose))} if len(whose) == 1 else {}
    found = await walked(every(request, "customer", "cases", params=params), asked, trouble_ticket)
    return listed([trouble_ticket(case) for case in found.rows], asked, found.total)


@ROUTER.get("/troubleTicket/{id}", operation_id="tmf621_retrieve_ticket", summary="Retrieve a ticket by id", responses=shows_one("TroubleTicket", MANDATORY))
async def retrieve_ticket(
    request: Request,
    id: Id,
    fields: Chosen,
    customer_id: Whose = None,
    reveal: Annotated[bool, Query(description="With what was said, in plain: goes into the audit log")] = False,
) -> Response:
    case = await ask(request, "customer", "cases", id, params=known({"customer_id": customer_id, "reveal": "true" if reveal else None}))
    return one(trouble_ticket_in_full(case, revealed=reveal), fields)


@ROUTER.post(
    "/troubleTicket",
    operation_id="tmf621_create_ticket",
    summary="Report a complaint",
    status_code=201,
    responses=shows_one("TroubleTicket", MANDATORY, status=201),
    openapi_extra=takes(
        "TroubleTicket_Create",
        ["description", "severity", "ticketType", "relatedParty"],
        {
            "description": "No signal at home since Monday",
            "severity": "major",
            "ticketType": "network",
            "externalId": "EXT-7",
            "relatedParty": [{"id": "C-1", "role": "customer", "@referredType": "Customer"}],
        },
    ),
)
async def create_ticket(request: Request, views: Views) -> Response:
    """201 once it is durable; it is found a moment later, when the customer service has taken it in. Send the same `externalId` or Idempotency-Key
    again after a failure: it is one ticket. 404 for a customer who is not known."""
    key = request.headers.get("idempotency-key")
    made = complaint(await body_of(request), otherwise=str(uuid.uuid5(_NAMES, key) if key else uuid.uuid4()))
    whose = (await use_cases.view(views, made.customer_id))[0].customer_id
    now = clock.now()
    await _report(request, opened_event(made, now))
    case = made.opened | {"customer_id": whose, "state": "intake", "agent": None, "opened_at": now}
    return created(trouble_ticket(case))


async def _report(request: Request, event: Document) -> None:
    """By the way of all events: judged by its contract, then durable. Raises InvalidRequest."""
    (judged,) = judge(SINGLE, orjson.dumps(event), {})
    telemetry.INTAKE.labels(judged.error.code if judged.error else "accepted").inc()
    if judged.message is None:
        raise InvalidRequest(judged.error.detail if judged.error else "")
    bus: Bus = request.app.state.bus
    await bus.publish([judged.message])


@ROUTER.patch(
    "/troubleTicket/{id}",
    operation_id="tmf621_patch_ticket",
    summary="Take a ticket further",
    responses=shows_one("TroubleTicket", MANDATORY),
    openapi_extra=takes(
        "TroubleTicket_Update",
        ["status"],
        {"status": "resolved", "statusChangeReason": "antenna adjusted", "relatedParty": [{"id": "A-88", "role": "agent", "@referredType": "Individual"}]},
    ),
)
async def patch_ticket(request: Request, id: Id, actor: Actor, customer_id: Whose = None) -> Response:
    """`inProgress` or `resolved`. Who has it from now on: the party with the role `agent`, or else who asks (X-Actor). 409 when it is further already."""
    wanted = progress(await body_of(request), actor=actor)
    whose = known({"customer_id": customer_id})
    case = await ask(request, "customer", "cases", id, params=whose)
    if STATUSES[case["state"]] == "closed":
        raise Conflict("the ticket is closed: who complains again has a new one")
    if case["state"] == "resolution" and wanted["stage"] == "analysis":
        return one(trouble_ticket_in_full(case))
    return one(trouble_ticket_in_full(await ask(request, "customer", "cases", id, "progress", params=whose, command=wanted)))


refuse(ROUTER, "DELETE", "/troubleTicket/{id}", "A complaint stays on record until its customer is erased")
