"""A data folder: files by path or by content, wherever they were moved, linked folders included."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from medxmodal.cohort.root import HASHED, FolderRoot
from medxmodal.errors import InputError


def put(path: Path, content: bytes) -> tuple[str, int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest(), len(content)


def test_by_content_among_files_of_the_same_size(tmp_path: Path) -> None:
    hashes = [put(tmp_path / "deep" / f"{i}.png", bytes([i]) * 40)[0] for i in range(9)]
    root = FolderRoot(tmp_path)
    for i in (4, 0, 8, 4):
        assert root.path(HASHED + hashes[i], hashes[i], 40) == tmp_path / "deep" / f"{i}.png"


def test_a_linked_folder_is_searched_once_and_a_loop_ends(tmp_path: Path) -> None:
    sha256, size = put(tmp_path / "archive" / "scan.png", b"pixels")
    data = tmp_path / "data"
    data.mkdir()
    os.symlink(tmp_path / "archive", data / "images")
    os.symlink(data, tmp_path / "archive" / "back")
    assert FolderRoot(data).path(HASHED + sha256, sha256, size) == data / "images" / "scan.png"


def test_what_is_gone_is_said_without_its_name(tmp_path: Path) -> None:
    sha256, size = put(tmp_path / "kowalska.png", b"pixels")
    root = FolderRoot(tmp_path, {sha256: tmp_path / "kowalska.png"})
    assert root.path(HASHED + sha256, sha256, size).name == "kowalska.png"
    (tmp_path / "kowalska.png").unlink()
    with pytest.raises(InputError, match=f"the content sha256:{sha256[:12]}") as error:
        root.path(HASHED + sha256, sha256, size)
    assert "kowalska" not in str(error.value)
    with pytest.raises(InputError, match=r"a\.png is not in the data folder"):
        root.path("a.png", sha256, size)
