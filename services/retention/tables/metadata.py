"""What the tables of this service are defined in."""

from __future__ import annotations

from shared.database import metadata

METADATA = metadata()
