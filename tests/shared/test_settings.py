"""P2: settings are validated at start, and the message holds the fix."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("HOLDFAST_BUS", "localhost:9092", "kafka://host:port"),
        ("HOLDFAST_DATABASE", "postgresql://localhost/holdfast", "{service} has to stand in it"),
        ("HOLDFAST_PORT", "70000", "65532"),
        ("HOLDFAST_LOG_FORMAT", "xml", "'console' or 'json'"),
    ],
)
def test_a_bad_setting_ends_the_start_with_its_fix(name: str, value: str, fix: str) -> None:
    done = subprocess.run([sys.executable, "-m", "services", "migrate"], env={name: value, "PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert name in done.stderr and fix in done.stderr
    assert "Traceback" not in done.stderr


def test_each_service_has_a_database_and_a_port_of_its_own() -> None:
    settings = Settings(database="postgresql://{service}@db:5432/{service}", port=9000)
    assert settings.database_url("customer") == "postgresql+asyncpg://customer@db:5432/customer"
    assert [settings.port_of(service) for service in ("gateway", "customer", "segmentation", "retention")] == [9000, 9001, 9002, 9003]
