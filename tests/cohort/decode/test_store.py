"""The store: bounded, the least recently used leave first, and a second build reads no file again."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medxmodal.cohort.decode import pool as decode_pool
from medxmodal.cohort.decode.hashes import FileHashes
from medxmodal.cohort.decode.job import Facts, Job
from medxmodal.cohort.decode.pool import DecodePool
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.sources.decoded import Decoded

Keep = Callable[[DecodedStore, str, int], bool]


@pytest.fixture
def keep() -> Keep:
    def put(store: DecodedStore, key: str, size: int) -> bool:
        array = np.full((size // 100, 10, 10), ord(key[0]), np.uint8)
        return store.put(key, array, Facts.of(Decoded(array, (1.0, 2.0, 3.0), np.eye(4)), "volume"))

    return put


def held(store: DecodedStore) -> int:
    return sum(path.stat().st_size for path in store.folder.rglob("*.npy"))


def test_what_is_kept_comes_back_equal(tmp_path: Path, keep: Keep) -> None:
    store = DecodedStore(tmp_path / "decoded")
    assert store.get("aa-volume") is None
    assert keep(store, "aa-volume", 1000)
    found = store.get("aa-volume")
    assert found is not None
    assert (found.array == ord("a")).all()
    assert found.spacing == (1.0, 2.0, 3.0)
    np.testing.assert_array_equal(found.affine, np.eye(4))
    facts = store.facts("aa-volume")
    assert facts == Facts.of(found, "volume")
    assert not list(store.folder.rglob("unfinished/*"))


def test_it_stays_bounded_and_the_least_recently_used_leave_first(tmp_path: Path, keep: Keep) -> None:
    store = DecodedStore(tmp_path / "decoded", 10_000)
    for age, name in enumerate("abc"):
        assert keep(store, f"{name}{name}-volume", 2500)
        (path,) = store.folder.rglob(f"{name}{name}-volume.npy")
        os.utime(path, (age, age))
    assert store.get("aa-volume") is not None, "now the latest used"
    assert keep(store, "dd-volume", 2500)
    assert store.get("bb-volume") is None
    assert store.get("aa-volume") is not None
    assert not keep(store, "ee-volume", 20_000)
    for number in range(30):
        keep(store, f"{number:02d}-volume", 400)
        assert held(store) <= 10_000
    assert len(list(store.folder.rglob("*.json"))) == len(list(store.folder.rglob("*.npy")))


def test_an_array_in_use_outlives_its_entry(tmp_path: Path, keep: Keep) -> None:
    store = DecodedStore(tmp_path / "decoded", 3000)
    keep(store, "aa-volume", 2000)
    found = store.get("aa-volume")
    keep(store, "bb-volume", 2000)
    assert store.get("aa-volume") is None
    assert found is not None
    assert (found.array == ord("a")).all()


def test_several_processes_may_write_at_once(tmp_path: Path) -> None:
    code = """
import sys, numpy as np
from pathlib import Path
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.decode.job import Facts
from medxmodal.cohort.sources.decoded import Decoded
store = DecodedStore(Path(sys.argv[1]), 60_000)
for n in range(60):
    array = np.full((n % 12 + 1, 10, 10), n % 12, np.uint8)
    store.put(f"{n % 12:02d}-volume", array, Facts.of(Decoded(array), "volume"))
    found = store.get(f"{(n * 7) % 12:02d}-volume")
    assert found is None or (found.array == (n * 7) % 12).all()
"""
    package = Path(decode_pool.__file__).parents[3]
    command = [sys.executable, "-c", code, str(tmp_path / "decoded")]
    running = [subprocess.Popen(command, cwd=package) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert held(DecodedStore(tmp_path / "decoded")) <= 60_000


def aged(path: Path) -> Path:
    """As if it had been there for long: a fresh file's hash is not trusted."""
    os.utime(path, (1_000_000, 1_000_000))
    return path


def scans(folder: Path, count: int) -> list[Job]:
    jobs = []
    for number in range(count):
        values = np.full((4, 5, 6), number * 40, np.int16)
        path = folder / f"{number}.nii.gz"
        path.write_bytes(gzip.compress(nibabel.Nifti1Image(values, np.eye(4)).to_bytes()))
        jobs.append(Job((aged(path),), "volume", f"scan {number}"))
    return jobs


def test_a_second_build_reads_and_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medxmodal.cohort.decode.hashes._FRESH", 0)
    jobs = scans(tmp_path, 3)
    store = DecodedStore(tmp_path / "decoded")
    with DecodePool(1, store=store) as pool:
        first = list(pool.run(jobs))
    monkeypatch.setattr(decode_pool, "Worker", lambda *words: pytest.fail("a worker was asked"))
    with DecodePool(1, store=DecodedStore(tmp_path / "decoded")) as pool:
        assert list(pool.run(jobs)) == first
    assert "nii" not in (store.place / "hashes").read_text(), "files are not known by name"


def test_content_that_is_kept_is_not_decoded_again_under_another_name(tmp_path: Path) -> None:
    (job,) = scans(tmp_path, 1)
    copy = tmp_path / "copy"
    copy.write_bytes(job.paths[0].read_bytes())
    store = DecodedStore(tmp_path / "decoded")
    with DecodePool(1, store=store) as pool:
        first = pool.one(job)
        (array,) = store.folder.rglob("*.npy")
        written = array.stat().st_ino
        second = pool.one(Job((copy,), "volume", "scan"))
    assert second.facts == first.facts
    assert array.stat().st_ino == written


def test_a_file_that_changed_is_not_known_even_with_size_and_time_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medxmodal.cohort.decode.hashes._FRESH", 0)
    path = tmp_path / "a"
    path.write_bytes(b"one")
    aged(path)
    hashes = FileHashes(tmp_path / "hashes")
    states = hashes.states([path])
    hashes.note([path], states, ["1" * 64])
    assert FileHashes(tmp_path / "hashes").known(states).sha256 == ("1" * 64,)
    path.write_bytes(b"two")
    aged(path)
    assert hashes.known(hashes.states([path])) is None
    hashes.note([path], states, ["2" * 64])
    assert hashes.known(hashes.states([path])) is None, "it changed while it was hashed"


def test_the_hash_of_a_fresh_file_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    hashes = FileHashes(tmp_path / "hashes")
    states = hashes.states([path])
    hashes.note([path], states, ["1" * 64])
    assert hashes.known(states) is None


def test_damaged_lines_are_left_out_and_a_long_file_is_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medxmodal.cohort.decode.hashes.LIMIT", 10)
    lines = [f"1-{n}-3-4-5 {n:064x}" for n in range(30)]
    path = tmp_path / "hashes"
    path.write_text("\n".join([*lines, "1-2-3", "\x00 " + "a" * 64, "1-31-3-4-5 abc"]) + "\n")
    assert FileHashes(path).known(["1-29-3-4-5"]).sha256 == (f"{29:064x}",)
    assert FileHashes(path).known(["1-31-3-4-5"]) is None
    assert len(path.read_text().splitlines()) <= 10
    assert FileHashes(path).known(["1-29-3-4-5"]).sizes == (3,)
