"""G1: Schemathesis against the document of the running API, all checks on. What is left out of a check stands in deploy/fuzz/schemathesis.toml."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from deploy.fuzz.__main__ import CONFIG

# Of `make fuzz`: the examples and every boundary of the schemas. Random requests and chains of them take a quarter of an hour.
PHASES = "examples,coverage"


@pytest.mark.timeout(900)
def test_every_operation_answers_as_the_document_says() -> None:
    done = subprocess.run([sys.executable, "-m", "deploy.fuzz", "--phases", PHASES], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "No failures" in done.stdout or " passed" in done.stdout


def test_no_check_is_off_for_all_operations() -> None:
    """And of one operation, only those that are named with their reason above them."""
    said = tomllib.loads(CONFIG.read_text())
    assert not any(check.get("enabled") is False for check in said["checks"].values())
    checks = ((str(one["include-operation-id"]), one.get("checks", {})) for one in said["operations"])
    off = {(operation, name) for operation, named in checks for name, check in named.items() if check.get("enabled") is False}
    assert off == {("take_events", "positive_data_acceptance"), ("recount_analysis", "unsupported_method")}
    assert [one["include-operation-id"] for one in said["operations"] if one.get("enabled") is False] == ["stream_events"]
    lines = CONFIG.read_text().splitlines()
    assert all(lines[number + 1].startswith("#") for number, line in enumerate(lines) if line == "[[operations]]")
