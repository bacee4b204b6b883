"""Table 1, computed by the library `tableone`: variables and groups in, lines with summaries out.

Numbers that are about symmetric are told as mean and standard deviation, all others as median and
quartiles; categories as counts among the studies where they are known. Differences are told as
standardised mean differences, which do not grow with the cohort; p-values only where they are asked for.

References:
    Pollard, Johnson, Raffa, Mark, JAMIA Open 2018 (tableone); Yang and Dalton, SAS Global Forum 2012
    (standardised differences of categories).
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from medxmodal.cohort.describe.variables import Variable
from medxmodal.records import TableRow

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 20
"""So many levels of a category have a line; the rest are counted together."""
SKEWED = 0.5
"""From this skewness on, or with fewer than `ENOUGH` values, a number is told by its quartiles."""
ENOUGH = 30
NOISE = 1e-12
"""Below this a figure is what rounding left of zero."""
MEAN, MEDIAN, MISSING = "mean (SD)", "median [quartiles]", "missing"
_GROUP, _POSITION = "group", "position"


@dataclass
class _Columns:
    """The frame: a column for each number and each category, and one of 0 and 1 for each flag."""

    data: dict[str, list[float | str | None]] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    skewed: list[str] = field(default_factory=list)

    def add(self, cells: Sequence[float | str | None], kind: list[str]) -> str:
        """A fresh column; its name is nobody's, so no name of a hospital's column collides."""
        name = f"x{len(self.data)}"
        self.data[name] = list(cells)
        kind.append(name)
        return name

    def of(self, frame: pd.DataFrame) -> _Columns:
        """Those of which a part of the studies has any value."""
        known = set(frame.columns[frame.notna().any()])
        kinds = [
            [n for n in kind if n in known]
            for kind in (self.numbers, self.flags, self.categories, self.skewed)
        ]
        return _Columns(self.data, *kinds)


@dataclass(frozen=True)
class _Line:
    """A line to be: where its figures stand, and the value of the column that it counts."""

    variable: Variable
    level: str
    column: str
    counted: str = ""


def table_one(
    variables: Sequence[Variable],
    groups: Mapping[str, Sequence[int]],
    *,
    overall: str,
    compare: tuple[str, str] | None = None,
    p_values: bool = False,
) -> list[TableRow]:
    """The lines of Table 1.

    Args:
        variables: What to tell of, each with a value a study.
        groups: Column -> positions of its studies; no study is in two.
        overall: Name of the column of all studies.
        compare: Two groups whose difference is told, the second from the first.
        p_values: Whether to test that difference too.
    """
    columns = _Columns()
    lines = {number: list(_lines(variable, columns)) for number, variable in enumerate(variables)}
    size = max((len(variable.cells) for variable in variables), default=0)
    if not size:
        return []
    codes = {name: f"g{number}" for number, name in enumerate(groups)}
    made = _Made(columns, _codes(groups, codes, size), codes, compare, p_values)
    everyone = {overall: tuple(range(size)), **groups}
    rows: list[TableRow] = []
    for number, variable in enumerate(variables):
        rows += [made.row(line, overall, first=not k) for k, line in enumerate(lines[number])]
        rows += _missing(variable, everyone)
    return rows


def _lines(variable: Variable, columns: _Columns) -> Iterator[_Line]:
    """The lines of a variable; none when no study has a value."""
    if all(cell is None for cell in variable.cells):
        return
    if variable.form == "number":
        cells = [float(cell) if isinstance(cell, float | int) else None for cell in variable.cells]
        name = columns.add(cells, columns.numbers)
        if _is_skewed([cell for cell in cells if cell is not None]):
            columns.skewed.append(name)
        yield _Line(variable, MEDIAN if name in columns.skewed else MEAN, name)
        return
    told = [None if c is None else c if isinstance(c, tuple) else (str(c),) for c in variable.cells]
    counts = Counter(dict.fromkeys(variable.levels, 0))
    counts.update(level for cell in told if cell is not None for level in dict.fromkeys(cell))
    common = sorted(counts, key=lambda level: (-counts[level], level))
    rest = set(common[MOST_LEVELS:])
    rare = f"{len(rest)} rarer ones"
    if variable.form == "category":
        kept = [None if c is None else rare if c[0] in rest else c[0] for c in told]
        name = columns.add(kept, columns.categories)
        for level in [*common[:MOST_LEVELS], *([rare] if rest else [])]:
            yield _Line(variable, level, name, level)
        return
    for level in common[:MOST_LEVELS]:
        yield _Line(variable, level, _flag(told, {level}, columns))
    if rest:
        yield _Line(variable, rare, _flag(told, rest, columns))


def _flag(told: Sequence[tuple[str, ...] | None], levels: set[str], columns: _Columns) -> str:
    cells = [None if cell is None else float(bool(levels.intersection(cell))) for cell in told]
    return columns.add(cells, columns.flags)


def _is_skewed(known: Sequence[float]) -> bool:
    from scipy.stats import skew

    if len(known) < ENOUGH or min(known) == max(known):
        return True
    return not abs(float(skew(known))) < SKEWED


def _codes(groups: Mapping[str, Sequence[int]], codes: Mapping[str, str], size: int) -> list[str | None]:
    found: list[str | None] = [None] * size
    for name, positions in groups.items():
        for position in positions:
            found[position] = codes[name]
    return found


class _Made:
    """What the library found, asked line by line."""

    def __init__(
        self,
        columns: _Columns,
        group: Sequence[str | None],
        codes: Mapping[str, str],
        compare: tuple[str, str] | None,
        p_values: bool,
    ) -> None:
        import pandas as pd

        self.columns, self.codes = columns, codes
        # Always there and never missing: without one the library drops groups that have no values at all.
        data: dict[str, Any] = {**columns.data, _POSITION: [float(i) for i in range(len(group))]}
        frame = pd.DataFrame(data)
        frame[_GROUP] = list(group)
        counted = [*columns.numbers, *columns.flags]
        frame[counted] = frame[counted].astype(float)
        pair = [codes[name] for name in compare] if compare and all(n in codes for n in compare) else []
        everyone = _run(frame, columns)
        self.figures = [_figures(everyone)]
        self.differences: Mapping[str, object] = {}
        self.tests: Mapping[str, object] = {}
        if codes:
            grouped = _run(frame, columns, by=_GROUP)
            self.figures.append(_figures(grouped))
        if pair:
            self.differences = _differences(grouped, columns, pair)
        if pair and p_values:
            both = frame[[code in pair for code in group]]
            tested = _run(both, columns.of(both), by=_GROUP, p_values=True)
            self.tests = tested.htest_table["P-Value"].to_dict()

    def row(self, line: _Line, overall: str, *, first: bool) -> TableRow:
        """A line, with the difference where it is a variable's first or a flag of its own."""
        summary = {overall: self._summary(self.figures[0], line, "Overall")}
        summary |= {name: self._summary(self.figures[1], line, code) for name, code in self.codes.items()}
        number, flag = line.variable.form == "number", line.variable.form == "flags"
        return TableRow(
            variable=line.variable.name,
            level=line.level,
            unit=line.variable.unit if number else "",
            summary=summary,
            smd=_known(self.differences.get(line.column)) if first or flag else None,
            p=_known(self.tests.get(line.column)) if first or flag else None,
        )

    def _summary(self, figures: _Figures, line: _Line, code: str) -> str:
        if line.variable.form == "category":
            known = figures.known.get((line.column, code), 0)
            return count(figures.counts.get((line.column, line.counted, code), 0), known)
        found = {key: figures.numbers.get((key, code), {}).get(line.column, math.nan) for key in _TOLD}
        if not found["count"] > 0:
            return "-" if line.variable.form == "number" else count(0, 0)
        if line.variable.form == "flags":
            return count(round(found["mean"] * found["count"]), int(found["count"]))
        if line.column in self.columns.skewed:
            low, middle, high = (short(found[key]) for key in ("q25", "median", "q75"))
            return f"{middle} [{low}, {high}]"
        return spread(found["mean"], found["std"])


