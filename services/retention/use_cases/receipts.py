"""The receipt of one decision, and the decision made again from it."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from services.retention import desk, receipt
from services.retention.contact_policy import Situation
from services.retention.receipt import Answer
from services.retention.repository import decisions
from services.retention.repository import receipts as repository
from shared.database import Transaction
from shared.errors import Conflict, Gone, NotFound

Document = dict[str, Any]


def channel_of(row: Any) -> str | None:
    """By which the customer was contacted, or would have been; None: the receipt does not say."""
    choice = orjson.loads(row.inputs).get("choice") if row.inputs else None
    return str(choice[0]) if choice else None


async def of(tx: Transaction, decision_id: str) -> Document:
    """The decision with all it looked at. Raises NotFound, Gone."""
    row = await held(tx, decision_id)
    contents = await repository.contents(tx, receipt.versions_in(row.inputs)) if row.inputs else {}
    return {
        **row._mapping,
        "inputs": orjson.loads(row.inputs) if row.inputs else None,
        "inputs_digest": hashlib.sha256(row.inputs.encode()).hexdigest() if row.inputs else None,
        "contents": {version: orjson.loads(content) for version, content in contents.items()},
    }


async def recomputed(tx: Transaction, decision_id: str) -> Document:
    """The same rule on the inputs that were stored. Raises NotFound, Gone, and Conflict for what no rule decided."""
    row = await held(tx, decision_id)
    if row.inputs is None:
        raise Conflict(f"{decision_id} can not be made again: it was decided before inputs were kept")
    at_the_desk = row.campaign_id == desk.CAMPAIGN_ID
    today = desk.again(row.inputs, await situation(tx, row)) if at_the_desk else receipt.again(await situation(tx, row))
    stored = Answer(*(getattr(row, name) for name in Answer._fields))
    differs, policy_today = receipt.difference(stored, today), receipt.policy_version()
    return {
        "decision_id": decision_id,
        "agrees": not differs,
        "differs_in": differs,
        "explanation": _in_words(differs, row.policy, policy_today),
        "policy": row.policy,
        "policy_today": policy_today,
        "answer": today._asdict(),
    }


async def situation(tx: Transaction, row: Any) -> Situation:
    """All that a decision looked at. The desk stores what it offers where others store what they weighed, and weighs anew."""
    contents = await repository.contents(tx, receipt.versions_in(row.inputs))
    weighed = () if row.campaign_id == desk.CAMPAIGN_ID else row.weighed
    return receipt.read(row.inputs, contents, worth=row.worth, weighed=weighed)


async def held(tx: Transaction, decision_id: str) -> Any:
    """Raises NotFound, and Gone of a customer who was erased."""
    row = await decisions.decision(tx, decision_id)
    if row is None:
        raise NotFound(f"no decision {decision_id}")
    customer = await decisions.find_contactable(tx, row.customer_id)
    if customer is not None and customer.erased:
        raise Gone(f"its customer was erased, and what it looked at with them: that there was a decision ({row.verdict}) is kept for the campaign's counts")
    return row


def _in_words(differs: list[str], policy: str, policy_today: str) -> str:
    if policy == policy_today:
        if not differs:
            return "made again from the stored inputs by the same rules, the decision is the same"
        return f"the rules are the same, and the answer is not: the receipt was changed, or the rules without their number. It differs in {', '.join(differs)}"
    changed = f"the rules have changed since: it was decided by {policy}, today's are {policy_today}"
    return f"{changed}. By today's the decision {'differs in ' + ', '.join(differs) if differs else 'is the same'}"
