"""P4: what is not on the allow-list does not reach a log."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from shared import telemetry
from shared.settings import Settings
telemetry.configure(Settings(log_format="{format}"), service="customer", role="api")
log = telemetry.logger()
log.info("seen", msisdn="13800138000", name="Li Wei", count=3)
number = "13800138000"
try:
    raise ValueError("no such number " + number)
except ValueError as error:
    log.error("failed", exc_info=error, error_class="ValueError")
"""


def test_personal_data_does_not_reach_the_log() -> None:
    for kind in ("console", "json"):
        done = subprocess.run([sys.executable, "-c", PROGRAM.format(format=kind)], capture_output=True, text=True, check=True)
        assert "13800138000" not in done.stderr and "Li Wei" not in done.stderr
        assert "seen" in done.stderr and "count" in done.stderr and "ValueError" in done.stderr
