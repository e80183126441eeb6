"""Network faults that the customer met: the evidence behind a month's count."""

from __future__ import annotations

from datetime import UTC

from shared.contracts.customer import Fact

Faults = list[list[str]]

KEPT = 20


def note(faults: Faults, fact: Fact) -> None:
    """In place: when it began, the cell and the kind, newest last, each once, in whatever order they are told."""
    began = fact.time.astimezone(UTC).isoformat()
    found = {(one[0], one[1]): one for one in (*faults, [began, fact.data["cell_id"], fact.data["kind"]])}
    faults[:] = [found[key] for key in sorted(found)][-KEPT:]
