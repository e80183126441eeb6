"""Rules of this codebase that no linter knows: `python tests/lint/code_rules.py`, exit code 1 and file:line for each breach."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CHECKED = ("shared", "services")

COMMITS_IN = "shared/database.py"
TOPICS_IN = "shared/contracts/topics.py"
CLOCK_IN = "shared/clock.py"
PRINTS_IN = ("shared/contracts/asyncapi.py",)

TOPIC_NAMES = frozenset({"billing", "network", "care", "orders", "activity", "segments", "alerts", "contacts", "outcomes", "feeds"})
TAKES_TOPIC_FIRST = frozenset({"Message", "event_message", "dead_letter_topic"})
CLOCK_CALLS = frozenset({("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("time", "monotonic"), ("time", "sleep")})


class Breach(NamedTuple):
    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


def breaches(path: str, source: str) -> Iterator[Breach]:
    """What a file at `path` (relative to the root) breaks."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            for rule in _broken_by(path, node):
                yield Breach(path, node.lineno, rule)


def _broken_by(path: str, call: ast.Call) -> Iterator[str]:
    function = call.func
    if isinstance(function, ast.Attribute):
        if function.attr == "commit" and path != COMMITS_IN and not call.args:
            yield f"transactions are committed in {COMMITS_IN} only"
        if isinstance(function.value, ast.Name) and (function.value.id, function.attr) in CLOCK_CALLS and path != CLOCK_IN:
            yield f"the time comes from {CLOCK_IN} only"
    if isinstance(function, ast.Name) and function.id == "print" and path not in PRINTS_IN:
        yield "log, do not print"
    if path != TOPICS_IN and any(_is_topic_name(argument) for argument in _topic_arguments(call)):
        yield f"topic names stand in {TOPICS_IN} only"


def _topic_arguments(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name in TAKES_TOPIC_FIRST and call.args:
        yield call.args[0]
    for keyword in call.keywords:
        if keyword.arg == "topic":
            yield keyword.value


def _is_topic_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in TOPIC_NAMES


def main() -> int:
    files = sorted(file for folder in CHECKED for file in (ROOT / folder).rglob("*.py") if "versions" not in file.parts)
    found = [breach for file in files for breach in breaches(str(file.relative_to(ROOT)), file.read_text())]
    sys.stdout.writelines(f"{breach}\n" for breach in found)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
