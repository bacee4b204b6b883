"""What can be said of a cohort as a whole, once all its records are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from medxmodal.cohort.engine.inputs import REMARK
from medxmodal.cohort.engine.plan import Plan
from medxmodal.cohort.engine.study_builder import StudyBuilder
from medxmodal.cohort.engine.tables import RECORDS
from medxmodal.cohort.engine.tally import UNKNOWN_SITE, Tally
from medxmodal.cohort.quality.log import QualityLog
from medxmodal.cohort.spec.cohort_spec import CohortSpec, TextSpec

MOST_REMARKS = 20
"""The same remark on more studies than this is said once, with their number."""


def remark_on(
    spec: CohortSpec,
    columns: Mapping[str, tuple[str, ...]],
    plan: Plan,
    builder: StudyBuilder,
    tally: Tally,
) -> None:
    """Write down in the quality log what concerns the cohort as a whole.

    Args:
        spec: Its spec.
        columns: Table -> its columns.
        plan: What of the spec could be asked of them.
        builder: Which made the studies, and holds the log.
        tally: Their counts.
    """
    quality = builder.quality
    present, absent = _leaks(spec, columns)
    quality.leaks += present
    if absent and plan.labelled:
        quality.notes.append(f"`leaks` names columns that the table does not have: {', '.join(absent)}")
    if spec.label:
        unknown = tally.studies - tally.labelled
        if unknown:
            quality.notes.append(f"{unknown} of {tally.studies} studies have no label")
        for why, count in sorted(builder.labels.unknown.items()):
            quality.notes.append(f"{count} labels are unknown: {why}")
    if spec.site.column and (lost := tally.sites[UNKNOWN_SITE]):
        quality.notes.append(f"{lost} studies have no site; they are at the site 'unknown'")
    notes = [m for m in spec.modalities.values() if isinstance(m, TextSpec)]
    if spec.ids == "keyed" and any(not note.scrub for note in notes):
        quality.notes.append("notes are kept word for word: check that they name nobody")
    for why, count in sorted(builder.left_out.items()):
        quality.notes.append(f"{why}: {count} left out")
    for name in spec.tables:
        if builder.asked[name, "asked"] and not builder.asked[name, "found"]:
            quality.notes.append(f"{name}: no row belongs to a record; check its `key` and `equals`")
    for name, reader in builder.values.items():
        for column, counts in reader.set_to_missing.items():
            quality.set_to_missing[f"{name}.{column}"] = counts
        for column, counts in reader.units.items():
            quality.units[f"{name}.{column}"] = counts
        for remark in reader.remarks:
            quality.notes.append(f"{name}: {remark}")
    quality.constant += tally.constant
    _fold_remarks(quality)


def _fold_remarks(quality: QualityLog) -> None:
    """What is odd about very many files alike is one note, not a line a study."""
    texts = {id(p): (p.modality, p.reason.partition(": ")[2]) for p in quality.problems if p.field == REMARK}
    common = {text: n for text, n in Counter(texts.values()).items() if n > MOST_REMARKS}
    quality.problems = [p for p in quality.problems if texts.get(id(p)) not in common]
    quality.notes += [f"{modality}: {reason} ({n} studies)" for (modality, reason), n in common.items()]


def _leaks(spec: CohortSpec, columns: Mapping[str, tuple[str, ...]]) -> tuple[list[str], list[str]]:
    """The leak columns that are there, and those that are not; `table.column` outside of the records."""
    known = set(columns[RECORDS])
    known |= {f"{table}.{column}" for table in spec.tables for column in columns[table]}
    present = [name for name in spec.leaks if name in known]
    gone = {name for name in spec.tables if not columns[name]}
    absent = [name for name in spec.leaks if name not in known and name.partition(".")[0] not in gone]
    return present, absent
