"""The services' own OpenAPI documents, as the gateway reads them to describe what it passes on.

python -m deploy.api_documents             write services/gateway/owners/ again
python -m deploy.api_documents --check     exit code 1 when they are not what the services say
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from shared.settings import Settings

FOLDER = Path(__file__).parents[1] / "services" / "gateway" / "owners"
SERVICES = ("customer", "segmentation", "retention")
KEPT_INSIDE = ("/internal/", "/health/live")


def document(service: str) -> dict[str, Any]:
    """What the service says of what may be passed on."""
    said: dict[str, Any] = import_module(f"services.{service}.api").app(Settings()).openapi()
    return said | {"paths": {path: one for path, one in said["paths"].items() if not path.startswith(KEPT_INSIDE)}}


def files() -> dict[Path, bytes]:
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {FOLDER / f"{service}.json": orjson.dumps(document(service), option=options) for service in SERVICES}


def main() -> int:
    stale = {path: content for path, content in files().items() if not path.exists() or path.read_bytes() != content}
    if "--check" not in sys.argv:
        for path, content in stale.items():
            path.write_bytes(content)
        return 0
    for path in stale:
        sys.stderr.write(f"{path.relative_to(Path.cwd())} is out of date: run `make docs`\n")
    return int(bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())
