"""R3: care programmes that come as drafts, from the file to what is written to customers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from services.retention.schemas.care_programmes import Catalogue
from services.retention.tables import ASSIGNMENTS, CAMPAIGN_STEPS, CAMPAIGNS, DECISIONS, MESSAGE_TEMPLATES, MESSAGES, OFFERS, TASKS
from services.retention.templates import check
from services.retention.use_cases.care_programmes import CATALOGUE
from shared.contracts.customer import BirthdayReached
from shared.contracts.segmentation import MomentReached
from tests.harness import ServiceUnderTest, until
from tests.retention.builders import ENDED, activity, customers, fact, opened, profile, resolved
from tests.retention.test_batches import done, due
from tests.retention.test_campaigns import post
from tests.retention.test_effect import told
from tests.retention.test_loyalty import paid

NAMES = tuple(CATALOGUE.programmes)
BOTH = [{"channel": channel, "granted": True} for channel in ("call", "sms")]


@pytest.mark.parametrize("name", NAMES)
def test_each_programme_is_a_campaign_with_its_texts(name: str) -> None:
    """R3 R4: held against what POST /campaigns takes, with the hold-out that is usual, in two languages, and texts that can be filled in."""
    programme = CATALOGUE.programmes[name]
    content = programme.content(date(2027, 2, 28))
    assert content.hold_out_share == 0.1 and content.again_after_days and "hold_out_share" not in programme.campaign
    written = programme.templates("any-id")
    assert {(one.language, one.purpose) for one in written} == {(None, "any-id"), ("zh", "any-id")}
    assert {one.channel for one in written} == {content.channel, *content.fallback_channels} - {"call"}
    assert all(check(one.subject) | check(one.body) <= {"offer.name"} for one in written)
    assert all(bool(one.subject) == (one.channel == "email") for one in written)


BROKEN: tuple[dict[str, Any], ...] = (
    {"offers": {"schedule": ["none"]}}, {"audience": {"field": "none"}}, {"hold_out_share": 0}, {"channel": "call", "fallback_channels": []},
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_can_not_be_drafted_is_refused_when_it_is_read(broken: dict[str, Any]) -> None:
    """R3: an offer that is not in it, a field or a share that no campaign may have, no channel to write by."""
    told = CATALOGUE.model_dump()
    told["programmes"]["birthday"]["campaign"] |= broken
    with pytest.raises(ValidationError):
        Catalogue.model_validate(told)
    told = CATALOGUE.model_dump()
    told["offers"]["care-greeting"]["cost_minor"] = -1
    with pytest.raises(ValidationError, match="cost_minor"):
        Catalogue.model_validate(told)


async def drafted(retention: ServiceUnderTest, name: str, **body: Any) -> dict[str, Any]:
    answer = await post(retention, f"/care-programmes/{name}/draft", key=f"{name}-{body}", **body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def edited(retention: ServiceUnderTest, draft: dict[str, Any], **changes: Any) -> None:
    """Held out as few as may be, and at any hour of the recipient's day; approved by a second person two hours ago."""
    left_out = {"campaign_id", "state", "revision", "drafted_by", "counts", "steps"}
    content = {name: value for name, value in draft.items() if name not in left_out} | {"hold_out_share": 0.01, "opens": "00:00", "closes": "23:59"} | changes
    path = f"/campaigns/{draft['campaign_id']}"
    answer = await retention.http.put(path, json=content | {"revision": 1}, headers={"X-Actor": "ann"})
    assert answer.status_code == 200, answer.text
    assert (await post(retention, f"{path}/approve", "ann", revision=2)).json()["code"] == "second_person_needed"
    assert (await post(retention, f"{path}/approve", "bob", revision=2)).status_code == 200
    async with retention.database.transaction() as tx:
        mine = CAMPAIGN_STEPS.c.campaign_id == draft["campaign_id"]
        await tx.execute(CAMPAIGN_STEPS.update().where(mine).values(taken_at=datetime.now(UTC) - timedelta(hours=2)))


async def test_every_programme_is_drafted_tried_and_approved(retention: ServiceUnderTest) -> None:
    """R2 R3: one call each makes campaign, offers and templates; asked again by the same key it is the same; nothing was sent or decided."""
    listed = {one["name"]: one for one in (await retention.http.get("/care-programmes")).json()["items"]}
    assert tuple(listed) == NAMES
    for name in NAMES:
        draft = await drafted(retention, name)
        assert (draft["campaign_id"], draft["state"], draft["drafted_by"]) == (name, "draft", "ann")
        assert {field: draft[field] for field in listed[name]["campaign"]} == listed[name]["campaign"]
        assert await drafted(retention, name) == draft
        tried = await retention.http.get(f"/campaigns/{name}/dry-run")
        assert tried.status_code == 200 and ("schedule" in draft["offers"]) == (tried.json()["batch"] is not None)
        kept = (await retention.http.get("/message-templates", params={"purpose": name})).json()["items"]
        texts = {(one["channel"], one["language"], one["body"]) for one in kept}
        assert texts == {(one["channel"], one["language"] or "", one["body"]) for one in listed[name]["messages"]}
        assert (await post(retention, f"/campaigns/{name}/approve", "bob", revision=1)).json()["state"] == "running"
    assert {one["offer_id"] for one in (await retention.http.get("/offers")).json()["items"]} >= CATALOGUE.offers.keys()
    assert not any(one["new_offers"] for one in (await retention.http.get("/care-programmes")).json()["items"])
    for table in (DECISIONS, TASKS, MESSAGES, ASSIGNMENTS):
        assert await retention.rows(sa.select(table)) == []


