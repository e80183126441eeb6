"""Business analysis: what is counted of customers, in which cells, and how the nine subjects are read from the sums."""

from __future__ import annotations

from services.segmentation.analysis.counting import Counted, snapshot_of

__all__ = ["Counted", "snapshot_of"]
