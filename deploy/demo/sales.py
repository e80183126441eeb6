"""Sales: puts down who may become a customer. Some do, days later; Holdfast has to recognise them by their document or their e-mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from random import Random
from typing import Any

import httpx

from deploy.demo.population import AGENTS, FAMILY_NAMES, GIVEN_NAMES, LADDER, Customer
from deploy.demo.state import State
from deploy.demo.stream import Stream

SOURCES = ("website", "shop", "referral", "trade-fair")
INTERESTED_SHARE = 0.5  # of the days: somebody asks who never becomes a customer


class Sales:
    """Each prospect under a key that stays the same: what is put down again after a stop is the same prospect."""

    def __init__(self, client: httpx.Client, state: State, stream: Stream, *, say: Callable[[str], None] = print) -> None:
        self._client, self._state, self._stream, self._say = client, state, stream, say
        self._told: set[str] = set()
        self._works = True

    def work(self, now: datetime) -> None:
        waiting = {key: one for key, one in self._prospects(now.date()).items() if key not in self._told}
        try:
            for key, prospect in waiting.items():
                answered = self._client.post("/v1/prospects", headers={"Idempotency-Key": key}, json=prospect)
                if answered.status_code == 429 or answered.is_server_error:
                    answered.raise_for_status()
                self._told.add(key)
                self._state.counts["prospects_refused"] += not answered.is_success
            self._works = self._works or bool(waiting)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if self._works:
                self._say(f"Sales can not put prospects down and tries again: {error}")
            self._works = False

    def _prospects(self, today: date) -> dict[str, dict[str, Any]]:
        """Key -> prospect: who will be a customer soon, and perhaps somebody who only asks."""
        seed = self._state.seed
        found = {f"prospect-{seed}-{one.number}": _of(one) for one in self._stream.prospects()}
        dice = Random(f"{seed}:interested:{today}")
        if dice.random() < INTERESTED_SHARE:
            found[f"interested-{seed}-{today}"] = _somebody(dice)
        return found


def _of(one: Customer) -> dict[str, Any]:
    dice = one.random("prospect")
    known = {"contact_point": {"kind": "email", "value": one.email}} if one.email and dice.random() < 0.5 else {"document": one.document}
    return {"source": dice.choice(SOURCES), "interest": one.plan.name, "agent": one.agent, "name": one.name, **known}


def _somebody(dice: Random) -> dict[str, Any]:
    name = f"{dice.choice(FAMILY_NAMES)} {dice.choice(GIVEN_NAMES)}"
    phone = {"kind": "phone", "value": f"86137{dice.randint(10_000_000, 99_999_999)}"}
    return {"source": dice.choice(SOURCES), "interest": dice.choice(LADDER).name, "agent": dice.choice(AGENTS), "name": name, "contact_point": phone}
