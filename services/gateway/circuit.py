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
    closed_to: float = 0.0
    tried: bool = False

    @contextmanager
    def guard(self, service: str) -> Iterator[None]:
        """Around one request. What raises Unavailable inside failed; any answer of the service is one, an error too. Raises Unavailable by
        itself while open."""
        tries = self.failures >= FAILURES
        if tries and (self.tried or clock.monotonic() < self.closed_to):
            raise Unavailable(f"{service} did not answer {self.failures} times in a row, and is left alone for a moment", service=service)
        self.tried = self.tried or tries
        try:
            yield
            self.failures = 0
        except Unavailable:
            self.failures += 1
            self.closed_to = clock.monotonic() + OPEN_SECONDS
            raise
        finally:
            self.tried = self.tried and not tries
