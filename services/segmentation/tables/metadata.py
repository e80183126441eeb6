"""What the tables of the segmentation service stand in. Days are ISO text: the same on every database, and in order as text."""

from __future__ import annotations

from shared.database import metadata

METADATA = metadata()
