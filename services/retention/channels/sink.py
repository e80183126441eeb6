"""Messages as files: for trying things out, and for a gateway that collects them from a folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import orjson

from services.retention.delivery import Answer, Outgoing


class Sink:
    """One file per message, named by its id: written again, it is the same file. So nothing is ever there twice, and none is there by half."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: Outgoing) -> Answer:
        await asyncio.to_thread(self._write, message)
        return Answer("accepted", "written")

    def _write(self, message: Outgoing) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{message.message_id}.json"
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(orjson.dumps(message._asdict()))
        part.replace(path)
