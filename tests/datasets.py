"""Where the real data sets lie, for tests that run on them. Nothing of them is part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("HOLDFAST_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")


def dataset(name: str) -> Path:
    """The file. Where it is not at hand the test is skipped, and in CI it fails."""
    path = FOLDER / name
    if not path.exists():
        lacks = f"the real data set {name} is not in {FOLDER} (HOLDFAST_REAL_DATA names another folder)"
        if os.environ.get("CI"):
            pytest.fail(lacks)
        pytest.skip(lacks)
    return path
