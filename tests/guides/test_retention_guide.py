"""The walk through retention."""

from __future__ import annotations

from pathlib import Path

from tests.guides.walking import ROOT, free_ports, places_of, walk


def test_every_step_of_the_walk_does_what_the_page_shows(environment: None, typed_client: Path, tmp_path: Path) -> None:
    """R1 R2 R3 R5 R6 R8 R10 R12 R13: drafts, tries and approves a campaign, works its list, and asks what it changed."""
    port = free_ports()
    places = {"data/walk": str(tmp_path / "data"), **places_of(port, typed_client)}
    walk(ROOT / "docs" / "guides" / "retention.md", places, port, tmp_path / "log")
