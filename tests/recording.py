"""G1: what tests are answered becomes the examples of the API's document. `make examples` asks for it (deploy/examples)."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import orjson

from deploy.examples.choosing import FOLDER_NAME, Place, rank

_BEST: dict[Place, tuple[object, ...]] = {}


async def record(service: str, operation_id: str, response: httpx.Response) -> None:
    """Put down a good answer that is a better example than those before it."""
    folder = os.environ.get(FOLDER_NAME)
    if not folder or not response.is_success or response.headers.get("content-type") != "application/json" or _is_apart(response.request):
        return
    answer, place = orjson.loads(await response.aread()), Place(service, operation_id, str(response.status_code))
    ranked = rank(answer)
    if place not in _BEST or ranked < _BEST[place]:
        _BEST[place] = ranked
        with (Path(folder) / f"{os.getpid()}.jsonl").open("ab") as file:
            file.write(orjson.dumps([*place, answer], option=orjson.OPT_APPEND_NEWLINE))


def _is_apart(request: httpx.Request) -> bool:
    """It shows what is personal in plain, or not all of it."""
    return request.url.params.get("reveal") == "true" or "fields" in request.url.params
