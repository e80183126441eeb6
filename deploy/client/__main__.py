"""`python -m deploy.client`: write build/holdfast_client and build/openapi.json. Exit code 1 when a part of the document has no place in it.

The client belongs to whoever calls the API: it is generated, and not committed. Put the folder that it is in onto the path, or copy it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from services.gateway.api import app
from services.gateway.intake import BATCH
from services.gateway.owners import REFERENCE
from shared.openapi import operations, without_null
from shared.settings import Settings

BUILD = Path(__file__).parents[2] / "build"
CONFIG = Path(__file__).with_name("config.yml")
TEMPLATES = Path(__file__).with_name("templates")
PACKAGE = "holdfast_client"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.client", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=BUILD, help="the folder that the package is put into (build)")
    folder: Path = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "openapi.json"
    document.write_bytes(orjson.dumps(said_simply(app(Settings()).openapi()), option=orjson.OPT_INDENT_2))
    return generate(document, folder / PACKAGE)


def said_simply(document: dict[str, Any]) -> dict[str, Any]:
    """The document, changed in place, without what the generator makes wrong code of:
    1. a 304 has no body, and its `Any` would be part of the type of every view;
    2. of bodies of several kinds it can not tell a list: events go in as a batch;
    3. of a body that may be left out or be null, it sends neither, but its own `Unset`;
    4. a list of parts, which `fields` asks for, would be part of the type of every list.
    """
    for operation in operations(document):
        operation["responses"].pop("304", None)  # 1
        body = operation.get("requestBody", {"content": {}})
        if BATCH in body["content"]:
            body["content"] = {BATCH: body["content"][BATCH]}  # 2
        for content in body["content"].values():
            content["schema"] = without_null(content["schema"])  # 3
        _without_parts(operation)  # 4
    return document


def _without_parts(operation: dict[str, Any]) -> None:
    shown = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    whole, *others = shown.get("schema", {}).get("anyOf", [None])
    if any(one.get("$ref", "").startswith(f"{REFERENCE}Partial") for one in others):
        shown["schema"] = whole
        operation["parameters"] = [one for one in operation["parameters"] if one["name"] != "fields"]


def generate(document: Path, package: Path) -> int:
    shutil.rmtree(package, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--path", str(document)]
    command += ["--config", str(CONFIG), "--custom-template-path", str(TEMPLATES), "--meta", "none", "--fail-on-warning", "--output-path", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    (package / "py.typed").touch()
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
