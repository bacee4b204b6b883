"""Rows on disk, one bucket of patients a file, so that memory does not grow with the patients."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

_HELD = 6 << 20
"""Bytes of rows that a worker holds before it writes."""
_REMEMBERED = 4_000
"""Patients whose bucket a worker remembers."""


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder that only its owner can read, removed at the end, also after an interruption.

    Args:
        parent: Where to make it; the system's place for temporary files by default.
    """
    folder = Path(tempfile.mkdtemp(prefix="medxmodal-fhir-", dir=parent))  # its mode is 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def patient_hash(patient: str) -> bytes:
    """What patients are ordered by, and told into buckets."""
    return hashlib.sha256(patient.encode(errors="surrogatepass")).digest()


class Spill:
    """Writes the records of one worker.

    Args:
        folder: The scratch folder.
        buckets: How many there are.
        worker: Number of the worker; no two write to one file.
    """

    def __init__(self, folder: Path, buckets: int, worker: int) -> None:
        self.folder, self.buckets, self.worker = folder, buckets, worker
        self.waiting: dict[int, bytearray] = defaultdict(bytearray)
        self.held = 0
        self._bucket: dict[str, int] = {}

    def add(self, patient: str | None, record: list[Any]) -> None:
        """Keep one record of a patient; those of unknown patients lie in the first bucket."""
        if patient is None:
            bucket = 0
        else:
            found = self._bucket.get(patient)
            bucket = self._find(patient) if found is None else found
        data = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        self.waiting[bucket] += data
        self.held += len(data)
        if self.held > _HELD:
            self.flush()

    def _find(self, patient: str) -> int:
        if len(self._bucket) >= _REMEMBERED:
            self._bucket.clear()
        bucket = int.from_bytes(patient_hash(patient)[:4], "big") * self.buckets >> 32
        self._bucket[patient] = bucket
        return bucket

    def flush(self) -> None:
        """Write what is held."""
        for bucket, records in self.waiting.items():
            with (self.folder / f"rows-{bucket}-{self.worker}").open("ab") as stream:
                stream.write(records)
        self.waiting.clear()
        self.held = 0


def take_records(folder: Path, bucket: int) -> list[list[Any]]:
    """The records of a bucket, in no order; their files are removed."""
    records: list[list[Any]] = []
    for path in folder.glob(f"rows-{bucket}-*"):
        with path.open("rb") as stream:
            records += map(orjson.loads, stream)
        path.unlink()
    return records
