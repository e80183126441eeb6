"""Care programmes that come as drafts: a campaign, its offers and its messages by one call, which nobody gets before a second person approves."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.retention.repository import decisions
from services.retention.repository import messages as repository
from services.retention.schemas.care_programmes import Catalogue, Programme
from services.retention.schemas.messages import NewTemplate
from services.retention.settings import load
from services.retention.templates import ANY, Key
from services.retention.use_cases import campaigns, messages
from shared import clock
from shared.database import Transaction
from shared.errors import Conflict, NotFound

Document = dict[str, Any]

FILE = Path(__file__).parents[1] / "care_programmes.toml"
CATALOGUE = Catalogue.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))


async def listed(tx: Transaction) -> list[Document]:
    """As each would be drafted now."""
    there = (await decisions.catalogue(tx)).keys()
    return [_shown(name, one, there) for name, one in CATALOGUE.programmes.items()]


async def draft(tx: Transaction, name: str, *, campaign_id: str | None, offers: Sequence[str] | None, actor: str) -> Document:
    """A campaign in its draft, with the offers and the messages it needs where they are not there yet: nothing is made to anybody by it.

    Raises ActorMissing, NotFound, InvalidRequest for offers that are nowhere, Conflict when the id is taken or an offer has ended.
    """
    programme = CATALOGUE.programmes.get(name)
    if programme is None:
        raise NotFound(f"no care programme {name}; there are {', '.join(CATALOGUE.programmes)}")
    campaign_id, content = campaign_id or name, programme.content(_today()).model_dump(mode="json")
    if offers is not None:
        content["offers"] = {kind: list(offers) for kind in content["offers"]}
    await _supply(tx, {offer_id for one in content["offers"].values() for offer_id in one}, actor=actor)
    drafted = await campaigns.draft(tx, campaign_id, content, actor=actor)
    await _write(tx, programme.templates(campaign_id), actor=actor)
    return drafted


async def _supply(tx: Transaction, offer_ids: Collection[str], *, actor: str) -> None:
    there, now = await decisions.catalogue(tx), clock.now()
    ended = [one for one in sorted(offer_ids & there.keys()) if (end := there[one].valid_to) is not None and end <= now]
    if ended:
        raise Conflict(f"{', '.join(ended)} has ended and is made to nobody: name other offers under `offers`")
    for offer_id in sorted((offer_ids & CATALOGUE.offers.keys()) - there.keys()):
        await campaigns.create_offer(tx, _offer(offer_id), actor=actor)


async def _write(tx: Transaction, wanted: Sequence[NewTemplate], *, actor: str) -> None:
    """What somebody wrote for this purpose before stays as it is."""
    in_force = await repository.templates_in_force(tx, {one.purpose for one in wanted})
    for one in wanted:
        key = Key(one.channel, one.purpose, one.language or ANY, one.segment or ANY)
        if key not in in_force:
            await messages.add_template(tx, key, subject=one.subject, body=one.body, actor=actor)


def _shown(name: str, programme: Programme, there: Collection[str]) -> Document:
    content = programme.content(_today())
    new = {offer_id for one in content.offers.values() for offer_id in one if offer_id not in there}
    return {
        "name": name,
        "about": programme.about,
        "campaign": content,
        "new_offers": [_offer(one) for one in sorted(new)],
        "messages": programme.templates(name),
    }


def _offer(offer_id: str) -> Document:
    return CATALOGUE.offer(offer_id, currency=load().currency, valid_from=clock.now()).model_dump()


def _today() -> date:
    """On the operator's clock, by which schedules run."""
    return clock.now().astimezone(ZoneInfo(load().timezone)).date()
