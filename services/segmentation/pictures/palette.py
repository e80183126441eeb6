"""The colours, for light and dark: one blue from few to many, and a few hues that stay apart for the colour-blind.

The hue is never the only sign: whatever has a colour has its name or number beside it.
"""

from __future__ import annotations

from typing import NamedTuple

LEVELS = 6
HUES = 6


class Palette(NamedTuple):
    back: str
    ink: str
    soft: str
    """Lesser words, still read: 4.5 to 1 against `back` at least."""
    rule: str
    levels: tuple[str, ...]
    """Of nothing, then from few to many: 1 + LEVELS."""
    on: tuple[str, ...]
    """The ink on each level."""
    hues: tuple[str, ...]


LIGHT = Palette(
    back="#ffffff",
    ink="#1c2430",
    soft="#5a6675",
    rule="#d9dfe6",
    levels=("#f3f5f8", "#dfebf7", "#bcd7ee", "#8dbbe2", "#5b9dd1", "#2367a8", "#0c3f75"),
    on=("#5a6675", *["#14202e"] * 4, "#ffffff", "#ffffff"),
    hues=("#0056b3", "#c94f00", "#00835c", "#a1519d", "#912f00", "#4b5663"),
)
DARK = Palette(
    back="#14181e",
    ink="#e4e9ef",
    soft="#9aa7b5",
    rule="#333d49",
    levels=("#1b2129", "#1b2f43", "#1e4260", "#225a87", "#4f9bd2", "#86bde8", "#c3e0f8"),
    on=("#9aa7b5", *["#eef3f8"] * 3, *["#0b1420"] * 3),
    hues=("#5aadf4", "#f08b4b", "#2fe18f", "#d88fc2", "#e3d346", "#a9d1bc"),
)


def style() -> str:
    """Held under `.picture`, so that nothing else in a page is touched."""
    return f"{_SHAPES}\n{_colours(LIGHT)}\n@media (prefers-color-scheme: dark) {{\n{_colours(DARK)}\n}}"


_SHAPES = """\
.picture { font-family: system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; font-variant-numeric: tabular-nums }
.picture text { unicode-bidi: isolate; white-space: pre }
.picture .bold { font-weight: 600 }
.picture .stroke { fill: none; stroke-linejoin: round; stroke-linecap: round }
.picture .hair { stroke-width: 1 }
.picture .dotted { stroke-dasharray: 1 3 }
.picture .thick { stroke-width: 2.5 }"""


def _colours(palette: Palette) -> str:
    fills = {"back": palette.back, "ink": palette.ink, "soft": palette.soft}
    fills |= {f"level{number}": colour for number, colour in enumerate(palette.levels)}
    fills |= {f"on{number}": colour for number, colour in enumerate(palette.on)}
    fills |= {f"hue{number}": colour for number, colour in enumerate(palette.hues)}
    strokes = {"rule": palette.rule, "axis": palette.soft, "frame": palette.ink}
    strokes |= {f"line{number}": colour for number, colour in enumerate(palette.hues)}
    rules = [f".picture .{name} {{ fill: {colour} }}" for name, colour in fills.items()]
    return "\n".join(rules + [f".picture .{name} {{ stroke: {colour} }}" for name, colour in strokes.items()])
