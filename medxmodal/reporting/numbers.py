"""How figures are written: percentages, logits, units and lists, the same on every page."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from medxmodal.reporting.strings import UNITS, say

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
"""What stands where there is no figure."""


def percent(share: float, digits: int | None = None) -> str:
    """A share as a percentage; one decimal near 0 and 100, where a whole per cent is coarse.

    Args:
        share: Between 0 and 1.
        digits: Decimals; chosen by size when None.

    Example:
        >>> [percent(p).replace(SPACE, " ") for p in (0.0, 0.0004, 0.034, 0.72, 0.9996)]
        ['0 %', '< 0.1 %', '3.4 %', '72 %', '> 99.9 %']
    """
    if digits is None:
        if 0 < share < 0.001:
            return f"<{SPACE}0.1{SPACE}%"
        if 0.999 < share < 1:
            return f">{SPACE}99.9{SPACE}%"
        digits = 0 if share in (0, 1) or 0.0995 <= share <= 0.9005 else 1
    return f"{100 * share:.{digits}f}{SPACE}%"


def apart(first: float, second: float) -> tuple[str, str]:
    """Two percentages, with as many decimals as it takes to tell them apart (three at most).

    Example:
        >>> [text.replace(SPACE, " ") for text in apart(0.312, 0.308)]
        ['31.2 %', '30.8 %']
    """
    pair = percent(first), percent(second)
    for digits in (1, 2, 3):
        if first == second or pair[0] != pair[1]:
            break
        pair = percent(first, digits), percent(second, digits)
    return pair


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus, and no sign for what rounds to zero.

    Example:
        >>> signed(1.239), signed(-0.5), signed(-0.001)
        ('+1.24', '−0.50', '0.00')
    """
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", MINUS)


def tiny(value: float) -> str:
    """A difference that ought to be zero: its size when it can be seen, else what it is below.

    Example:
        >>> tiny(2e-8), tiny(-0.031)
        ('below 0.0001', '0.031')
    """
    size = abs(value)
    return say("number.below", limit="0.0001") if size < 1e-4 else f"{size:.2g}"


def figure(value: float | None, digits: int = 2) -> str:
    """A metric's value, or a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def unit(code: str) -> str:
    """A UCUM code as clinicians write it; unknown codes stay as they are.

    Example:
        >>> unit("umol/L"), unit("10*9/L"), unit("a"), unit("mg/L")
        ('µmol/L', '10⁹/L', 'years', 'mg/L')
    """
    return UNITS.get(code, code)


def moment(text: str) -> str:
    """A time of a record as readers write it; what is no ISO time stays as it is.

    Example:
        >>> moment("2026-11-24T10:00:00+00:00"), moment("2021-03-04T00:00:00")
        ('2026-11-24 10:00 UTC', '2021-03-04')
    """
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|\+00:00)?", text, flags=re.ASCII
    )
    if not found:
        return text
    day, time, zone = found.groups()
    if not zone:
        return str(day) if time == "00:00" else f"{day} {time}"
    return f"{day} {time} UTC"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    Example:
        >>> listed(["image", "table", "note"])
        'image, table and note'
    """
    if len(words) < 2:
        return "".join(words)
    return say("list.last", first=", ".join(words[:-1]), last=words[-1])


def named(name: str) -> str:
    """A name from a spec as a heading: spaces for underscores, first letter large.

    Example:
        >>> named("chest_image")
        'Chest image'
    """
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def safely(part: float, whole: float) -> float:
    """`part / whole` in per cent for a drawing, between 0 and 100, and 0 when there is no whole."""
    return round(min(100.0, max(0.0, 100 * part / whole)), 2) if whole > 0 else 0.0
