"""Writing that survives a kill and a power cut: a file is there whole, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medxmodal.cohort.root import file_sha256
from medxmodal.errors import ScoringError

LOCK = ".lock"
TEMPORARY = ".tmp"


def write_durably(path: Path, content: bytes) -> str:
    """Write a file under another name, force it to disk, and rename it.

    Args:
        path: Where to; an older file is replaced.
        content: What.

    Returns:
        SHA-256 of the content, hex.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return hashlib.sha256(content).hexdigest()


def sha256_of(path: Path) -> str | None:
    """SHA-256 of a file, hex; None where there is none."""
    try:
        return file_sha256(path)
    except FileNotFoundError:
        return None


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Hold a folder for writing. A writer that died holds nothing: its lock is taken over.

    The lock belongs to the process, not to the file: the file only says who holds it.

    Args:
        folder: The folder; it must exist.

    Raises:
        ScoringError: Another process is writing there.
    """
    path = folder / LOCK
    descriptor = _lock(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path) -> int:
    """An open, locked descriptor of the file that is at `path` now, not of one just removed."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise ScoringError(
                f"{path.parent} is being written by {holder}",
                hint="Wait until it is done, or name another --out.",
            ) from None
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
