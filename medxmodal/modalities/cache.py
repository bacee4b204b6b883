"""Features of frozen encoders, kept by content hash of the input and hash of the weights.

A key holds hashes and settings only, never a name or a path. The folder is `MEDXMODAL_CACHE`, or
`medxmodal` in the user's cache folder; `MEDXMODAL_CACHE=off` keeps nothing on disk. An entry that
cannot be read is made again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from medxmodal.cohort.decode.cache_folder import cache_folder

__all__ = ["FeatureCache", "cache_folder"]


class FeatureCache:
    """Arrays by key, in memory and on disk.

    Args:
        folder: Where entries are kept; None keeps them in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._memory: dict[str, np.ndarray] = {}

    @staticmethod
    def key(*parts: str) -> str:
        """One hash of several parts."""
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def get(self, key: str) -> np.ndarray | None:
        """The array of a key, or None."""
        if key in self._memory:
            return self._memory[key]
        if self.folder is None:
            return None
        path = self._path(key)
        try:
            found = load_file(path)["features"]
        except (OSError, SafetensorError, KeyError):
            return None
        self._memory[key] = found
        return found

    def put(self, key: str, value: np.ndarray) -> None:
        """Keep an array; a disk that cannot be written is not an error."""
        self._memory[key] = value
        if self.folder is None:
            return
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
            save_file({"features": np.ascontiguousarray(value)}, temporary)
            temporary.replace(path)
        except OSError:
            self.folder = None

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / "features" / key[:2] / f"{key}.safetensors"
