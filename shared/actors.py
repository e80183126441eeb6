"""Who decides: a person with a name, and for what changes everybody's results a second one."""

from __future__ import annotations

from shared.errors import ActorMissing, SecondPersonNeeded

ANONYMOUS = "anonymous"


def require_name(actor: str) -> None:
    """Raises ActorMissing."""
    if _person(actor) == ANONYMOUS:
        raise ActorMissing


def require_second(actor: str, first: str, did: str) -> None:
    """Raises SecondPersonNeeded for who has no name, and for `first`, who `did` it."""
    if _person(actor) in {ANONYMOUS, _person(first)}:
        raise SecondPersonNeeded(f"{first} {did} it: somebody else has to decide, by name")


def _person(actor: str) -> str:
    return actor.strip().casefold()
