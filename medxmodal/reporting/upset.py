"""Which inputs occur together, as an UpSet figure: a bar a combination, dots for what is in it.

References:
    Lex, Gehlenborg, Strobelt, Vuillemot, Pfister, IEEE TVCG 2014 (UpSet).
"""

from __future__ import annotations

from dataclasses import dataclass

from medxmodal.records import DescribeRecord
from medxmodal.reporting.numbers import listed, named
from medxmodal.reporting.strings import say
from medxmodal.reporting.wrapped import wrapped

MOST_SETS = 20
PITCH, ROW, DOT = 30.0, 26.0, 7.0
LEFT, NAMES, SIZES = 300.0, 150.0, 90.0
"""Where the combinations begin; widths of the names and of the bars of set sizes."""
TOP, TALLEST = 22.0, 130.0
SMALL = 12.0


@dataclass(frozen=True)
class Mark:
    """A dot of the matrix."""

    x: float
    y: float
    there: bool


@dataclass(frozen=True)
class Bar:
    """A bar with its figure: a combination's upright, a modality's lying."""

    x: float
    y: float
    width: float
    height: float
    count: str
    at_x: float
    at_y: float
    name: str


@dataclass(frozen=True)
class Name:
    """A modality's name, as text that fits."""

    x: float
    y: float
    text: str
    full: str


@dataclass(frozen=True)
class Upset:
    """Everything to draw, in units of the drawing."""

    width: float
    height: float
    bars: list[Bar]
    sizes: list[Bar]
    names: list[Name]
    marks: list[Mark]
    links: list[tuple[float, float, float]]
    stripes: list[float]
    more: str
    said: str


def upset(record: DescribeRecord) -> Upset:
    """Lay out the combinations of inputs.

    Args:
        record: What `medxmodal describe` found.
    """
    names = sorted(record.modalities, key=lambda name: -record.modalities[name])
    shown, rest = record.cooccurrence[:MOST_SETS], record.cooccurrence[MOST_SETS:]
    rows = {name: TOP + TALLEST + 24 + number * ROW for number, name in enumerate(names)}
    tallest = max((row.studies for row in shown), default=0) or 1
    largest = max(record.modalities.values(), default=0) or 1
    bars, marks, links = [], [], []
    for number, combination in enumerate(shown):
        x = LEFT + PITCH * (number + 0.5)
        height = round(TALLEST * combination.studies / tallest, 1)
        y = TOP + TALLEST - height
        together = listed([named(name) for name in combination.modalities]) or say("inputs.nothing")
        bars.append(Bar(x - 9, y, 18, height, str(combination.studies), x, y - 5, together))
        inside = [rows[name] for name in names if name in combination.modalities]
        marks += [Mark(x, rows[name], name in combination.modalities) for name in names]
        if len(inside) > 1:
            links.append((x, min(inside), max(inside)))
    more = ""
    if rest:
        more = say("upset.more", count=len(rest), studies=sum(row.studies for row in rest))
    return Upset(
        width=max(LEFT + PITCH * len(shown) + 12, 480.0),
        height=TOP + TALLEST + 24 + ROW * len(names),
        bars=bars,
        sizes=[_size(name, rows[name], record.modalities[name], largest) for name in names],
        names=[_name(name, rows[name]) for name in names],
        marks=marks,
        links=links,
        stripes=[rows[name] - ROW / 2 for name in names[::2]],
        more=more,
        said="; ".join(f"{bar.name} {bar.count}" for bar in bars),
    )


def _size(name: str, y: float, count: int, largest: int) -> Bar:
    width = round((SIZES - 34) * count / largest, 1)
    x = LEFT - 14 - width
    return Bar(x, y - 7, width, 14, str(count), x - 5, y + 4, named(name))


def _name(name: str, y: float) -> Name:
    (text,) = wrapped(named(name), NAMES + 40, SMALL, 1) or [""]
    return Name(0, y + 4, text, named(name))
