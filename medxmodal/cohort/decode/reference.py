"""The one way from a reference to pixels: build, training and scoring all come through here.

Everyday images are unpacked in this process and kept in memory. DICOM, NIfTI and clips are decoded in
worker processes, which a bad file may crash, and kept on disk (`decode_cache`).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

from medxmodal.cohort.decode.from_bytes import decode_bytes
from medxmodal.cohort.decode.job import Job, entry_name
from medxmodal.cohort.decode.pool import shared_pool
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.root import file_sha256
from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.sources.image import load_bytes
from medxmodal.cohort.sources.sniff import sniff
from medxmodal.cohort.study import FileReference, joined_sha256
from medxmodal.errors import InputError

CACHE_BYTES = 256 << 20
_Mark = tuple[str, tuple[tuple[Path, int, int], ...]]


class DecodedCache:
    """Decoded inputs in memory, the least recently used leaving first.

    Args:
        limit: Bytes of arrays it may hold.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self.held = 0
        self._found: OrderedDict[str, Decoded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Decoded | None:
        """What was kept, or None."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: str, decoded: Decoded) -> None:
        """Keep a decoded input, if it fits at all."""
        with self._lock:
            if key in self._found or decoded.array.nbytes > self.limit:
                return
            self._found[key] = decoded
            self.held += decoded.array.nbytes
            while self.held > self.limit:
                _, oldest = self._found.popitem(last=False)
                self.held -= oldest.array.nbytes


_cache = DecodedCache()
_verified: OrderedDict[_Mark, None] = OrderedDict()
_VERIFIED_LIMIT = 200_000


def decode(reference: FileReference, kind: str = "image") -> np.ndarray:
    """The pixels behind a reference, read-only; see `Decoded` for the order of axes.

    Args:
        reference: The input.
        kind: `image`, `volume` or `video`.

    Raises:
        InputError: A file is missing, changed, damaged or too large.
    """
    return decode_full(reference, kind).array


def decode_full(reference: FileReference, kind: str = "image") -> Decoded:
    """The pixels behind a reference with their geometry; the array is read-only, perhaps memory-mapped.

    Args:
        reference: The input.
        kind: `image`, `volume` or `video`.

    Raises:
        InputError: A file is missing, changed, damaged or too large, or crashed its decoder.
    """
    key = entry_name(reference.sha256, kind)
    found = _cache.get(key)
    if found is not None:
        verify(reference)
        return found
    decoded = _everyday(reference) if kind == "image" else None
    if decoded is None:
        verify(reference)
        mapped = _from_store(reference, kind, key)
        if mapped is not None:
            return mapped
        decoded = _from_worker(reference, kind)
    decoded.array.setflags(write=False)
    _remember(reference)
    _cache.put(key, decoded)
    return decoded


def verify(reference: FileReference) -> None:
    """Check that the files are there and unchanged, without decoding them.

    Files that were checked before are not hashed again while their size and time of change stay.

    Raises:
        InputError: A file is missing or has changed since the cohort was built.
    """
    try:
        mark = _mark(reference)
        if mark in _verified:
            return
        size = sum(size for _, size, _ in mark[1])
        same = size == reference.size and _sha256(reference) == reference.sha256
    except OSError as error:
        raise InputError(f"{reference.shown} cannot be read: {error.strerror}") from error
    if not same:
        raise _changed(reference)
    _remember(reference)


def _everyday(reference: FileReference) -> Decoded | None:
    """An image that needs no worker, unpacked here; None if it is no such image."""
    blobs = [load_bytes(path, reference.shown) for path in reference.paths()]
    if joined_sha256([hashlib.sha256(data).hexdigest() for data in blobs]) != reference.sha256:
        raise _changed(reference)
    if {sniff(data) for data in blobs} & {"dicom", "nifti"}:
        return None
    return decode_bytes(blobs, reference.shown, "image")


def _from_store(reference: FileReference, kind: str, key: str) -> Decoded | None:
    """A verified input from the store, where a worker puts it if need be; None without a store."""
    store = DecodedStore.from_environment()
    if store is None:
        return None
    found = store.get(key)
    if found is None:
        outcome = shared_pool().keep(Job(reference.paths(), kind, reference.shown), store)
        outcome.check()
        found = store.get(key)
    return found


def _from_worker(reference: FileReference, kind: str) -> Decoded:
    """An input from a worker that sends its pixels back."""
    outcome, decoded = shared_pool().pixels(Job(reference.paths(), kind, reference.shown))
    outcome.check()
    if decoded is None or joined_sha256(outcome.sha256) != reference.sha256:
        raise _changed(reference)
    return decoded


def _changed(reference: FileReference) -> InputError:
    return InputError(f"{reference.shown} has changed since the cohort was built", hint="Build it again.")


def _sha256(reference: FileReference) -> str:
    return joined_sha256([file_sha256(path) for path in reference.paths()])


def _mark(reference: FileReference) -> _Mark:
    states = ((path, path.stat()) for path in reference.paths())
    return reference.sha256, tuple((path, state.st_size, state.st_mtime_ns) for path, state in states)


def _remember(reference: FileReference) -> None:
    _verified[_mark(reference)] = None
    while len(_verified) > _VERIFIED_LIMIT:
        _verified.popitem(last=False)
