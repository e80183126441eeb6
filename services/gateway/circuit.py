"""A service that gave no answer several times in a row is left alone for a while: its callers are told at once, not after a timeout each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared import clock
from shared.errors import Unavailable

FAILURES = 5
OPEN_SECONDS = 2.0


@dataclass(slots=True)
class Circuit:
    """Open after FAILURES in a row, for OPEN_SECONDS; then one request tries, and its outcome decides for the others."""

    failures: int = 0
    open_until: float = 0.0
    trying: bool = False

    @contextmanager
    def guard(self, service: str) -> Iterator[None]:
        """Around one request. What raises Unavailable inside failed; any answer of the service is one, an error too. Raises Unavailable by
        itself while open."""
        tries = self.failures >= FAILURES
        if tries and (self.trying or clock.monotonic() < self.open_until):
            raise Unavailable(f"{service} did not answer {self.failures} times in a row, and is left alone for a moment", service=service)
        self.trying = self.trying or tries
        try:
            yield
            self.failures = 0
        except Unavailable:
            self.failures += 1
            self.open_until = clock.monotonic() + OPEN_SECONDS
            raise
        finally:
            self.trying = self.trying and not tries
