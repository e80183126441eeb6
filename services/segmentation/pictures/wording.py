"""How numbers and names are written in a picture, and how wide they come out."""

from __future__ import annotations

import re
import unicodedata

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# In em, of a wide sans serif face (DejaVu Sans): what fits there fits in the narrower ones of most systems.
_NARROW, _WIDE = frozenset("fijlrtI.,:;'`|!()[]{}/\\ -"), frozenset("mwMW@%&")
_BOLD = 1.1


def plain(words: str) -> str:
    """One line, without the characters that XML 1.0 can not carry (control characters, half a surrogate pair)."""
    return " ".join(_NOT_XML.sub("\ufffd", words).split())


def spoken(name: str) -> str:
    """`potential_loyalist` as people read it."""
    return plain(name.replace("_", " "))


def grouped(number: int) -> str:
    return f"{number:,}"


def counted(number: int, thing: str = "customer") -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def brief(number: int) -> str:
    """For a legend: from a million on with one decimal, in short scale."""
    for power, sign in ((12, "tn"), (9, "bn"), (6, "M")):
        if number >= 10**power:
            tenths = (number * 10 + 10**power // 2) // 10**power
            return f"{tenths // 10:,}.{tenths % 10} {sign}"
    return grouped(number)


def rounded(number: float, decimals: int) -> str:
    """Grouped, without zeros at its end; too long for that is written as a power of ten."""
    if abs(number) >= 1e15:
        return f"{number:.3g}"
    written = f"{_unsigned_zero(number, decimals):,.{decimals}f}"
    return written.rstrip("0").rstrip(".") if decimals else written


def share(part: float, whole: float) -> str:
    """In percent. A part above zero is never written as nothing."""
    if not whole:
        return "-"
    percent = 100 * (part / whole)
    return "<0.1 %" if 0 < percent < 0.05 else f"{_unsigned_zero(percent, 1):,.1f} %"


def money(minor: int) -> str:
    """Minor units are hundredths. Exact, however large."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100:,}.{abs(minor) % 100:02}"


def width_of(words: str, size: float, *, bold: bool = False) -> float:
    """In pixels, at most, for a font of `size` pixels."""
    return size * sum(map(_em, words)) * (_BOLD if bold else 1)


def shortened(words: str, width: float, size: float, *, bold: bool = False) -> str:
    """As much of its start as has room before an ellipsis."""
    if width_of(words, size, bold=bold) <= width:
        return words
    room, kept = width - width_of("…", size, bold=bold), 0
    for character in words:
        room -= width_of(character, size, bold=bold)
        if room < 0:
            break
        kept += 1
    return words[:kept].rstrip() + "…"


def _unsigned_zero(number: float, decimals: int) -> float:
    """Rounded, and zero never as `-0`."""
    return round(number, decimals) + 0.0


def _em(character: str) -> float:
    if character in _NARROW:
        return 0.42
    if character in _WIDE:
        return 1.0
    if character.isascii():
        return 0.72 if character.isupper() else 0.64
    if unicodedata.combining(character):
        return 0.0
    return 1.0
