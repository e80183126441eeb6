"""P2: settings are validated at start, and the message holds the fix."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

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


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({"HOLDFAST_HOST": "0.0.0.0"}, "set HOLDFAST_AUTH=required"),
        ({"HOLDFAST_HOST": "gateway.internal"}, "set HOLDFAST_AUTH=required"),
        ({"HOLDFAST_AUTH": "required"}, "set HOLDFAST_SERVICE_SECRET"),
    ],
)
def test_nothing_listens_that_everybody_could_use(given: dict[str, str], fix: str, tmp_path: Path) -> None:
    """G3: neither all of it nor one part, and before anything was made."""
    for arguments in ([], ["customer", "api"]):
        environment = given | {"PATH": "", "HOLDFAST_DATA_DIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-m", "services", *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and fix in done.stderr and "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []


def test_what_only_this_machine_reaches_may_be_open() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        Settings(host=host).require_access()
    Settings(host="0.0.0.0", auth="required", service_secret=SecretStr("s" * 32)).require_access()
