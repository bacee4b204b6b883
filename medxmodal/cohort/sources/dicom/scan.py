"""DICOM folders: headers to a table, one row a series, clip or view."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydicom.uid import UID, MediaStorageDirectoryStorage

from medxmodal.cohort.root import walk
from medxmodal.cohort.sources.dicom.file import DicomFile, open_dicom
from medxmodal.cohort.sources.dicom.geometry import planes_of
from medxmodal.cohort.sources.dicom.limits import MAX_BYTES, guarded
from medxmodal.cohort.sources.dicom.series import Instance, Series, series_of, without_copies
from medxmodal.cohort.sources.dicom.tags import COLUMNS, cells_of
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.cohort.sources.sniff import HEAD, sniff
from medxmodal.errors import InputError

_ENDINGS = (".dcm", ".dicom", ".ima")
_THE_FILE = "the file"  # its row says which
_SKIPPED = {
    "foreign": "{} files are no DICOM and were left out",
    "directory": "{} DICOMDIR files were left out: the files they list were looked for themselves",
    "pixelless": "{} DICOM objects without pixels (reports, plans, waveforms) were left out",
    "other": "{} DICOM files of other modalities were left out",
    "copy": "{} DICOM files are copies of others and were left out",
}


def scan_dicom(folder: Path, pattern: str = "**/*", *, only: Sequence[str] | None = None) -> Table:
    """Read the headers of the DICOM files of a folder.

    Slices of one series are one row, their files in geometric order; see `dicom_series.series_of`. Only
    the tags of `dicom_tags.ALLOWED` reach a cell. A damaged file is a row with its problem; what is left
    out for another reason is counted in the notes. A file that is named as DICOM and is none is a
    problem, not a foreign file.

    Args:
        folder: The data folder.
        pattern: Which files, relative to it; `**` stands for any folders.
        only: Modalities to keep, such as `MR`; all by default.

    Returns:
        Columns `dicom_tags.COLUMNS`: `kind` is image, volume or video, `files` the relative paths in
        order, one a line, `time` when the last of them was taken. The table's `files` are in the same
        order, row by row.
    """
    wanted = _expression(pattern)
    counts: Counter[str] = Counter()
    instances: list[Instance] = []
    for path in walk(folder):
        relative = path.relative_to(folder).as_posix()
        if not wanted.fullmatch(relative) or not path.is_file():
            continue
        found = _instance(path, relative, len(instances) + 1)
        if isinstance(found, str):
            counts[found] += 1
        elif only is not None and not found.problem and found.cells.get("Modality") not in only:
            counts["other"] += 1
        else:
            instances.append(found)
    kept, counts["copy"] = without_copies(instances)
    found_series = series_of(kept)
    notes = [_SKIPPED[why].format(n) for why, n in counts.items() if n]
    patients = {instance.cells.get("PatientID") for instance in kept if not instance.problem}
    if len(patients) > 1:
        notes.append(f"the files are of {len(patients)} patients, kept apart by PatientID")
    rows = tuple(_row(number, series) for number, series in enumerate(found_series, 1))
    sources = tuple(instance.source for series in found_series for instance in series.instances)
    return Table(COLUMNS, rows, sources, tuple(notes))


def _instance(path: Path, relative: str, number: int) -> Instance | str:
    """What a file gives, or the reason for which it is left out."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            data = stream.read(HEAD)
            if sniff(data) != "dicom" and not relative.lower().endswith(_ENDINGS):
                return "foreign"
            data += stream.read() if size <= MAX_BYTES else b""
    except OSError as error:
        missing = SourceFile(hashlib.sha256(b"").hexdigest(), 0)
        return Instance(number, relative, missing, problem=f"the file cannot be read: {error.strerror}")
    source = SourceFile(hashlib.sha256(data).hexdigest(), size)
    plain = Instance(number, relative, source)
    if size > MAX_BYTES:
        return Instance(number, relative, source, problem=f"the file has more than {MAX_BYTES >> 30} GiB")
    try:
        with guarded(_THE_FILE):
            return _described(open_dicom(data, _THE_FILE), plain)
    except InputError as error:
        return Instance(number, relative, source, problem=error.message)


def _described(file: DicomFile, plain: Instance) -> Instance | str:
    dataset = file.dataset
    storage = UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
    if storage == MediaStorageDirectoryStorage or "DirectoryRecordSequence" in dataset:
        return "directory"
    if not file.keyword:
        if "Image Storage" not in storage.name and "Rows" not in dataset and len(dataset) > 0:
            return "pixelless"
        raise InputError(f"{file.shown} holds no pixels, though it should")
    return Instance(
        plain.number,
        plain.path,
        plain.source,
        cells_of(dataset),
        str(dataset.get("SOPInstanceUID") or ""),
        int(dataset.get("InstanceNumber") or 0),
        file.frames,
        (int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)),
        planes_of(file),
    )


def _row(number: int, series: Series) -> Row:
    first = series.instances[0]
    cells = {column: first.cells.get(column) for column in COLUMNS}
    times = [time for instance in series.instances if (time := instance.cells.get("time"))]
    cells |= {
        "time": max(times) if times else None,
        "instances": str(len(series.instances)),
        "kind": series.kind or None,
        "files": "\n".join(instance.path for instance in series.instances),
    }
    many = len(series.instances) > 1
    place = f"DICOM series {number} (first sha256 {first.source.sha256[:4]}...)" if many else first.shown
    return Row(number, cells, series.problem, place)


def _expression(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression over relative paths.

    Example:
        >>> [bool(_expression("**/*.dcm").fullmatch(p)) for p in ("a.dcm", "b/c/a.dcm", "a.txt")]
        [True, True, False]
    """
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)