async def test_a_draft_that_can_not_be_leaves_nothing_behind(retention: ServiceUnderTest) -> None:
    """R3: an id that is taken, an offer that has ended or is nowhere, nobody's name, no such programme; with other offers and another id it is
    one, and what was written for it before stays."""

    async def refused(name: str, actor: str = "ann", **body: Any) -> tuple[int, str]:
        answer = await post(retention, f"/care-programmes/{name}/draft", actor, key=f"{name}-{actor}-{body}", **body)
        return answer.status_code, answer.json()["code"]

    async def there() -> tuple[int, int]:
        return len(await retention.rows(sa.select(OFFERS))), len(await retention.rows(sa.select(MESSAGE_TEMPLATES)))

    before = await there()
    assert await refused("birthday", campaign_id="save-on-warning") == (409, "conflict")
    assert await refused("birthday", offers=["none"]) == (422, "invalid_request")
    assert await refused("birthday", "anonymous") == (400, "actor_missing")
    assert await refused("birthday", campaign_id="No Id") == (422, "invalid_request")
    assert await refused("christmas") == (404, "not_found")
    assert await there() == before
    mine = {"channel": "sms", "purpose": "birthday-2027", "language": "zh", "body": "{{ offer.name }}"}
    assert (await post(retention, "/message-templates", "ann", key="t", **mine)).status_code == 201
    draft = await drafted(retention, "birthday", campaign_id="birthday-2027", offers=["data-boost"])
    assert draft["offers"] == {"schedule": ["data-boost"]}
    kept = await retention.rows(sa.select(MESSAGE_TEMPLATES).where(MESSAGE_TEMPLATES.c.purpose == "birthday-2027"))
    assert [row.body for row in kept if (row.channel, row.language) == ("sms", "zh")] == ["{{ offer.name }}"]
    await drafted(retention, "birthday")
    await post(retention, "/offers/care-greeting/end")
    assert await refused("welcome") == (409, "conflict")
    assert await retention.rows(sa.select(CAMPAIGNS).where(CAMPAIGNS.c.campaign_id == "welcome")) == []


async def test_programmes_write_and_call_on_their_day(retention: ServiceUnderTest) -> None:
    """R3 R9 R10: a birthday is greeted in the customer's language, who came is welcomed and who rises in the club thanked within the batch that
    tells it; who left, and whose complaint was settled, is called. Each by its own programme alone."""
    born, new, risen, gone, settled = customers(5)
    for name in ("welcome", "club-rise"):
        await edited(retention, await drafted(retention, name))
    now = datetime.now(UTC)
    left = ENDED | {"terminated_at": (now - timedelta(days=60)).isoformat()}
    await retention.send(
        activity(born, 1, fact(BirthdayReached, on=now.date().isoformat()), profile=profile(consents=BOTH, language="zh")),
        activity(new, 1, profile=profile(consents=BOTH)),
        activity(risen, 1, paid(20_000, days_ago=1), profile=profile(consents=BOTH)),
        activity(gone, 1, profile=profile(subscriptions=[left])),
        activity(settled, 1, opened(), resolved(at=now - timedelta(days=2)), profile=profile()),
    )
    await retention.send(told(MomentReached, new, 1, moment_id=f"acquisition:{new}", moment="acquisition"), activity(risen, 2, paid(90_000, "P-2", days_ago=0)))
    for name in ("birthday", "win-back", "after-complaint"):
        await edited(retention, await drafted(retention, name), schedule=due())
        await done(retention, name)
    made = {(row.campaign_id, row.customer_id): row for row in await retention.rows(sa.select(DECISIONS))}
    expected = {("birthday", born), ("welcome", new), ("club-rise", risen), ("win-back", gone), ("after-complaint", settled)}
    assert {one: row.failed_gate for one, row in made.items()} == dict.fromkeys(expected)
    texts = {row.customer_id: row.body for row in await retention.rows(sa.select(MESSAGES))}
    assert texts[born] == "祝您生日快乐,愿您新的一岁一切顺利!" and texts[new].startswith("Welcome") and "5 GB for a month" in texts[risen]
    assert {row.customer_id: row.offer_id for row in await retention.rows(sa.select(TASKS))} == {gone: "care-win-back", settled: "care-follow-up"}
    for row in made.values():
        assert (await retention.http.get(f"/decisions/{row.decision_id}/recomputed")).json()["agrees"]

    async def is_sent() -> bool:
        return len((await retention.http.get("/messages", params={"state": "sent"})).json()["items"]) == 3

    await until(is_sent)
