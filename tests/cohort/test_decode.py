"""Decoding: one cache bounded in bytes, and no file that has changed since the cohort was built."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medxmodal.cohort import decode as room
from medxmodal.cohort.decode import DecodedCache, decode, verify
from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.study import FileReference
from medxmodal.errors import InputError


@pytest.fixture
def scan(tmp_path: Path) -> FileReference:
    path = tmp_path / "scan.png"
    Image.fromarray(np.random.default_rng(8).integers(0, 256, (9, 11), dtype=np.uint8)).save(path)
    data = path.read_bytes()
    return FileReference(
        "scan.png", hashlib.sha256(data).hexdigest(), len(data), "image 1", FolderRoot(tmp_path)
    )


def test_the_cache_forgets_the_least_recently_used_and_stays_bounded() -> None:
    cache = DecodedCache(limit=250)
    for name in "abc":
        cache.put(name, np.zeros(100, np.uint8))
    assert cache.get("a") is None
    assert cache.get("b") is not None
    cache.put("d", np.zeros(100, np.uint8))
    assert cache.get("c") is None
    assert cache.get("b") is not None
    cache.put("huge", np.zeros(1000, np.uint8))
    assert cache.get("huge") is None
    assert cache.held == 200


def test_pixels_cannot_be_changed_by_whoever_reads_them(scan: FileReference) -> None:
    with pytest.raises(ValueError, match="read-only"):
        decode(scan)[0, 0] = 7
    assert decode(scan) is decode(scan)


def test_a_file_that_changed_is_refused_though_its_pixels_are_cached(scan: FileReference) -> None:
    decode(scan)
    path = scan.path()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(1, 1))
    for ask in (decode, verify):
        with pytest.raises(InputError, match="image 1 has changed"):
            ask(scan)
    path.unlink()
    for ask in (decode, verify):
        with pytest.raises(InputError):
            ask(scan)


def test_a_file_is_hashed_once_while_it_stays(scan: FileReference, monkeypatch: pytest.MonkeyPatch) -> None:
    verify(scan)
    monkeypatch.setattr(room, "file_sha256", lambda path: pytest.fail("hashed again"))
    verify(scan)
