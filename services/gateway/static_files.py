"""The files of the console and of the portal's look, and the version that is part of their addresses."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

CONSOLE = Path(__file__).parent / "console"
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def version() -> str:
    """Of the files as they are: another address for other contents, so that a browser keeps what it has until it changes."""
    digest = hashlib.sha256()
    for file in sorted(file for file in CONSOLE.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(CONSOLE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
