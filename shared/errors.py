"""Every expected failure is a class with a code and an HTTP status.

    HoldfastError
      EventRejected      an event that can never be applied as it is: dead letter, or 422 over HTTP
      RequestFailed      an HTTP request that is answered with a problem document
      OwnershipLost      the bus gave the partitions to another member: not an error, the batch is theirs now

The catalogue of codes is what stands here: `python -m shared.errors` writes docs/errors.md from it, `--check` compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"


class HoldfastError(Exception):
    """Base of every failure that this system expects."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something failed that should not have"

    def __init__(self, detail: str = "", **extra: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


class EventRejected(HoldfastError):
    code = "event_rejected"
    status = 422
    title = "The event can not be applied as it is"


class EventTooLarge(EventRejected):
    code = "event_too_large"
    status = 413
    title = "The event is larger than 1 MB"


class MalformedJson(EventRejected):
    code = "malformed_json"
    status = 400
    title = "The body is not JSON"


class NotACloudEvent(EventRejected):
    code = "not_a_cloudevent"
    title = "Required CloudEvents 1.0 attributes are missing"


class UnknownEventType(EventRejected):
    code = "unknown_event_type"
    title = "No contract has this event type"


class UnsupportedEventVersion(EventRejected):
    code = "unsupported_event_version"
    title = "The event type is known, this version of it is not"


class WrongTopic(EventRejected):
    code = "wrong_topic"
    title = "This event type does not belong to this topic"


class InvalidEvent(EventRejected):
    code = "invalid_event"
    title = "The event breaks its contract"


class EventTimeOutOfRange(EventRejected):
    code = "event_time_out_of_range"
    title = "The event lies too far in the future or in the past"


class HandlerFailed(EventRejected):
    code = "handler_failed"
    status = 500
    title = "Applying the event failed"


class RequestFailed(HoldfastError):
    code = "bad_request"
    status = 400
    title = "The request can not be answered"


class InvalidRequest(RequestFailed):
    code = "invalid_request"
    status = 422
    title = "The request breaks its contract"


class BadCursor(RequestFailed):
    code = "bad_cursor"
    title = "The cursor is not one of ours"


class NotFound(RequestFailed):
    code = "not_found"
    status = 404
    title = "There is no such resource"


class Gone(RequestFailed):
    code = "gone"
    status = 410
    title = "The customer was erased"


class MethodNotAllowed(RequestFailed):
    code = "method_not_allowed"
    status = 405
    title = "The resource does not have this method"


class UnsupportedMediaType(RequestFailed):
    code = "unsupported_media_type"
    status = 415
    title = "The content type is not one that this resource reads"


class BodyTooLarge(RequestFailed):
    code = "body_too_large"
    status = 413
    title = "The body is larger than this resource reads"


class BodyTooSlow(RequestFailed):
    code = "body_too_slow"
    status = 408
    title = "The body did not arrive in time"


class Conflict(RequestFailed):
    code = "conflict"
    status = 409
    title = "The resource is not in a state that allows this"


class AlreadyMerged(Conflict):
    code = "already_merged"
    title = "They are one customer already"


class AlreadyDecided(Conflict):
    code = "already_decided"
    title = "This was decided before"


class SecondPersonNeeded(Conflict):
    code = "second_person_needed"
    title = "Somebody else than who drafted it has to approve, by name"


class StaleDraft(Conflict):
    code = "stale_draft"
    title = "Another version was approved since: draft the changes again over that one"


class PreconditionFailed(RequestFailed):
    code = "precondition_failed"
    status = 412
    title = "It was changed since the version of If-Match was read: read it again"


class PreconditionMissing(RequestFailed):
    code = "precondition_missing"
    status = 428
    title = "This change has to say over which version it is made, as If-Match"


class NothingToRollBack(Conflict):
    code = "nothing_to_roll_back"
    title = "What is in force is built in, or the version is not approved any more"


class NotEnoughPoints(Conflict):
    code = "not_enough_points"
    title = "Fewer points are there than were asked for: `available` says how many"


class CallbackRefused(InvalidRequest):
    code = "callback_refused"
    title = "The callback leads to an address that must not be called: HOLDFAST_GATEWAY_LISTENER_NETWORKS says which private ones may"


class ActorMissing(RequestFailed):
    code = "actor_missing"
    title = "This request needs an X-Actor header that names who asks"


class Unauthenticated(RequestFailed):
    code = "unauthenticated"
    status = 401
    title = "Say who you are: Authorization: Bearer, with an API key or an access token"


class Forbidden(RequestFailed):
    code = "forbidden"
    status = 403
    title = "What was presented does not allow this: `scope` names what is missing"


class ServicesOnly(RequestFailed):
    code = "services_only"
    status = 403
    title = "Only another service of this system may ask this, with the secret that they share"


class TellsNothing(RequestFailed):
    code = "tells_nothing"
    status = 422
    title = "Nobody is compared by this value anyway"


class IdempotencyKeyMissing(RequestFailed):
    code = "idempotency_key_missing"
    title = "This request needs an Idempotency-Key header"


class IdempotencyKeyReused(RequestFailed):
    code = "idempotency_key_reused"
    status = 422
    title = "The Idempotency-Key was used with another body"


class TooManyRequests(RequestFailed):
    code = "too_many_requests"
    status = 429
    title = "More is under way than is allowed: try again after Retry-After seconds"


class RateLimited(TooManyRequests):
    code = "rate_limited"
    title = "The client asks faster than it may: try again after Retry-After seconds"


class QuotaExceeded(TooManyRequests):
    code = "quota_exceeded"
    title = "The client has used up what it may ask in a day (UTC)"


class TooManyFailures(TooManyRequests):
    code = "too_many_failures"
    title = "Too many wrong keys or tokens came from this address: try again after Retry-After seconds"


class Unavailable(RequestFailed):
    code = "unavailable"
    status = 503
    title = "Something this needs is away; nothing was lost, try again"


class BusUnavailable(Unavailable):
    code = "bus_unavailable"
    title = "The event bus can not be reached; nothing was lost, try again"


class TopicMissing(BusUnavailable):
    code = "topic_missing"
    title = "The topic has not been created on the event bus; nothing was lost, try again"


class ErasureRefused(Conflict):
    code = "erasure_refused"
    title = "Something obliges the operator to keep the customer's data: `reasons` lists it"


class AuditBroken(RequestFailed):
    code = "audit_broken"
    status = 500
    title = "The audit log was tampered with: nothing that has to be noted in it is done"


class OwnershipLost(HoldfastError):
    code = "ownership_lost"
    title = "The partition belongs to another member now"


def catalogue(root: type[HoldfastError] = HoldfastError) -> list[type[HoldfastError]]:
    """Every error class from `root` down, in the order of the source."""
    return [root, *(found for child in root.__subclasses__() for found in catalogue(child))]


def page() -> str:
    """The catalogue as Markdown."""
    rows = [f"| `{error.code}` | {error.status} | {error.title} |" for error in catalogue()]
    return "\n".join([_INTRODUCTION, "| code | HTTP status | meaning |", "| --- | --- | --- |", *rows, ""])


_INTRODUCTION = """# Errors

Over HTTP every error is a problem document (RFC 9457, `application/problem+json`) whose `code` is one of these. A dead letter and a verdict of
`POST /v1/events` carry the same codes. Generated from `shared/errors.py` by `make docs`.
"""


def main() -> int:
    if "--check" not in sys.argv:
        PAGE.write_text(page())
        return 0
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    sys.stderr.write("docs/errors.md is out of date: run `make docs`\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
