"""What the tables of the customer service are declared on."""

from __future__ import annotations

from shared.database import metadata

METADATA = metadata()
