"""The walk through segmentation, on real data replayed as events."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.datasets import dataset
from tests.guides.walking import ROOT, free_ports, places_of, walk

PICTURES = ("segment-map", "migration", "value-pyramid")


@pytest.mark.timeout(600)
def test_every_step_of_the_walk_does_what_the_page_shows(environment: None, typed_client: Path, tmp_path: Path) -> None:
    """S1 S2 S3 S4 S5 S8 S10 S11 S13 S16: a year of purchases and a carrier's subscribers; the pictures are those that the services draw."""
    port = free_ports()
    places = {
        "online_retail_I.csv.xz": str(dataset("online_retail_I.csv.xz")), "cell2celltrain.csv.zip": str(dataset("cell2celltrain.csv.zip")),
        "data/walk": str(tmp_path / "walk"), "build/walk": str(tmp_path / "drawn"), **places_of(port, typed_client),
    }  # fmt: skip
    walk(ROOT / "docs" / "guides" / "segmentation.md", places, port, tmp_path / "log")
    for name in PICTURES:
        drawn, shown = (ElementTree.parse(folder / f"{name}.svg") for folder in (tmp_path / "drawn", ROOT / "docs" / "guides" / "pictures"))
        assert [one.tag for one in drawn.iter()][:3] == [one.tag for one in shown.iter()][:3]