_TOLD = ("count", "mean", "std", "median", "q25", "q75")


@dataclass(frozen=True)
class _Figures:
    """What the library computed.

    Args:
        numbers: (statistic, group) -> column -> figure.
        counts: (column, value, group) -> how many.
        known: (column, group) -> how many have any value.
    """

    numbers: dict[tuple[str, str], dict[str, float]]
    counts: dict[tuple[str, str, str], int]
    known: dict[tuple[str, str], int]


def _figures(made: Any) -> _Figures:  # noqa: ANN401 - the library is untyped
    numbers = made.cont_describe.to_dict()
    counts: dict[tuple[str, str, str], int] = {}
    known: dict[tuple[str, str], int] = {}
    if made.cat_describe is not None:
        for (statistic, code), cells in made.cat_describe[["freq", "n"]].to_dict().items():
            for (column, value), number in cells.items():
                if statistic == "freq":
                    counts[column, value, code] = int(number)
                else:
                    known[column, code] = int(number)
    return _Figures(numbers, counts, known)


def _run(frame: pd.DataFrame, columns: _Columns, *, by: str | None = None, p_values: bool = False) -> Any:  # noqa: ANN401 - the library is untyped
    from tableone import TableOne

    # A test asks how often a flag is set; a summary needs its mean alone, which is much faster.
    categories = [*columns.categories, *(columns.flags if p_values else [])]
    numbers = [*columns.numbers, *([] if p_values else columns.flags), _POSITION]
    # A value that one group lacks, or a test on few, is no cause for a warning here: the cell says so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TableOne(
            frame,
            columns=[*numbers, *categories],
            categorical=categories,
            continuous=numbers,
            nonnormal=list(columns.skewed),
            groupby=by,
            overall=False,
            include_null=False,
            pval=p_values,
        )


