"""Changes over what was read: a version, as an ETag and as If-Match.

GET answers `ETag: "3"`, the version of what can be changed (not of counts that are shown beside it). A change says which
version was read, in `If-Match` or as the body's own field, and is refused when there is a newer one: 412 by header, and
409 by field, as before there was the header. Both: they have to agree. Neither: 428.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Header, Response

from shared.errors import InvalidRequest, PreconditionFailed, PreconditionMissing, StaleDraft

IfMatch = Annotated[
    str | None, Header(max_length=100, pattern=r'^"?[0-9]{1,18}"?$', description="The ETag that was read: the change is made over that version, or not at all")
]
CHANGING = (PreconditionMissing, PreconditionFailed, StaleDraft)


def tag(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'


@contextmanager
def over(if_match: str | None, said: int | None, field: str) -> Iterator[int]:
    """The version that was read, by the header or by `field` of the body, where the change is made. Raises PreconditionMissing,
    InvalidRequest when the two differ, PreconditionFailed in place of StaleDraft when the header said it."""
    read = version_of(if_match)
    if read is None:
        if said is None:
            raise PreconditionMissing(f"send the ETag that was read as If-Match, or `{field}`")
        yield said
        return
    if said not in {None, read}:
        raise InvalidRequest(f"If-Match says {read}, {field} says {said}")
    try:
        yield read
    except StaleDraft as stale:
        raise PreconditionFailed(stale.detail, **stale.extra) from None


def version_of(if_match: str | None) -> int | None:
    return None if if_match is None else int(re.sub(r"\D", "", if_match))
