"""Text broken into lines for drawings: SVG does not break lines by itself."""

from __future__ import annotations

import unicodedata

NARROW, WIDE = 0.55, 1.05
"""Mean width of a letter in units of the font's size, in Latin and in East Asian scripts."""


def wrapped(text: str, width: float, size: float, most: int = 6) -> list[str]:
    """Lines that fit a width; what does not fit `most` lines ends in three dots.

    Args:
        text: Any text; a word too long for a line is broken.
        width: Of a line.
        size: Of the font.
        most: Lines.

    Example:
        >>> wrapped("no lesion was found", 60, 12)
        ['no lesion', 'was found']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and measure(f"{lines[-1]} {word}", size) <= width:
            lines[-1] = f"{lines[-1]} {word}"
            continue
        rest = word
        while measure(rest, size) > width:
            kept = _fitting(rest, width, size)
            lines.append(kept)
            rest = rest[len(kept) :]
        lines.append(rest)
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and measure(f"{last}...", size) > width:
        last = last[:-1]
    return [*lines[: most - 1], f"{last.rstrip()}..."]


def measure(text: str, size: float) -> float:
    """About how wide a text is."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return size * (NARROW * (len(text) - wide) + WIDE * wide)


def _fitting(word: str, width: float, size: float) -> str:
    """The longest beginning that fits, at least one letter."""
    end = 1
    while end < len(word) and measure(word[: end + 1], size) <= width:
        end += 1
    return word[:end]
