"""A modality's inputs from the records: one reader a kind, each giving values and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from medxmodal.cohort.decode.job import Facts
from medxmodal.cohort.engine.case import Case
from medxmodal.cohort.engine.readings import CategoryReader, NumberReader, make_reader
from medxmodal.cohort.identity import Identity
from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.spec.cohort_spec import TabularSpec, TimeseriesSpec
from medxmodal.cohort.study import Value

MASK = "mask"
REMARK = "remark"
"""Field of what is odd about a file that can be used."""


@dataclass
class Found:
    """What one modality gives for one record.

    Args:
        fields: Field -> value; empty when the modality is absent.
        problems: Field -> what is wrong; the modality cannot be used.
        remarks: Field -> what is wrong, though the modality can be used without it.
        content: Hash of the decoded pixels, to find the same image under two patients.
        facts: What the decoder saw of each file, such as its perceptual hash.
        files: Relative paths of the files read.
    """

    fields: dict[str, Value] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    content: str = ""
    facts: list[Facts] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Surroundings:
    """What every reader needs.

    Args:
        root: The data folder.
        identity: How inputs and cells may be named.
        masks: Whether lesion masks are read (an unlabelled export may have none).
    """

    root: FolderRoot
    identity: Identity
    masks: bool = True


class InputReader(Protocol):
    """Reads one modality whose values become part of the cohort."""

    def read(self, case: Case) -> Found:
        """The inputs of one case."""

    def check(self, *, final: bool) -> None:
        """Raise SpecError when what was read so far is not what the spec says."""

    @property
    def set_to_missing(self) -> dict[str, dict[str, int]]:
        """Field -> why -> how many values were dropped."""

    @property
    def units(self) -> dict[str, dict[str, int]]:
        """Field -> unit in the records -> how many values had it."""

    @property
    def remarks(self) -> list[str]:
        """What was assumed in reading."""


def column_reader(spec: TabularSpec, name: str, identity: Identity) -> NumberReader | CategoryReader:
    """The reader of one column; what the column does not say, its modality says for all."""
    column = spec.columns[name]
    table = column.source or spec.source
    if table is not None and column.source is None:
        inherited = {"window": column.window or spec.window, "where": column.where or spec.where}
        column = column.model_copy(update=inherited)
    return make_reader(name, column, table, identity)


class ColumnsReader:
    """What readers of several columns have in common.

    Args:
        readers: Column -> its reader.
    """

    def __init__(self, readers: Mapping[str, NumberReader | CategoryReader]) -> None:
        self.readers = readers

    def check(self, *, final: bool) -> None:
        """Look at every column as a whole."""
        for reader in self.readers.values():
            reader.check(final=final)

    @property
    def set_to_missing(self) -> dict[str, dict[str, int]]:
        """Column -> why -> how many values were dropped."""
        dropped = {n: dict(sorted(r.set_to_missing.items())) for n, r in self.readers.items()}
        return {name: counts for name, counts in dropped.items() if counts}

    @property
    def units(self) -> dict[str, dict[str, int]]:
        """Column -> unit in the records -> how many values had it."""
        return {n: dict(sorted(r.units.items())) for n, r in self.readers.items() if r.units}

    @property
    def remarks(self) -> list[str]:
        """How units were read that are not written in UCUM, and which categories look like free text."""
        said = sorted({remark for reader in self.readers.values() for remark in reader.unit_remarks})
        for name, reader in self.readers.items():
            if isinstance(reader, CategoryReader) and reader.free:
                said.append(
                    f"{name} differs in most studies, as names and ids do: list its categories in `values`"
                )
        return said


class TabularReader(ColumnsReader):
    """Numbers and categories."""

    def __init__(self, spec: TabularSpec, around: Surroundings) -> None:
        super().__init__({name: column_reader(spec, name, around.identity) for name in spec.columns})

    def read(self, case: Case) -> Found:
        """Values by column; absent when nothing at all is known."""
        found = Found()
        values: dict[str, Value] = {}
        for name, reader in self.readers.items():
            taken = reader.read(case)
            values[name] = taken.value
            if taken.problem:
                found.problems[name] = taken.problem
        if any(_says(reader, values[name]) for name, reader in self.readers.items()):
            found.fields = values
        return found


def _says(reader: NumberReader | CategoryReader, value: Value) -> bool:
    """Whether a value says that the record has the modality: a count of no rows does not."""
    counted = reader.column.take in {"count", "any"}
    return value not in {0.0, "no"} if counted else value is not None


class TimeseriesReader(ColumnsReader):
    """Values over time: every row with at least one value is a time point."""

    def __init__(self, spec: TimeseriesSpec, around: Surroundings) -> None:
        self.spec, self.table = spec, spec.source or ""
        columns = {c: column.model_copy(update={"where": None}) for c, column in spec.columns.items()}
        self.numbers = {
            c: NumberReader(c, column, self.table, around.identity) for c, column in columns.items()
        }
        super().__init__(self.numbers)
        self.rules = {c: column.rule for c, column in spec.columns.items()}
        self.cut = 0

    def read(self, case: Case) -> Found:
        """`times` and one tuple a column."""
        points: dict[float, dict[str, float]] = {}
        for event in case.pick(self.spec, self.table, self.spec.rule):
            if event.moment is None:
                continue
            # By their ends, as what is known is told: never after the index time.
            hours = float(f"{event.moment.end - case.index.end:.9g}")
            for name, reader in self.numbers.items():
                rule = self.rules[name]
                if rule is not None and rule.holds(event.row.cells) is not True:
                    continue
                taken = reader.number(event.row.cells, event.row.shown)
                if taken.problem:
                    reader.set_to_missing["not a number, or without a known unit"] += 1
                if isinstance(taken.value, float):
                    here = points.setdefault(hours, {})
                    if name in here:
                        reader.set_to_missing["measured again at the same time"] += 1
                    here[name] = taken.value
        times = sorted(points)
        self.cut += max(0, len(times) - self.spec.most)
        times = times[-self.spec.most :]
        if not times:
            return Found()
        series = {name: tuple(points[t].get(name) for t in times) for name in self.readers}
        return Found({"times": tuple(times), **series})

    @property
    def set_to_missing(self) -> dict[str, dict[str, int]]:
        """Column -> why -> how many values were dropped; `times` counts whole time points."""
        cut = {"times": {f"earlier than the latest {self.spec.most}": self.cut}} if self.cut else {}
        return super().set_to_missing | cut
