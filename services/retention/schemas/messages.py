"""HTTP bodies: messages, their receipts, and the templates they are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.retention.delivery import MessageChannel, Outcome, State
from services.retention.schemas.retention import View
from services.retention.templates import LONGEST_BODY, LONGEST_SUBJECT

Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", description="BCP 47")]
Segment = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
TemplateSubject = Annotated[str, Field(max_length=LONGEST_SUBJECT, pattern=r"^[^\x00-\x1f]*$")]
TemplateBody = Annotated[str, Field(min_length=1, max_length=LONGEST_BODY, pattern=r"^[^\x00]*$")]


class Command(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class TemplateKey(Command):
    channel: MessageChannel
    purpose: Purpose
    language: Language | None = Field(default=None, description="Null: for any")
    segment: Segment | None = Field(default=None, description="Null: for any. Only with a language: a segment alone would never be looked for")

    @model_validator(mode="after")
    def _segment_has_a_language(self) -> Self:
        if self.segment and not self.language:
            raise ValueError("a segment needs a language")
        return self


class NewTemplate(TemplateKey):
    """The next version, in force at once for what is enqueued from then on."""

    subject: TemplateSubject = Field(default="", description="Of e-mails")
    body: TemplateBody

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"channel": "sms", "purpose": "save", "language": "en", "body": "Dear {{ name }}, {{ offer.name }} is yours for {{ offer.minor|money }}."}
            ]
        }
    )


class TemplateView(View):
    channel: MessageChannel
    purpose: str
    language: str = Field(description="Empty: for any")
    segment: str = Field(description="Empty: for any")
    version: int
    subject: str
    body: str
    created_by: str
    created_at: datetime


class Templates(BaseModel):
    items: list[TemplateView]


class TemplatePreviewRequest(TemplateKey):
    """Of the given text, or without one of the template that would be chosen."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"channel": "sms", "purpose": "save", "language": "en", "body": "Dear {{ name }}", "variables": {"name": "Wei"}}]}
    )

    subject: TemplateSubject = ""
    body: TemplateBody | None = None
    variables: dict[str, Any] = Field(default_factory=dict, max_length=50)


class TemplatePreview(BaseModel):
    template: str | None = Field(description="The one that would be chosen, with its version; null: the given text")
    subject: str | None = Field(description="Null: can not be filled in")
    body: str | None
    variables: list[str] = Field(description="All that the template takes")
    missing: list[str] = Field(description="Those that nothing was given for")
    problem: str | None = Field(description="Why it can not be filled in")


class Receipt(Command):
    """What became of a message that was sent. The same again changes nothing, and `delivered` holds whatever else is said, in any order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"result": "failed", "reason": "absent_subscriber"}]})

    result: Literal["delivered", "failed"]
    reason: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")] | None = Field(
        default=None, description="A code, never a text with a number or a name in it"
    )
    at: Annotated[AwareDatetime, Field(strict=False)] | None = Field(default=None, description="When; null: now")


class MessageView(View):
    message_id: str
    decision_id: str
    customer_id: str
    channel: MessageChannel
    purpose: str
    language: str = Field(description="Asked for")
    segment: str = Field(description="Asked for")
    template: str | None = Field(description="The one that was chosen: channel, purpose, language, segment (`*`: any) and version")
    subject: str
    body: str = Field(description="Blank once the customer was erased")
    state: State
    reason: str | None
    enqueued_at: datetime
    not_before: datetime
    expires_at: datetime | None
    next_at: datetime = Field(description="Of one that is queued: when it is tried")
    attempts: int
    sent_at: datetime | None
    ended_at: datetime | None


class Messages(BaseModel):
    items: list[MessageView]
    next_cursor: str | None


class AttemptView(View):
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None = Field(description="Null: under way, or the process ended before its result was known")
    code: str | None


class MessageDetail(MessageView):
    history: list[AttemptView]
