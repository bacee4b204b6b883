"""Reading `EXPLAIN/`: records of a known version, arrays that are what the record says, safe names."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

from medxmodal.errors import ReportError
from medxmodal.records import ExplanationIndex, ExplanationRecord, Record
from medxmodal.records.names import file_names

R = TypeVar("R", bound=Record)
Arrays = dict[str, np.ndarray]

KNOWN_VERSION = 1


def read_index(explain: Path) -> ExplanationIndex:
    """`EXPLAIN/index.json`.

    Raises:
        ReportError: There is none, or another version wrote it.
    """
    path = explain / "index.json"
    if not path.is_file():
        raise ReportError(
            f"{explain} holds no explanations: index.json is missing",
            hint="Give the folder that `medxmodal explain` wrote.",
        )
    return read_record(path, ExplanationIndex)


def read_record(path: Path, kind: type[R]) -> R:
    """A record of the version this package knows.

    Raises:
        ReportError: The record has another version, or is no JSON document.
        MedxmodalError: The record does not fit its kind.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(
            f"cannot read the {kind.__name__} {path.name}: {type(error).__name__}",
            hint="It is missing or damaged: explain the study again.",
        ) from error
    version = found.get("record_version", KNOWN_VERSION) if isinstance(found, dict) else None
    if version != KNOWN_VERSION:
        raise ReportError(
            f"{path.name} has record_version {version}, expected {KNOWN_VERSION}",
            hint="Use the medxmodal that wrote it, or explain again with this one.",
        )
    return kind.read(path)


def beside(explain: Path, name: str) -> Path:
    """A file of the folder by the name a record gives; never one outside it.

    Raises:
        ReportError: The name leads out of the folder.
    """
    path = (explain / name).resolve()
    if explain.resolve() not in path.parents:
        raise ReportError(f"a record names '{name}', which lies outside its folder")
    return path


def read_arrays(explain: Path, record: ExplanationRecord) -> Arrays:
    """The images and maps of a record, checked against its hash; nothing is unpickled.

    Raises:
        ReportError: The file is missing, changed or damaged.
    """
    if not record.arrays:
        return {}
    path = beside(explain, record.arrays)
    again = "Explain the study again."
    if not path.is_file():
        raise ReportError(f"the arrays {record.arrays} are missing", hint=again)
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if record.arrays_sha256 and got != record.arrays_sha256:
        raise ReportError(
            f"the arrays {record.arrays} were changed: SHA-256 {got[:12]}…, "
            f"expected {record.arrays_sha256[:12]}…",
            hint=again,
        )
    try:
        with np.load(path, allow_pickle=False) as saved:
            return {name: saved[name] for name in saved.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise ReportError(
            f"the arrays {record.arrays} are no plain npz: {type(error).__name__}", hint=again
        ) from error


def page_names(study_ids: Iterable[str]) -> dict[str, str]:
    """A file name for each study's page: safe on every system, never the same twice.

    Example:
        >>> page_names(["case-012"])
        {'case-012': 'case-012.html'}
    """
    return {study_id: f"{name}.html" for study_id, name in file_names(study_ids).items()}
