"""G3: what `make run AUTH=1` sets, and how the operator shows its key."""

from __future__ import annotations

import pytest

from deploy.demo import access


def test_access_is_required_with_a_secret_of_this_run() -> None:
    first, second = access.required({}), access.required({})
    assert (first["HOLDFAST_AUTH"], first["HOLDFAST_AUTH_DEMO_ISSUER"]) == ("required", "true")
    assert len(first["HOLDFAST_SERVICE_SECRET"]) >= 32 and first["HOLDFAST_SERVICE_SECRET"] != second["HOLDFAST_SERVICE_SECRET"]


def test_what_is_set_already_stays() -> None:
    mine = {"HOLDFAST_SERVICE_SECRET": "m" * 32, "HOLDFAST_AUTH_ISSUER": "https://login.example"}
    assert access.required(mine) == {"HOLDFAST_AUTH": "required", "HOLDFAST_SERVICE_SECRET": "m" * 32}


def test_the_operator_shows_its_key_where_it_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(access.KEY_VARIABLE, raising=False)
    assert access.headers() == {}
    monkeypatch.setenv(access.KEY_VARIABLE, "hf_x")
    assert access.headers() == {"Authorization": "Bearer hf_x"}