def _differences(made: Any, columns: _Columns, pair: list[str]) -> dict[str, object]:  # noqa: ANN401
    """Column -> standardised mean difference of the second of two groups from the first."""
    numbers = [*columns.numbers, *columns.flags, _POSITION]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = made.tables.create_smd_table(
            pair, numbers, columns.categories, made.cont_describe, made.cat_describe
        )
    found: dict[str, object] = table[f"SMD ({pair[0]},{pair[1]})"].to_dict()
    return found


def _known(value: object) -> float | None:
    number = float(value) if isinstance(value, float | int | np.floating) else math.nan
    return round(number, 4) if math.isfinite(number) else None


def _missing(variable: Variable, groups: Mapping[str, Sequence[int]]) -> Iterator[TableRow]:
    """The line of what is missing, where anything is."""
    among = variable.among or [True] * len(variable.cells)
    gone = [cell is None and there for cell, there in zip(variable.cells, among, strict=True)]
    if any(gone):
        summary = {
            name: count(sum(gone[i] for i in places), sum(among[i] for i in places))
            for name, places in groups.items()
        }
        yield TableRow(variable=variable.name, level=MISSING, summary=summary)


def count(number: int, of: int) -> str:
    """A count with its share in per cent.

    Example:
        >>> count(1, 12), count(0, 0)
        ('1 (8.3 %)', '0')
    """
    return f"{number} ({100 * number / of:.1f} %)" if of else "0"


def spread(mean: float, deviation: float) -> str:
    """Mean and standard deviation, as exact as the deviation makes sense.

    Example:
        >>> spread(53.0128, 16.03), spread(0.5, 0.0123)
        ('53.0 (16.0)', '0.500 (0.012)')
    """
    if not deviation > 0:
        return f"{short(mean)} ({short(deviation)})"
    digits = min(max(1 - math.floor(math.log10(deviation)), 1 if deviation < 50 else 0), 6)
    return f"{mean:.{digits}f} ({deviation:.{digits}f})"


def short(value: float) -> str:
    """A figure with three digits, four from 100 on, and without exponent where there need be none.

    Example:
        >>> short(36.25), short(123456.7), short(float("nan"))
        ('36.2', '123457', '-')
    """
    if math.isnan(value):
        return "-"
    if abs(value) < NOISE:
        return "0"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"
