"""`python -m deploy.examples`: write services/gateway/examples/ again. Exit code 1 when an operation has none in the end.

python -m deploy.examples                 run the tests over HTTP (minutes), and take of their answers what is missing, or fits no more
python -m deploy.examples --again         take all of them anew
python -m deploy.examples --from FOLDER   of answers that tests wrote before: with HOLDFAST_EXAMPLES=FOLDER each of them does

An example stays as long as it fits its schema, so that nothing changes without need.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from deploy.examples.choosing import FOLDER_NAME, SECRETS, Place, rank, shown
from deploy.examples.fitting import Document, Said
from services.gateway.api import app
from services.gateway.examples import FILES, FOLDER, recorded
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
TESTS = ("tests/gateway", "tests/customer", "tests/segmentation", "tests/retention")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.examples", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--from", dest="folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-examples-") as made:
        if not arguments.folder:
            run_tests(Path(made))
        answers = answers_in(arguments.folder or Path(made))
    return write(answers, again=arguments.again)


def run_tests(folder: Path) -> None:
    """Embedded only: no answer depends on the bus or the database. Nothing of real data is shown."""
    environment = {name: value for name, value in os.environ.items() if name != "HOLDFAST_REAL_DATA"} | {FOLDER_NAME: str(folder)}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-k", "not stack", *TESTS], cwd=ROOT, env=environment, check=False)


def answers_in(folder: Path) -> Mapping[Place, list[Any]]:
    found: dict[Place, list[Any]] = defaultdict(list)
    for path in folder.glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            *place, answer = orjson.loads(line)
            found[Place(*place)].append(answer)
    return found


def write(answers: Mapping[Place, list[Any]], *, again: bool) -> int:
    said = Said(app(Settings()).openapi())
    examples: dict[str, dict[str, Document]] = {file: {} for file in FILES}
    missing = 0
    for operation_id, place in said.places():
        kept = recorded(place.service).get(operation_id, {}).get(place.status)
        found = [shown(one, SECRETS.get(operation_id)) for one in sorted(answers.get(place, ()), key=rank)]
        example = _first_that_fits(said, operation_id, place.status, found if again or kept is None else [kept, *found])
        if example is not None:
            examples[place.service].setdefault(operation_id, {})[place.status] = example
            continue
        missing += 1
        why = said.why_not(operation_id, place.status, found[0]) if found else "no test gets one"
        sys.stderr.write(f"{operation_id} has no example of {place.status}: {why}\n")
    for file, one in examples.items():
        (FOLDER / f"{file}.json").write_bytes(orjson.dumps(one, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return int(missing > 0)


def _first_that_fits(said: Said, operation_id: str, status: str, found: Sequence[Any]) -> Any:
    return next((one for one in found if said.why_not(operation_id, status, one) is None), None)


if __name__ == "__main__":
    raise SystemExit(main())
