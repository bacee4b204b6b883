"""Tables for a terminal: columns of equal width, and only characters that every encoding has."""

from __future__ import annotations

from collections.abc import Sequence

from medxmodal.reporting.numbers import DASH, MINUS, SPACE

GAP = "  "


def plain(text: str) -> str:
    r"""Text for a terminal: the hyphen and the blank that every encoding has, on one line.

    Example:
        >>> plain("\N{MINUS SIGN}0.5\nbelow")
        '-0.5 below'
    """
    return " ".join(text.replace(MINUS, "-").replace(DASH, "-").replace(SPACE, " ").split())


def aligned(lines: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Columns of equal width.

    Args:
        lines: Cells, each line as many as the others.
        right: Columns whose cells stand at the right.

    Example:
        >>> aligned([["a", "10"], ["long", "9"]], right=[1])
        ['a     10', 'long   9']
    """
    cells = [[plain(text) for text in line] for line in lines]
    widths = [max(len(text) for text in column) for column in zip(*cells, strict=True)]
    return [
        GAP.join(
            text.rjust(width) if at in right else text.ljust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def clipped(text: str, width: int) -> str:
    """Text cut to a width, with three dots where something was cut."""
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."
