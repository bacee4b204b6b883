"""A draft from DICOM: one record a study, its series told apart by what they are."""

from __future__ import annotations

import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from medxmodal.cohort.draft.gather import Known
from medxmodal.cohort.draft.survey import Survey
from medxmodal.cohort.draft.yaml import GUESSED, Pages, flow, quoted, slug
from medxmodal.cohort.sources.rows import Table

MAX_FILES = 400
"""So many files are looked at, of as many folders as these are in."""
MAX_BYTES = 256 << 20
MOST_SERIES = 8
_SEQUENCE = re.compile(
    r"(t1|t2|pd|flair|dwi|adc|swi|tof|stir|mprage|dti|asl|bold|dce|dsc|ct|cta|pet|lung|bone|soft|abdomen|thorax|"
    r"chest|head|brain|neck|pelvis|ap|pa|lat|cc|mlo)"
    r"(w|wi|star|pre|post|gd|ce|c|reg|prereg|postreg|flair|fs|tse|se|fse|space|axial|ax|sag|cor|lung|bone)*",
    re.IGNORECASE,
)
"""Words of scanners: others in a description may be anybody's, and do not enter a draft."""


def draft_dicom(data: Path, found: Survey, pages: Pages) -> bool:
    """Draft from DICOM alone; False where nothing of it can be read."""
    table = look(data, found, pages)
    if table is None:
        return False
    studies = {row.cells["StudyInstanceUID"] for row in table.rows}
    patients = {row.cells["PatientID"] for row in table.rows}
    pages.say(
        f"one record is one DICOM study ({len(studies)} of {len(patients)} patients seen), by PatientID and "
        "StudyInstanceUID."
    )
    pages.line("table", {"dicom": "**/*", "distinct": "StudyInstanceUID"})
    tree = {"dicom": "**/*", "key": "StudyInstanceUID", "equals": "StudyInstanceUID"}
    pages.put("tables", f"  series: {flow(tree)}")
    if any(row.cells["time"] for row in table.rows):
        pages.put(
            "index_time", f"index_time: {flow({'from': 'series', 'take': 'last'})}{GUESSED}: the last series"
        )
        pages.say("the index time is when the last series of a study was taken.")
    pages.put(
        "label", "# label: {name: outcome, column: ..., positive: ..., negative: ...}  # DICOM holds none"
    )
    pages.say("DICOM holds no label: put a table with it into the folder and draft again, or add it by hand.")
    makers = Counter(row.cells["Manufacturer"] for row in table.rows if row.cells["Manufacturer"])
    pages.line("site", {"column": "Manufacturer"} if len(makers) > 1 else {"value": "here"})
    _series(table, pages)
    lines = []
    for name, column, kind in (("age", "PatientAge", "{type: number, column: PatientAge, unit: a}"),
                               ("sex", "PatientSex", "{type: category, column: PatientSex}")):  # fmt: skip
        if len({row.cells[column] for row in table.rows} - {None}) > 1:
            lines.append(f"      {name}: {kind}")
    pages.columns("tabular", {"kind": "tabular"}, lines)
    return True


def link_dicom(data: Path, found: Survey, records: Known, patient: str, pages: Pages) -> None:
    """Series of patients whom a table knows, as modalities beside it."""
    table = look(data, found, pages)
    if table is None or patient not in records.columns:
        return
    ids = {row.cells["PatientID"] for row in table.rows} - {None}
    known = records.columns[patient].counts
    hits = sum(text in known for text in ids)
    if hits < 0.5 * len(ids):
        pages.say(f"DICOM files are there, but their PatientID is no '{patient}': they are not used.")
        return
    pages.say(f"{hits} of {len(ids)} patients of the DICOM series seen are in the table, by PatientID.")
    tree: dict[str, object] = {"dicom": "**/*", "key": "PatientID", "equals": patient}
    timed = "index_time" in pages.sections and not any(
        "after" in line for line in pages.sections["index_time"]
    )
    if not timed:
        tree["time"] = None
        pages.say("the table has no index time, so series count whenever they were taken.")
    pages.put("tables", f"  series: {flow(tree)}{GUESSED}")
    _series(table, pages)


def look(data: Path, found: Survey, pages: Pages) -> Table | None:
    """Headers of some of the files, whole folders at a time."""
    from medxmodal.cohort.sources.dicom.scan import scan_dicom

    chosen: list[PurePosixPath] = []
    size = 0
    for path in found.dicom:
        if len(chosen) == MAX_FILES or size > MAX_BYTES:
            break
        try:
            size += (data / path).stat().st_size
        except OSError:
            continue
        chosen.append(path)
    if len(chosen) < len(found.dicom):
        pages.say(f"of {len(found.dicom)} DICOM files the first {len(chosen)} were looked at.")
    with tempfile.TemporaryDirectory() as name:
        for number, path in enumerate(chosen):
            (Path(name) / f"{number:06d}{path.suffix}").symlink_to((data / path).resolve())
        table = scan_dicom(Path(name))
    rows = tuple(row for row in table.rows if not row.problem and row.cells["kind"])
    bad = len(table.rows) - len(rows)
    if bad:
        pages.say(f"{bad} DICOM series cannot be read as they are; the build says why.")
    return Table(table.columns, rows, ()) if rows else None


def _series(table: Table, pages: Pages) -> None:
    taken: set[str] = set()
    for name, kind, where, rows in islice(_kinds(table), MOST_SERIES):
        key, number = name, 2
        while key in taken:
            key, number = f"{name}_{number}", number + 1
        taken.add(key)
        tree = {"kind": kind, "from": "series", "where": where}
        pages.modality(key, tree)
        pages.say(f"{rows} series are '{key}': {where}.")


def _kinds(table: Table) -> Iterator[tuple[str, str, str, int]]:
    """Name, kind, rule and number of series, the commonest first."""
    groups: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for row in table.rows:
        word, view = _word(row.cells["SeriesDescription"]), _view(row.cells["ViewPosition"])
        column = "SeriesDescription" if word else "ViewPosition" if view else ""
        groups[row.cells["Modality"] or "", row.cells["kind"] or "image", column, word or view] += 1
    for (modality, kind, column, word), rows in sorted(groups.items(), key=lambda item: (-item[1], item[0])):
        rule = (
            f"Modality == {quoted(modality)}"
            if re.fullmatch(r"[A-Z]{2,4}", modality)
            else f"kind == '{kind}'"
        )
        if word:
            others = {w for m, _, c, w in groups if m == modality and c == column and w != word}
            longer = sorted(w for w in others if word.lower() in w.lower())
            rule += f" and {column} contains {quoted(word)}"
            rule += "".join(f" and {column} not contains {quoted(w)}" for w in longer)
        alike = {k for m, k, c, w in groups if m == modality and (not word or (c, w) == (column, word))}
        if len(alike) > 1:
            rule += f" and kind == '{kind}'"
        yield slug(word or modality or kind, "series"), kind, rule, rows


def _word(described: str | None) -> str:
    """The first word of a description that only a scanner would say."""
    for word in re.split(r"[\W_]+", described or ""):
        if _SEQUENCE.fullmatch(word):
            return word
    return ""


def _view(view: str | None) -> str:
    return view if view in {"AP", "PA", "LL", "LAT", "CC", "MLO"} else ""
