from __future__ import annotations

import pytest


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the proxy of this machine nor the make that runs the tests plays a part in it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOLDFAST_LOG_LEVEL", "warning")
    monkeypatch.setenv("MAKEFLAGS", "-o .venv/.run")  # no test installs anything
    monkeypatch.delenv("MAKELEVEL", raising=False)
