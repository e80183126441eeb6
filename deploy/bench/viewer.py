"""`python -m deploy.bench.viewer URL FILE SECONDS CLIENTS`: clients that ask for one of the paths listed in FILE after the other."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import aiohttp
import orjson


async def view(url: str, paths: Sequence[str], *, seconds: float, clients: int) -> tuple[list[float], int]:
    """How long each answer took, and how many were none."""
    took: list[float] = []
    failed = 0
    end = perf_counter() + seconds

    async def one_client(session: aiohttp.ClientSession, dice: random.Random) -> None:
        nonlocal failed
        while (asked := perf_counter()) < end:
            async with session.get(dice.choice(paths)) as answer:
                await answer.read()
            took.append(perf_counter() - asked)
            failed += answer.status != 200

    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=clients)) as session:
        await asyncio.gather(*(one_client(session, random.Random(number)) for number in range(clients)))
    return took, failed


def main() -> None:
    url, file, seconds, clients = sys.argv[1:]
    took, failed = asyncio.run(view(url, Path(file).read_text().split(), seconds=float(seconds), clients=int(clients)))
    sys.stdout.buffer.write(orjson.dumps({"took": took, "failed": failed}) + b"\n")


if __name__ == "__main__":
    main()
