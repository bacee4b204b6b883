"""The one cache of decoded volumes, clips and DICOM images, on disk and memory-mapped.

Entries are named by content and kind, never by a file's name. The folder is `decoded` in the cache folder
(`MEDXMODAL_CACHE`) and for its owner only. `MEDXMODAL_CACHE_BYTES` bounds it, and 0 switches it off.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from pathlib import Path

import numpy as np

from medxmodal.cohort.decode.cache_folder import cache_folder
from medxmodal.cohort.decode.hashes import FileHashes
from medxmodal.cohort.decode.job import Facts
from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.errors import InputError

VERSION = "3"
"""Raised whenever the same file gives other pixels or facts: what was kept before is then not used."""
LIMIT = 8 << 30
"""Bytes it may take, unless said otherwise."""
_STALE = 86_400
"""Seconds after which an unfinished file is nobody's."""
_HEADER = 256
"""Bytes before the values of an .npy file, at most, for the few axes there are."""
_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError)


class DecodedStore:
    """Decoded arrays and their facts in a folder; the least recently used leave first.

    Several processes may use one folder. An entry that is damaged is dropped and made again, and a disk
    that cannot be written is no error.

    Args:
        folder: The folder.
        limit: Bytes it may take.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder, self.limit = folder, limit
        self.place = folder / VERSION
        self.hashes = FileHashes(self.place / "hashes")
        self._unseen = limit  # bytes written since the folder was last measured

    @classmethod
    def from_environment(cls) -> DecodedStore | None:
        """The store of this user, or None when it is switched off."""
        root, words = cache_folder(), os.environ.get("MEDXMODAL_CACHE_BYTES", "")
        if words and not words.isdecimal():
            raise InputError(f"MEDXMODAL_CACHE_BYTES is '{words}'", hint="Give it a number of bytes, or 0.")
        limit = int(words) if words else LIMIT
        return None if root is None or limit == 0 else cls(root / "decoded", limit)

    def facts(self, key: str) -> Facts | None:
        """What is known of an entry, or None; it counts as used."""
        array, said = self._paths(key)
        try:
            found = json.loads(said.read_bytes())
            if array.stat().st_size != found["bytes"]:
                raise ValueError("another size than was written")
            facts = Facts.from_json(found)
        except FileNotFoundError:
            return None
        except _DAMAGED:
            self._drop(key)
            return None
        with contextlib.suppress(OSError):  # a folder that is only read has no order of use
            os.utime(array)
        return facts

    def get(self, key: str) -> Decoded | None:
        """An entry, its array memory-mapped and read-only; or None."""
        facts = self.facts(key)
        if facts is None:
            return None
        try:
            array = np.load(self._paths(key)[0], mmap_mode="r", allow_pickle=False)
            if array.shape != facts.shape or array.dtype.str != facts.dtype:
                raise ValueError("another array than was written")
        except _DAMAGED:
            self._drop(key)
            return None
        return facts.decoded(array.view(np.ndarray))

    def put(self, key: str, array: np.ndarray, facts: Facts) -> bool:
        """Keep an array; whether it was kept."""
        if array.nbytes > self.limit:
            return False
        path, said = self._paths(key)
        temporary = self.place / "unfinished" / uuid.uuid4().hex
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._make_room(array.nbytes + _HEADER)
            with temporary.open("wb") as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)
                size = stream.tell()
            temporary.replace(path)
            temporary.write_text(json.dumps(facts.to_json() | {"bytes": size}), encoding="utf-8")
            temporary.replace(said)  # last: an entry without it is none
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            return False
        return True

    def _paths(self, key: str) -> tuple[Path, Path]:
        folder = self.place / key[:2]
        return folder / f"{key}.npy", folder / f"{key}.json"

    def _drop(self, key: str) -> None:
        with contextlib.suppress(OSError):
            for path in self._paths(key):
                path.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Drop what was used longest ago, so that `size` more bytes fit.

        The folder is measured only once a sixteenth of the limit was written; that much is left free.
        """
        margin = self.limit // 16
        self._unseen += size
        if self._unseen <= margin:
            return
        found: list[tuple[float, int, Path]] = []
        for path in self.folder.rglob("*"):
            try:
                state = path.stat()
            except OSError:
                continue  # another process dropped it just now
            if path.parent.name == "unfinished" and time.time() - state.st_mtime > _STALE:
                path.unlink(missing_ok=True)
            elif path.suffix == ".npy":
                found.append((state.st_mtime, state.st_size, path))
        held = sum(kept for _, kept, _ in found) + size
        for _, freed, path in sorted(found):
            if held <= self.limit - margin:
                break
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            held -= freed
        self._unseen = 0
