"""`FolderRoot`: finds an input under the data folder, by relative path or by content hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from medxmodal.errors import InputError

HASHED = "sha256:"
MADE = "made:"
"""Locator of an input that lies in the cohort itself."""


class FolderRoot:
    """A data folder on this machine.

    A keyed cohort names inputs by content only; the folder is walked once for sizes, and only files of
    the right size are hashed.

    Args:
        folder: The data folder.
        known: Content hash -> file, as far as already known.
        made: Folder of inputs that the build made, such as volumes unpacked from one file of arrays.
    """

    def __init__(self, folder: Path, known: dict[str, Path] | None = None, made: Path | None = None) -> None:
        self.folder = folder
        self.made = made
        self.known = dict(known or {})
        self._by_size: dict[int, list[Path]] | None = None

    def path(self, locator: str, sha256: str, size: int) -> Path:
        """The file, or InputError when it cannot be found."""
        if locator.startswith(MADE):
            name = locator.removeprefix(MADE)
            path = (self.made or self.folder) / name
            if self.made is None or "/" in name or not path.is_file():
                raise InputError(
                    f"the cohort has no input {name[:12]}... of its own", hint="Build the cohort again."
                )
            return path
        if not locator.startswith(HASHED):
            path = self.folder / locator
            if not path.is_file():
                raise InputError(f"{locator} is not in the data folder", hint="Check --data.")
            return path
        found = self.known.get(sha256)
        if found is None or not found.is_file():
            found = self._search(sha256, size)
        if found is None:
            raise InputError(
                f"no file of the data folder has the content {locator[:19]}...", hint="Check --data."
            )
        return found

    def _search(self, sha256: str, size: int) -> Path | None:
        if self._by_size is None:
            self._by_size = _sizes(self.folder)
        waiting = self._by_size.get(size, [])
        while waiting:
            path = waiting.pop()
            try:
                found = file_sha256(path)
            except OSError:
                continue  # a file that cannot be read is not the one
            self.known[found] = path
            if found == sha256:
                return path
        return None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def walk(folder: Path) -> Iterator[Path]:
    """Every file under a folder, sorted folder by folder; linked folders too, each real one once."""
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            yield Path(parent, name)


def _sizes(folder: Path) -> dict[int, list[Path]]:
    """Size -> files of that size, the first by name last."""
    sizes: dict[int, list[Path]] = {}
    for path in walk(folder):
        if path.is_file():
            sizes.setdefault(path.stat().st_size, []).append(path)
    for waiting in sizes.values():
        waiting.reverse()
    return sizes
