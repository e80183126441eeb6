"""Pictures of segmentation, as SVG: the segment map, the migration matrix, the value pyramid and the trend line.

Values in, text out. A picture is whole in itself: no fonts, links or scripts from elsewhere, its own style for light and dark, so it can stand in a
page, in an `<img>` or in a file. What was given in the same way is drawn in the same way, byte for byte.
"""

from services.segmentation.pictures.lines import trend
from services.segmentation.pictures.moves import migration
from services.segmentation.pictures.regions import Cell, segment_map
from services.segmentation.pictures.tiers import Level, pyramid

__all__ = ["Cell", "Level", "migration", "pyramid", "segment_map", "trend"]
