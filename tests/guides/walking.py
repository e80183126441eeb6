"""A guide run as a reader runs it: its commands in a shell, its blocks pasted one after the other into a Python."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from code import InteractiveConsole
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from typing import NamedTuple, Self

import httpx

from deploy.stack import free_ports as free_ports

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
START_SECONDS = 90.0
STOP_SECONDS = 30.0
COMMAND_SECONDS = 300.0


class Block(NamedTuple):
    line: int
    language: str
    code: str
    shown: str

    @property
    def starts(self) -> bool:
        """The services, which run on while the next blocks are pasted."""
        return self.language == "sh" and self.code.rstrip().endswith("-m services")

    @property
    def generates(self) -> bool:
        """The client, which is there already: the tests share one."""
        return self.code.rstrip() == "make client"


class Terminal(InteractiveConsole):
    """What the reader has open. An error is the test's, not a line on the screen."""

    def paste(self, code: str) -> str:
        """What it printed."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            for line in code.splitlines():
                more = self.push(line)
        assert not more, "the block does not end where the page ends it"
        return printed.getvalue()

    def write(self, data: str) -> None:
        raise AssertionError(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for value in self.locals.values():
            if not isinstance(value, type):
                # The typed client is closed by its connections.
                close = getattr(value.get_httpx_client() if hasattr(value, "get_httpx_client") else value, "close", None)
                if callable(close):
                    close()


def walk(page: Path, places: Mapping[str, str], port: int, log: Path) -> None:
    """Every block of the page, with the places of this run in them; what is printed is what the page shows."""
    with ExitStack() as running, Terminal() as terminal:
        for step in blocks(page.read_text(), places):
            if step.starts:
                running.close()
                running.enter_context(started(step.code, port, log))
                continue
            if step.generates:
                continue
            printed = terminal.paste(step.code) if step.language == "python" else run(step.code)
            if step.language == "sh" and not step.shown:
                continue  # what a command says of its progress is not on the page
            assert OutputChecker().check_output(step.shown, printed, ELLIPSIS), f"{page.name}:{step.line} shows\n{step.shown}\nand it printed\n{printed}"


def blocks(page: str, places: Mapping[str, str]) -> list[Block]:
    """In their order, with the places of this run in them."""
    found = [Block(page.count("\n", 0, one.start()) + 1, one[1], one[2], one[3] or "") for one in BLOCK.finditer(page)]
    for written, here in places.items():
        found = [one._replace(code=one.code.replace(written, here)) for one in found]
    return found


@contextmanager
def started(command: str, port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(["/bin/sh", "-c", f"exec env {command}"], cwd=ROOT, stdout=output, stderr=output)
    try:
        until_ready(process, port, log)
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready(port):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def is_ready(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and set(answer.json()["services"].values()) == {"up"}


def run(command: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def places_of(port: int, typed_client: Path) -> dict[str, str]:
    return {"8100": str(port), ".venv/bin/python": sys.executable, '"build"': f'"{typed_client}"'}
