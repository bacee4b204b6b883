"""A cohort as a MEDS dataset: one subject a patient, its inputs as events, its labels at the index times."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medxmodal.cohort.sources.meds_schema import (
    CODE_FIELDS,
    CODES,
    DATA,
    DATA_FIELDS,
    DATASET,
    LABEL_FIELDS,
    LABELS,
    VERSION,
    arrow_schema,
)  # fmt: skip
from medxmodal.cohort.study import FileReference, Study
from medxmodal.errors import CohortError

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort
    from medxmodal.cohort.spec.cohort_spec import CohortSpec

CODE = "medxmodal"
"""First part of every code: `medxmodal//<modality>//<column>//<unit>`, the unit only where there is one."""
TIMES = "times"


class _Event(NamedTuple):
    subject: int
    time: datetime
    code: str
    number: float | None = None
    text: str | None = None


def write_meds(cohort: Cohort, folder: Path) -> Path:
    """Write a cohort as a MEDS dataset, whole or not at all.

    Numbers become `numeric_value` (32 bits, as the standard says), categories and notes `text_value`,
    values over time stand at their times and everything else at the index time. Files are named by their
    content, since MEDS holds no images. A keyed cohort has pseudonyms and shifted times only, and so has
    what is written; subjects are numbered by a hash of the patient id.

    Args:
        cohort: The cohort; every study needs an index time.
        folder: Where to; it must be empty or absent.

    Raises:
        CohortError: A study has no index time, two patients get one number, or the folder is not empty.

    References:
        Medical Event Data Standard, https://github.com/Medical-Event-Data-Standard/meds.
    """
    folder = Path(folder)
    timeless = sum(study.index_time is None for study in cohort)
    if timeless:
        raise CohortError(
            f"{timeless} of {len(cohort)} studies have no index time, which MEDS labels need",
            hint="Name `index_time` in the spec and build again.",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CohortError(f"{folder} is not empty", hint="Name a new folder.")
    subjects = _numbers(cohort)
    events = [event for study in cohort for event in _events(study, cohort.spec, subjects[study.patient_id])]
    events.sort(key=lambda event: (event.subject, event.time, event.code))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise CohortError(f"cannot write {folder}: {error.strerror}", hint="Name another folder.") from error
    try:
        fresh = scratch / "new"
        _write(fresh, cohort, events, subjects)
        if folder.exists():
            folder.rmdir()
        fresh.rename(folder)
    except OSError as error:
        raise CohortError(f"cannot write {folder}: {error.strerror}", hint="Name another folder.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def subject_number(patient_id: str) -> int:
    """A patient's number in MEDS: the first 63 bits of a hash.

    Example:
        >>> subject_number("a") != subject_number("b"), 0 <= subject_number("a") < 2**63
        (True, True)
    """
    return int.from_bytes(hashlib.sha256(patient_id.encode()).digest()[:8], "big") >> 1


def _numbers(cohort: Cohort) -> dict[str, int]:
    numbers = {patient: subject_number(patient) for patient in cohort.patients}
    if len(set(numbers.values())) < len(numbers):
        raise CohortError("two patients get the same number in MEDS", hint="Change the ids of one of them.")
    return numbers


def _events(study: Study, spec: CohortSpec, subject: int) -> Iterator[_Event]:
    index = study.index_time
    if index is None:
        return
    for modality, fields in study.inputs.items():
        times: Any = fields.get(TIMES)
        for name, value in fields.items():
            code = _code(spec, modality, name)
            if isinstance(times, tuple):
                if name != TIMES and isinstance(value, tuple):
                    yield from _over_time(subject, index, code, times, value)
            else:
                for item in value if isinstance(value, tuple) else (value,):
                    yield from _at(subject, index, code, item)


def _over_time(
    subject: int, index: datetime, code: str, times: tuple[Any, ...], values: tuple[Any, ...]
) -> Iterator[_Event]:
    for hours, value in zip(times, values, strict=True):
        yield from _at(subject, index + timedelta(hours=float(hours)), code, value)


def _at(subject: int, time: datetime, code: str, value: object) -> Iterator[_Event]:
    if isinstance(value, FileReference):
        yield _Event(subject, time, code, text=f"sha256:{value.sha256}")
    elif isinstance(value, str):
        yield _Event(subject, time, code, text=value)
    elif isinstance(value, int | float):
        yield _Event(subject, time, code, float(value))


def _code(spec: CohortSpec, modality: str, name: str) -> str:
    unit = getattr(_column(spec, modality, name), "unit", "")
    return "//".join([CODE, modality, name, *([unit] if unit else [])])


def _column(spec: CohortSpec, modality: str, name: str) -> object:
    columns: dict[str, object] = getattr(spec.modalities.get(modality), "columns", {})
    return columns.get(name)


def _descriptions(spec: CohortSpec) -> dict[str, str]:
    """Code -> the name that the spec gives its column for readers."""
    return {
        _code(spec, modality, name): label
        for modality, detail in spec.modalities.items()
        for name, column in getattr(detail, "columns", {}).items()
        if (label := getattr(column, "label", ""))
    }


def _write(folder: Path, cohort: Cohort, events: list[_Event], subjects: dict[str, int]) -> None:
    import medxmodal

    for part in (DATA, LABELS, "metadata"):
        (folder / part).mkdir(parents=True)
    data = [list(column) for column in zip(*events, strict=True)] or [[] for _ in DATA_FIELDS]
    _write_parquet(folder / DATA / "0.parquet", dict(zip(DATA_FIELDS, data, strict=True)), DATA_FIELDS)
    descriptions = _descriptions(cohort.spec)
    codes = sorted({event.code for event in events})
    named: dict[str, list[Any]] = {
        "code": codes,
        "description": [descriptions.get(code) for code in codes],
        "parent_codes": [None] * len(codes),
    }
    _write_parquet(folder / CODES, named, CODE_FIELDS)
    for task in sorted({task for study in cohort for task in study.labels}):
        known = sorted(
            (subjects[study.patient_id], study.index_time, bool(study.labels[task]))
            for study in cohort
            if study.labels.get(task) is not None and study.index_time is not None
        )
        columns = [list(column) for column in zip(*known, strict=True)] or [[], [], []]
        names = ("subject_id", "prediction_time", "boolean_value")
        _write_parquet(
            folder / LABELS / f"{task}.parquet", dict(zip(names, columns, strict=True)), LABEL_FIELDS
        )
    head = {
        "dataset_name": cohort.spec.name,
        "dataset_version": cohort.fingerprint,
        "etl_name": "medxmodal",
        "etl_version": medxmodal.__version__,
        "meds_version": VERSION,
    }
    if cohort.spec.licence:
        head["license"] = cohort.spec.licence
    (folder / DATASET).write_text(json.dumps(head, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_parquet(path: Path, columns: dict[str, list[Any]], fields: Any) -> None:  # noqa: ANN401
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns, schema=arrow_schema(fields, tuple(columns))), path, compression="zstd")
