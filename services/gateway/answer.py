"""The 360 view as it is answered: the stored text of its blocks, put together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.gateway.view import ALERTS, ALERTS_KEPT, BLOCKS, CONTACTS_KEPT, DECISIONS, MOMENTS, MOMENTS_KEPT, TASKS, Document, newest

PERSONAL = "personal"
FIELDS = (*BLOCKS, PERSONAL)


class Asked(NamedTuple):
    """What the customer service answered about who the customer is: JSON text, or why there is none."""

    text: str | None
    at: datetime | None
    reason: str | None


def answer(rows: Sequence[Any], fields: Collection[str], asked: Asked) -> bytes:
    """The view as JSON, put together from the stored text of its blocks: nothing is parsed, nothing is written anew. The first
    row is the customer's; only where others were merged into them, their alerts and contacts are put together."""
    first = rows[0]
    parts = [f'{{"customer_id":{orjson.dumps(first.customer_id).decode()},"sequence":{first.last_sequence}']
    parts += [f'"{name}":{_text_of(rows, name)}' for name in BLOCKS if name in fields]
    if PERSONAL in fields:
        parts.append(f'"{PERSONAL}":{asked.text or "null"}')
    parts.append(f'"freshness":{orjson.dumps(_freshness(rows, fields, asked), option=orjson.OPT_UTC_Z).decode()}}}')
    return ",".join(parts).encode()


def version_of(rows: Sequence[Any], fields: Collection[str], asked: Asked) -> str:
    """Another customer behind the same number, or a customer service that answers again, is another version."""
    parts = [*(f"{row.customer_id}:{row.version}" for row in rows), *sorted(fields), str(asked.text is None)]
    return f'"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}"'


def tags_of(if_none_match: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


def _text_of(rows: Sequence[Any], name: str) -> str:
    first: str = getattr(rows[0], name) or BLOCKS[name].nothing
    if name not in _JOINED or len(rows) == 1:
        return first
    documents = [orjson.loads(getattr(row, name)) for row in rows if getattr(row, name)]
    return orjson.dumps(_JOINED[name](documents)).decode()


def _freshness(rows: Sequence[Any], fields: Collection[str], asked: Asked) -> Document:
    found: Document = {}
    for name, block in BLOCKS.items():
        if name in fields:
            moments = [getattr(row, f"{name}_at") for row in (rows if name in _JOINED else rows[:1])]
            found[name] = {"updated_at": max((one for one in moments if one), default=None), "source": block.source}
    if PERSONAL in fields:
        found[PERSONAL] = {"updated_at": asked.at, "source": "customer", "reason": asked.reason}
    return found


def _joined_alerts(lists: Sequence[list[Document]]) -> list[Document]:
    return newest([one for listed in lists for one in listed], ALERTS, kept=ALERTS_KEPT)


def _joined_moments(lists: Sequence[list[Document]]) -> list[Document]:
    return newest([one for listed in lists for one in listed], MOMENTS, kept=MOMENTS_KEPT)


def _joined_contacts(blocks: Sequence[Document]) -> Document:
    decisions = [one for block in blocks for one in block["decisions"]]
    tasks = [one for block in blocks for one in block["tasks"]]
    return {"decisions": newest(decisions, DECISIONS, kept=CONTACTS_KEPT), "tasks": newest(tasks, TASKS, kept=CONTACTS_KEPT)}


_JOINED: dict[str, Callable[[Sequence[Any]], Any]] = {"alerts": _joined_alerts, "moments": _joined_moments, "contacts": _joined_contacts}
