"""Care programmes that come as drafts: the file they stand in, and the HTTP bodies."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.retention.schemas.campaigns import CampaignContent, Listed, NewOffer
from services.retention.schemas.messages import NewTemplate, Purpose, TemplateBody, TemplateSubject
from shared.contracts.envelope import Id

ANY_DAY = date.max
"""Of what is only looked at, and not drafted."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProgrammeText(Part):
    subject: TemplateSubject = ""
    body: TemplateBody


class ProgrammeTexts(Part):
    en: ProgrammeText
    zh: ProgrammeText


class Programme(Part):
    """`campaign`: the content of one, but for the day on which its schedule starts."""

    about: Annotated[str, Field(min_length=1, max_length=500)]
    campaign: dict[str, Any]
    text: ProgrammeTexts

    def content(self, today: date) -> CampaignContent:
        """As drafted today."""
        schedule = self.campaign.get("schedule")
        return CampaignContent.model_validate(self.campaign | ({"schedule": schedule | {"starts_on": today}} if schedule else {}))

    def templates(self, purpose: str) -> list[NewTemplate]:
        """For each channel that it writes by; English is for every language that has none of its own."""
        content = self.content(ANY_DAY)
        channels = [one for one in (content.channel, *content.fallback_channels) if one != "call"]
        return [
            NewTemplate(channel=one, purpose=purpose, language=language, subject=text.subject if one == "email" else "", body=text.body)
            for one in channels
            for language, text in ((None, self.text.en), ("zh", self.text.zh))
        ]


class Catalogue(Part):
    """The file. What is in it is held against what campaigns, offers and templates have to be when it is read."""

    offers: dict[Id, dict[str, Any]] = Field(max_length=50)
    programmes: dict[Purpose, Programme] = Field(max_length=50)

    @model_validator(mode="after")
    def _can_be_drafted(self) -> Self:
        for offer_id in self.offers:
            self.offer(offer_id, currency="CNY", valid_from=datetime.combine(ANY_DAY, time(), UTC))
        for name, programme in self.programmes.items():
            listed = {offer_id for offers in programme.content(ANY_DAY).offers.values() for offer_id in offers}
            if not listed <= self.offers.keys() or not programme.templates(name):
                raise ValueError(f"{name} has to list offers of this file, and a channel that it writes by")
        return self

    def offer(self, offer_id: str, *, currency: str, valid_from: datetime) -> NewOffer:
        return NewOffer.model_validate(self.offers[offer_id] | {"offer_id": offer_id, "currency": currency, "valid_from": valid_from})


class CareProgramme(BaseModel):
    """What drafting it now would make."""

    name: str
    about: str
    campaign: CampaignContent
    new_offers: list[NewOffer] = Field(description="Of those it lists, which drafting adds to the catalogue")
    messages: list[NewTemplate] = Field(description="Drafting adds those that are not there; their purpose is the campaign's id")


class CareProgrammes(BaseModel):
    items: list[CareProgramme]


class ProgrammeDraft(BaseModel):
    """What is to be another than in the programme; everything else is edited in the draft."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"campaign_id": "birthday-2027", "offers": ["data-boost"]}]})

    campaign_id: Purpose | None = Field(default=None, description="Null: the name of the programme")
    offers: Listed | None = Field(default=None, description="In place of its own, the preferred one first")
