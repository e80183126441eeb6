"""`python -m deploy.client`: write build/holdfast_client and build/openapi.json. Exit code 1 when a part of the document has no place in it.

The client belongs to whoever calls the API: it is generated, and not committed. Put the folder that it is in onto the path, or copy it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import orjson

from services.gateway.api import app
from shared.settings import Settings

BUILD = Path(__file__).parents[2] / "build"
CONFIG = Path(__file__).with_name("config.yml")
PACKAGE = "holdfast_client"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.client", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=BUILD, help="the folder that the package is put into (build)")
    folder: Path = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "openapi.json"
    document.write_bytes(orjson.dumps(app(Settings()).openapi(), option=orjson.OPT_INDENT_2))
    return generate(document, folder / PACKAGE)


def generate(document: Path, package: Path) -> int:
    shutil.rmtree(package, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--path", str(document), "--config", str(CONFIG)]
    done = subprocess.run([*command, "--meta", "none", "--fail-on-warning", "--output-path", str(package)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    (package / "py.typed").touch()
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
