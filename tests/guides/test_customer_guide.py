"""The walk through the customer service."""

from __future__ import annotations

from pathlib import Path

from tests.guides.walking import ROOT, free_ports, places_of, walk


def test_every_step_of_the_walk_does_what_the_page_shows(environment: None, typed_client: Path, tmp_path: Path) -> None:
    """C2 C4 C5 C8 C9 C10 C11: registers, recycles a number, merges, un-merges, exports, erases, and looks at what is left."""
    port = free_ports()
    walk(ROOT / "docs" / "guides" / "customer.md", {"data/walk": str(tmp_path / "data"), **places_of(port, typed_client)}, port, tmp_path / "log")
