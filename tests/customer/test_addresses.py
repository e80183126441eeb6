"""R10 C9: the one address that a message goes to: to our own services only, and on record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from shared.settings import Settings
from tests.builders import registered
from tests.customer.comparing import compared
from tests.harness import ServiceUnderTest

SECRET = "a secret of thirty-two characters"
POINTS = [
    {"kind": "phone", "value": "8613800138000", "verified": True},
    {"kind": "email", "value": "old@example.org"},
    {"kind": "email", "value": "wu@example.org", "verified": True},
]


@pytest.fixture
async def customer(settings: Settings) -> AsyncIterator[ServiceUnderTest]:
    async with ServiceUnderTest("customer", settings.model_copy(update={"service_secret": SecretStr(SECRET)})) as running:
        yield running


async def ask(customer: ServiceUnderTest, customer_id: str = "C-1", *, secret: str | None = SECRET, kind: str = "email") -> tuple[int, Any]:
    headers = {"X-Actor": "holdfast/retention"} | ({} if secret is None else {"X-Service-Secret": secret})
    answer = await customer.http.get(f"/internal/customers/{customer_id}/address", params={"kind": kind, "purpose": "save"}, headers=headers)
    return answer.status_code, answer.json()


async def test_the_address_for_a_message_is_given_and_put_down(customer: ServiceUnderTest) -> None:
    """R10 C9 C11: one of the kind, a verified one before others; of who has none, was erased or is unknown, none, and nothing to put down."""
    await compared(customer, registered("C-1", contact_points=POINTS), registered("C-2", contact_points=POINTS[:1]))
    assert await ask(customer) == (200, {"customer_id": "C-1", "address": "wu@example.org"})
    assert await ask(customer, kind="phone") == (200, {"customer_id": "C-1", "address": "8613800138000"})
    assert await ask(customer, "C-2") == (200, {"customer_id": "C-2", "address": None})
    assert (await ask(customer, "C-9"))[0] == 404
    noted = (await customer.http.get("/audit", params={"action": "address"})).json()["items"]
    assert [(one["actor"], one["customer_id"], one["details"]) for one in noted] == [
        ("holdfast/retention", "C-1", {"kind": "phone", "purpose": "save"}),
        ("holdfast/retention", "C-1", {"kind": "email", "purpose": "save"}),
    ]
    assert (await customer.http.post("/customers/C-1/erasure", json={"reason": "asked for"})).status_code == 201
    assert (await ask(customer))[0] == 410


async def test_nobody_else_is_given_one(customer: ServiceUnderTest, settings: Settings) -> None:
    """R10 G3: not without the secret, not with another, and with none set not at all."""
    await compared(customer, registered("C-1", contact_points=POINTS))
    for secret in (None, "", SECRET[:-1], SECRET + "x"):
        status, problem = await ask(customer, secret=secret)
        assert (status, problem["code"]) == (403, "services_only"), secret
    await customer.stop_worker()
    async with ServiceUnderTest("customer", settings) as unset:
        for secret in (None, "", SECRET):
            status, problem = await ask(unset, secret=secret)
            assert (status, problem["code"]) == (403, "services_only")
        assert (await unset.http.get("/audit", params={"action": "address"})).json()["items"] == []
    await customer.start_worker()
