"""The one way from a reference to pixels, with one cache of decoded arrays, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

from medxmodal.cohort.root import file_sha256
from medxmodal.cohort.sources.image import read_image
from medxmodal.cohort.study import FileReference
from medxmodal.errors import InputError

CACHE_BYTES = 256 << 20


class DecodedCache:
    """Decoded arrays by content hash, the least recently used leaving first.

    Args:
        limit: Bytes of arrays it may hold.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self.held = 0
        self._arrays: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> np.ndarray | None:
        """The array, or None."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: str, array: np.ndarray) -> None:
        """Keep an array, if it fits at all."""
        with self._lock:
            if key in self._arrays or array.nbytes > self.limit:
                return
            self._arrays[key] = array
            self.held += array.nbytes
            while self.held > self.limit:
                _, oldest = self._arrays.popitem(last=False)
                self.held -= oldest.nbytes


_cache = DecodedCache()
_verified: OrderedDict[tuple[Path, int, int, str], None] = OrderedDict()
_VERIFIED_LIMIT = 200_000


def decode(reference: FileReference) -> np.ndarray:
    """The pixels behind a reference, read-only; see `sources.image.read_image`.

    Raises:
        InputError: The file is missing, changed, damaged or too large.
    """
    found = _cache.get(reference.sha256)
    if found is not None:
        verify(reference)
        return found
    array = read_image(reference)
    array.setflags(write=False)
    _remember(reference)
    _cache.put(reference.sha256, array)
    return array


def verify(reference: FileReference) -> None:
    """Check that the file is there and unchanged, without decoding it.

    A file that was checked before is not hashed again while its size and time of change stay.

    Raises:
        InputError: The file is missing or has changed since the cohort was built.
    """
    try:
        if _mark(reference) in _verified:
            return
        path = reference.path()
        same = path.stat().st_size == reference.size and file_sha256(path) == reference.sha256
    except OSError as error:
        raise InputError(f"{reference.shown} cannot be read: {error.strerror}") from error
    if not same:
        raise InputError(f"{reference.shown} has changed since the cohort was built", hint="Build it again.")
    _remember(reference)


def _mark(reference: FileReference) -> tuple[Path, int, int, str]:
    path = reference.path()
    state = path.stat()
    return path, state.st_size, state.st_mtime_ns, reference.sha256


def _remember(reference: FileReference) -> None:
    _verified[_mark(reference)] = None
    while len(_verified) > _VERIFIED_LIMIT:
        _verified.popitem(last=False)
