"""What Table 1 has lines for: the values of each study, of every kind of input, in one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from medxmodal.cohort.spec.cohort_spec import NumberColumn, TabularSpec
from medxmodal.cohort.study import FileReference, Study, Value

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort

Cell: TypeAlias = float | str | tuple[str, ...] | None
PRESENT = "present"
FEW_SITES = 8
"""So many sites have a line, and a column, each."""
LONG = 24.0 * 14
"""Hours from which on the time that a series covers is told in days."""
_YES = {"yes", "true", "present", "1", "y"}
_NO = {"no", "false", "absent", "0", "n"}


@dataclass(frozen=True)
class Variable:
    """One variable of Table 1.

    Args:
        name: For readers.
        form: `number`: a float a study; `category`: one text a study; `flags`: a tuple of those levels
            that apply to a study, none to many.
        cells: A value a study, None where it is missing.
        unit: UCUM code of numbers.
        among: Who could have a value, where that is not everyone: the others are not counted at all.
        levels: Levels that have a line even where no study has them.
    """

    name: str
    form: Literal["number", "category", "flags"]
    cells: Sequence[Cell]
    unit: str = ""
    among: Sequence[bool] | None = None
    levels: tuple[str, ...] = ()


def variables(cohort: Cohort, *, by: str = "") -> Iterator[Variable]:
    """Everything that Table 1 says of a cohort, apart from how many there are.

    Args:
        cohort: The cohort.
        by: What its columns are, if that is `site`: the site is then no line too.
    """
    if by != "site" and 1 < len(set(cohort.sites)) <= FEW_SITES:
        yield Variable("Site", "category", cohort.sites)
    for name, modality in cohort.spec.modalities.items():
        if isinstance(modality, TabularSpec):
            yield from _columns(cohort.studies, name, modality)
        else:
            yield _presence(name, [study.has(name) for study in cohort.studies])
            inputs = [study.inputs.get(name, {}) for study in cohort.studies]
            yield from _measured(name, inputs)
            if getattr(modality, "mask", None):
                yield _masks(name, inputs)


def label_variable(cohort: Cohort) -> Variable | None:
    """The label, for tables that are not by label; None where nothing is labelled."""
    label = cohort.spec.label
    if label is None:
        return None
    known = [study.labels.get(cohort.spec.task) for study in cohort.studies]
    if all(value is None for value in known):
        return None
    cells = [None if value is None else (label.positive,) if value == 1 else () for value in known]
    name = f"Label {label.name}" if label.name != label.positive else "Label"
    return Variable(name, "flags", cells, levels=(label.positive,))


def _columns(studies: Sequence[Study], name: str, modality: TabularSpec) -> Iterator[Variable]:
    there = [study.has(name) for study in studies]
    among = None if all(there) else there
    if among is not None:
        yield _presence(name, there)
    for column, detail in modality.columns.items():
        shown = detail.label or column.replace("_", " ")
        cells = [_cell(study.inputs.get(name, {}).get(column)) for study in studies]
        if isinstance(detail, NumberColumn):
            yield Variable(shown, "number", cells, _unit(detail), among)
        elif detail.many:
            yield Variable(shown, "flags", [_words(cell) for cell in cells], among=among)
        else:
            yield _category(shown, cells, among)


def _unit(column: NumberColumn) -> str:
    """Unit of the value itself: a trend is a change a day, a count is a number of rows."""
    if column.take == "trend":
        return f"{column.unit}/d" if column.unit else "/d"
    return "" if column.take == "count" else column.unit


def _category(shown: str, cells: Sequence[Cell], among: Sequence[bool] | None) -> Variable:
    """A category; one that says only yes or no has the one line."""
    found = {str(cell) for cell in cells if cell is not None}
    yes = sorted(word for word in found if word.lower() in _YES)
    if len(yes) == 1 and len(found) == 2 and all(word.lower() in _YES | _NO for word in found):
        flags = [None if cell is None else (yes[0],) if cell == yes[0] else () for cell in cells]
        return Variable(shown, "flags", flags, among=among)
    return Variable(shown, "category", cells, among=among)


def _cell(value: Value) -> Cell:
    if isinstance(value, tuple):
        return tuple(str(part) for part in value)
    return value if isinstance(value, float | str) else None


def _words(cell: Cell) -> tuple[str, ...] | None:
    if cell is None or isinstance(cell, tuple):
        return cell
    return (str(cell),)


def _measured(name: str, inputs: Sequence[Mapping[str, Value]]) -> Iterator[Variable]:
    """How much of an input there is: words, files or measurements a study."""
    there = [bool(fields) for fields in inputs]
    among = None if all(there) else there
    texts = [fields.get("text") for fields in inputs]
    if any(isinstance(text, str) for text in texts):
        words = [float(len(text.split())) if isinstance(text, str) else None for text in texts]
        yield Variable(f"{name}: words a study", "number", words, among=among)
    if any("times" in fields for fields in inputs):
        measured = [_measurements(fields) for fields in inputs]
        yield Variable(f"{name}: measurements a study", "number", measured, among=among)
        covered = [_covered(fields) for fields in inputs]
        if max((hours for hours in covered if hours is not None), default=0.0) > LONG:
            days = [None if hours is None else hours / 24 for hours in covered]
            yield Variable(f"{name}: time covered", "number", days, "d", among)
        else:
            yield Variable(f"{name}: time covered", "number", covered, "h", among)
    files = [float(_files(fields)) if fields else None for fields in inputs]
    if max((count for count in files if count is not None), default=0.0) > 1:
        yield Variable(f"{name}: files a study", "number", files, among=among)


def _measurements(fields: Mapping[str, Value]) -> float | None:
    """Values that were measured, over all columns of a time series."""
    columns = [value for column, value in fields.items() if column != "times" and isinstance(value, tuple)]
    if not fields:
        return None
    return float(sum(cell is not None for column in columns for cell in column))


def _covered(fields: Mapping[str, Value]) -> float | None:
    """Hours from the first to the last time of a time series."""
    times = fields.get("times")
    hours = [cell for cell in times if isinstance(cell, float | int)] if isinstance(times, tuple) else []
    return float(max(hours) - min(hours)) if hours else None


def _files(fields: Mapping[str, Value]) -> int:
    """Files of a study's input, lesion masks aside."""
    count = 0
    for field, value in fields.items():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, FileReference) and field != "mask":
                count += part.locator.count("\n") + 1
    return count


def _presence(name: str, there: Sequence[bool]) -> Variable:
    return Variable(name, "flags", [(PRESENT,) if here else () for here in there], levels=(PRESENT,))


def _masks(name: str, inputs: Sequence[Mapping[str, Value]]) -> Variable:
    return _presence(f"{name}: mask", [bool(fields.get("mask")) for fields in inputs])
