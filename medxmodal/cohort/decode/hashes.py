"""Hashes of files that have not changed, so that a second build need not read them again.

A file is known by device, inode, size and both times of change, never by its name: the time of a change
of the inode cannot be set back by whoever writes the file.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT = 400_000
"""Lines the file may have before its older half is dropped."""
_FRESH = 2_000_000_000
"""A file that changed so few nanoseconds ago may change again unseen, within its clock's tick."""


@dataclass(frozen=True)
class Known:
    """What is known of the files of one input, in order."""

    sha256: tuple[str, ...]
    sizes: tuple[int, ...]


class FileHashes:
    """Hashes by the state of a file, in one text file that several processes may append to.

    Args:
        path: The text file: a state and a hash a line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hashes: dict[str, str] | None = None
        self._lock = threading.Lock()

    def states(self, paths: Sequence[Path]) -> tuple[str, ...] | None:
        """The state of each file, or None when one is not there."""
        try:
            return tuple(_state(path.stat()) for path in paths)
        except OSError:
            return None

    def known(self, states: Sequence[str] | None) -> Known | None:
        """The hashes of files in these states, if all are known."""
        with self._lock:
            if self._hashes is None:
                self._hashes = self._read()
            found = [self._hashes.get(state, "") for state in states or ()]
        if not found or not all(found):
            return None
        return Known(tuple(found), tuple(int(state.split("-")[2]) for state in states or ()))

    def note(self, paths: Sequence[Path], states: Sequence[str] | None, sha256: Sequence[str]) -> None:
        """Keep hashes that were taken after `states`, if the files are still as they were then."""
        if states is None or len(states) != len(sha256) or self.states(paths) != tuple(states):
            return
        newest = max(int(time_ns) for state in states for time_ns in state.split("-")[3:])
        if time.time_ns() - newest < _FRESH:
            return
        with self._lock:
            if self._hashes is None:
                self._hashes = self._read()
            new = {s: h for s, h in zip(states, sha256, strict=True) if self._hashes.get(s) != h}
            self._hashes |= new
            try:
                self._append("".join(f"{state} {found}\n" for state, found in new.items()))
            except OSError:
                return  # a cache that cannot be written is no error

    def _append(self, lines: str) -> None:
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, lines.encode("ascii"))
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, str]:
        try:
            lines = self.path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return {}
        pairs = (line.split(" ") for line in lines[-LIMIT:])
        found = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and _is_entry(*pair)}
        if len(lines) > LIMIT:
            self._shorten(dict(list(found.items())[LIMIT // 2 :]))
        return found

    def _shorten(self, kept: dict[str, str]) -> None:
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text("".join(f"{s} {h}\n" for s, h in kept.items()), encoding="ascii")
            temporary.replace(self.path)
        except OSError:
            return  # the next process tries again


def _state(state: os.stat_result) -> str:
    return f"{state.st_dev}-{state.st_ino}-{state.st_size}-{state.st_mtime_ns}-{state.st_ctime_ns}"


def _is_entry(state: str, sha256: str) -> bool:
    """Whether a line is whole: two processes that write at once may leave half a one."""
    parts = state.split("-")
    return len(parts) == 5 and all(p.isdecimal() for p in parts) and len(sha256) == 64 and sha256.isalnum()
