"""A real browser for the tests of the console and its pictures in the docs: Debian's Chromium. `python -m deploy.browser` installs it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from deploy.stack import StackError
from deploy.stack.install import install_packages

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ["chromium", "fonts-wqy-microhei"]  # the second one: for Chinese


def program() -> str | None:
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Headless, without a profile. Raises StackError when there is none."""
    path = program()
    if path is None:
        raise StackError("This needs Chromium (Debian: chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path)
        try:
            yield running
        finally:
            running.close()


def main() -> int:
    try:
        if program() is None:
            install_packages(PACKAGES)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
