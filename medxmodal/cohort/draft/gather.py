"""Which tables a folder has, which of them are parts of one, and which holds the records."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from medxmodal.cohort.draft.files import FileIndex, find_namings
from medxmodal.cohort.draft.label import guess_label
from medxmodal.cohort.draft.profile import Profile, profile
from medxmodal.cohort.draft.sample import Sample, ending_of, sample_table
from medxmodal.cohort.draft.survey import Survey
from medxmodal.cohort.sources.grid import FILE
from medxmodal.cohort.sources.rows import Row, Table

MOST_TABLES = 60
"""Further tables are not looked at."""
MOST_PARTS = 8
"""Of a table in many files, so many are looked at."""
_RECORDS = re.compile(
    r"patient|subject|case|clinical|klinik|metadata|demograph|cohort|main|index|study|stamm", re.I
)
_OTHERS = re.compile(r"readme|dictionary|codebook|legend|glossary|schema|result|predic", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """A table with the facts about its columns.

    Args:
        sample: Its rows.
        columns: Column -> facts.
    """

    sample: Sample
    columns: dict[str, Profile]

    @property
    def name(self) -> str:
        """The name of its sheet, or the stem of its file's name."""
        if self.sample.sheet:
            return self.sample.sheet
        name = PurePosixPath(self.sample.path).name
        return name[: len(name) - len(ending_of(name))]

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return len(self.sample.table.rows)

    def unique(self, column: str) -> bool:
        """Whether a column is there, filled, and different in every row."""
        found = self.columns.get(column)
        return found is not None and found.unique and found.filled == self.rows


def gather(data: Path, found: Survey) -> tuple[list[Known], list[str]]:
    """The readable tables of a folder, and the paths of those that were not read."""
    samples: list[Sample] = []
    left: list[str] = [str(path) for path in found.tables[MOST_TABLES * 10 :]]
    by_folder: dict[tuple[str, str], list[PurePosixPath]] = defaultdict(list)
    for path in found.tables[: MOST_TABLES * 10]:
        by_folder[str(path.parent), ending_of(path.name)].append(path)
    budget = MOST_TABLES
    for paths in by_folder.values():
        chosen, rest = paths[:budget], paths[budget:]
        budget -= len(chosen)
        left += [str(path) for path in rest]
        read = [(path, sample_table(data, str(path))) for path in chosen]
        left += [str(path) for path, found_there in read if not found_there]
        samples += [one for _, found_there in read for one in found_there if one.sheet]
        samples += _joined(
            [(p, one) for p, found_there in read for one in found_there if not one.sheet], paths
        )
    known = [Known(s, {c: profile(s.table, c) for c in s.table.columns}) for s in samples]
    return known, left


def _joined(read: Sequence[tuple[PurePosixPath, Sample]], all_paths: Sequence[PurePosixPath]) -> list[Sample]:
    """Tables of one layout in one folder are one table in several files."""
    by_layout: dict[tuple[str, ...], list[tuple[PurePosixPath, Sample]]] = defaultdict(list)
    for path, sample in read:
        by_layout[tuple(sorted(sample.table.columns))].append((path, sample))
    found = []
    for members in by_layout.values():
        pattern = _pattern([path for path, _ in members], all_paths) if len(members) > 1 else None
        if pattern is None:
            found += [sample for _, sample in members]
            continue
        rows = [
            Row(n, {**row.cells, FILE: path.name[: len(path.name) - len(ending_of(path.name))]})
            for n, (path, row) in enumerate(
                ((path, row) for path, sample in members[:MOST_PARTS] for row in sample.table.rows), 2
            )
        ]
        first = members[0][1].table
        whole = len(members) <= MOST_PARTS and all(sample.whole for _, sample in members)
        found.append(Sample(pattern, Table((*first.columns, FILE), tuple(rows), ()), whole, len(members)))
    return found


def _pattern(members: Sequence[PurePosixPath], all_paths: Sequence[PurePosixPath]) -> str | None:
    """A pattern that matches the members and no other table of their folder."""
    names = [path.name for path in members]
    begin = ""
    for signs in zip(*names, strict=False):
        if len(set(signs)) > 1:
            break
        begin += signs[0]
    ending = ending_of(names[0])
    folder = "" if str(members[0].parent) == "." else f"{members[0].parent}/"
    for name in (f"*{ending}", f"{begin}*{ending}"):
        matched = {path.name for path in all_paths if PurePosixPath(path.name).match(name)}
        if matched == set(names):
            return f"{folder}{name}"
    return None


def choose_records(tables: Sequence[Known], index: FileIndex) -> Known:
    """The table with a row a study: others refer to it, files are named in it, or it is the largest."""
    return max(tables, key=lambda known: _score(known, tables, index))


def _score(known: Known, tables: Sequence[Known], index: FileIndex) -> tuple[float, float]:
    referred = 0
    for column, facts in known.columns.items():
        if not known.unique(column) or facts.is_note or facts.is_dated:
            continue
        referring = sum(
            other is not known and column in other.columns and _refers(other, column) for other in tables
        )
        referred = max(referred, referring)
    score = 3.0 * min(referred, 3)
    score += 3.0 * bool(_RECORDS.search(known.name)) - 4.0 * bool(_OTHERS.search(known.name))
    score += 2.0 * bool(guess_label(list(known.columns.values())).column)
    if index.count:
        score += 4.0 * bool(find_namings(known.sample.table, index))
    score -= 0.5 * known.sample.path.count("/")
    return score + 0.5 * math.log10(max(1, known.rows * len(known.columns))), float(known.rows)


def _refers(other: Known, column: str) -> bool:
    facts = other.columns[column]
    return facts.filled > 0 and not facts.is_note
