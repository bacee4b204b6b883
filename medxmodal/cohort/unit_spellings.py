"""What people write for UCUM's own spelling of a unit.

Some of it is UCUM for something else (`C` is coulomb, `K/uL` kelvin a microlitre, `F` farad); in a table of
patients it never is. Whoever uses a spelling says so: `units.unit_remark`.
"""

from __future__ import annotations

import re

SPELLINGS = {
    "year": "a", "years": "a", "yr": "a", "yrs": "a",
    "month": "mo", "months": "mo", "week": "wk", "weeks": "wk", "day": "d", "days": "d",
    "hour": "h", "hours": "h", "hr": "h", "hrs": "h", "minute": "min", "minutes": "min", "mins": "min",
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "msec": "ms",
    "°c": "Cel", "degc": "Cel", "celsius": "Cel",
    "°f": "[degF]", "degf": "[degF]", "fahrenheit": "[degF]",
    "mmhg": "mm[Hg]", "cmh2o": "cm[H2O]",
    "bpm": "/min", "beats/min": "/min", "breaths/min": "/min",
    "iu/l": "[iU]/L", "iu/ml": "[iU]/mL", "miu/l": "m[iU]/L", "miu/ml": "m[iU]/mL", "uiu/ml": "u[iU]/mL",
    "meq/l": "meq/L", "k/ul": "10*3/uL", "k/mm3": "10*3/mm3", "m/ul": "10*6/uL",
    "percent": "%", "pct": "%", "lbs": "[lb_av]", "lb": "[lb_av]", "kgs": "kg", "inches": "[in_i]",
    "ph": "[pH]",
}  # fmt: skip
"""In lower case and without spaces -> UCUM."""
LETTERS = {"C": "Cel", "F": "[degF]", "y": "a"}
"""One letter, where its case matters."""
_POWER = re.compile(r"[x\N{MULTIPLICATION SIGN}]?10(?:\^|\*\*|\*|[eE])?(\d{1,2})(/.+)")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_MICROGRAM = re.compile(r"(?<![A-Za-z])mcg(?![A-Za-z])")


def ucum_spelling(unit: str) -> str:
    """A unit as UCUM spells it, as far as the spelling is known; else as it is, without spaces.

    Example:
        >>> [ucum_spelling(unit) for unit in ("mm Hg", "x10^9/L", "K/uL", "mcg/mL", "mg/dL")]
        ['mm[Hg]', '10*9/L', '10*3/uL', 'ug/mL', 'mg/dL']
    """
    text = "".join(unit.split()).replace("µ", "u").replace("μ", "u")
    if len(text) == 1:
        return LETTERS.get(text, text)
    known = SPELLINGS.get(text.lower())
    if known:
        return known
    power = _POWER.fullmatch(text.translate(_RAISED))
    if power:
        return f"10*{power[1]}{power[2]}"
    return _MICROGRAM.sub("ug", text)
