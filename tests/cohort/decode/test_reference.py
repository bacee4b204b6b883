"""Decoding: caches bounded in bytes, no file that has changed, no crash of the process that asks."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from medxmodal.cohort.decode import reference as room
from medxmodal.cohort.decode.reference import DecodedCache, decode, decode_full, verify
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.study import FileReference, joined_sha256
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
        cache.put(name, Decoded(np.zeros(100, np.uint8)))
    assert cache.get("a") is None
    assert cache.get("b") is not None
    cache.put("d", Decoded(np.zeros(100, np.uint8)))
    assert cache.get("c") is None
    assert cache.get("b") is not None
    cache.put("huge", Decoded(np.zeros(1000, np.uint8)))
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


AFFINE = np.array([[0, -2.0, 0, 10], [1.5, 0, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])


def refer(folder: Path, files: dict[str, bytes], shown: str) -> FileReference:
    hashes = []
    for name, data in files.items():
        (folder / name).write_bytes(data)
        hashes.append(hashlib.sha256(data).hexdigest())
    size = sum(map(len, files.values()))
    return FileReference("\n".join(files), joined_sha256(hashes), size, shown, FolderRoot(folder))


@pytest.fixture
def volume(tmp_path: Path) -> tuple[FileReference, np.ndarray]:
    values = np.random.default_rng().integers(-500, 900, (4, 5, 6), dtype=np.int16)
    data = gzip.compress(nibabel.Nifti1Image(values, AFFINE).to_bytes())
    return refer(tmp_path, {"Doe_Jane.nii.gz": data}, "scan 1"), values


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDXMODAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


def test_a_volume_is_decoded_once_then_mapped_with_its_geometry(
    volume: tuple[FileReference, np.ndarray], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, values = volume
    first = decode_full(reference, "volume")
    monkeypatch.setattr(room, "shared_pool", lambda: pytest.fail("decoded again"))
    second = decode_full(reference, "volume")
    for found in (first, second):
        np.testing.assert_array_equal(found.array, values)
        np.testing.assert_array_equal(found.affine, AFFINE)
        assert found.spacing == (1.5, 2.0, 3.0)
        assert type(found.array) is np.ndarray
        assert not found.array.flags.writeable
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert {name for name in names if name != "hashes"} == {
        f"{reference.sha256}-volume.npy", f"{reference.sha256}-volume.json"
    }  # fmt: skip
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("switch", [{"MEDXMODAL_CACHE": "off"}, {"MEDXMODAL_CACHE_BYTES": "0"}])
def test_without_a_cache_pixels_come_through_the_pipe_and_nothing_is_left(
    volume: tuple[FileReference, np.ndarray],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    switch: dict[str, str],
) -> None:
    for name, value in switch.items():
        monkeypatch.setenv(name, value)
    reference, values = volume
    found = decode_full(reference, "volume")
    np.testing.assert_array_equal(found.array, values)
    np.testing.assert_array_equal(found.affine, AFFINE)
    assert not found.array.flags.writeable
    assert decode(reference, "volume") is found.array
    assert not folder.exists()


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    volume: tuple[FileReference, np.ndarray], folder: Path
) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")
    np.testing.assert_array_equal(decode(volume[0], "volume"), volume[1])


def test_a_damaged_entry_is_made_again(volume: tuple[FileReference, np.ndarray], folder: Path) -> None:
    reference, values = volume
    decode(reference, "volume")
    (array,) = folder.rglob("*.npy")
    whole, said = array.read_bytes(), array.with_suffix(".json")
    damages = (
        lambda: array.write_bytes(whole[:-1]),
        lambda: array.write_bytes(b"X" + whole[1:]),
        lambda: array.unlink(),
        lambda: said.write_text("{"),
        lambda: said.unlink(),
        lambda: said.write_text(said.read_text().replace("[4, 5, 6]", "[4, 6, 5]")),
    )
    for damage in damages:
        damage()
        np.testing.assert_array_equal(decode(reference, "volume"), values)
        assert array.read_bytes() == whole


def test_a_changed_volume_is_refused_though_it_is_kept(
    volume: tuple[FileReference, np.ndarray], folder: Path
) -> None:
    reference, _ = volume
    decode(reference, "volume")
    path = reference.path()
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    with pytest.raises(InputError, match="scan 1 has changed"):
        decode(reference, "volume")


def test_a_clip_of_several_files_is_one_input(tmp_path: Path, folder: Path) -> None:
    frames = np.random.default_rng().integers(0, 256, (3, 8, 9), dtype=np.uint8)
    files = {}
    for number, frame in enumerate(frames):
        stream = io.BytesIO()
        Image.fromarray(frame).save(stream, "PNG")
        files[f"frame_{number}.png"] = stream.getvalue()
    reference = refer(tmp_path, files, "clip 1")
    np.testing.assert_array_equal(decode(reference, "video"), frames)
    path = reference.paths()[2]
    path.write_bytes(reference.paths()[0].read_bytes())
    with pytest.raises(InputError, match="clip 1 has changed"):
        decode(reference, "video")


def test_a_bad_volume_is_an_input_error_each_time(tmp_path: Path, folder: Path) -> None:
    reference = refer(tmp_path, {"a.nii": b"nothing of the kind"}, "scan 4")
    for _ in range(2):
        with pytest.raises(InputError, match="scan 4 is neither DICOM nor NIfTI"):
            decode(reference, "volume")
    with pytest.raises(InputError, match="scan 4 is no image"):
        decode(reference, "image")


def test_a_wrong_limit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDXMODAL_CACHE_BYTES", "8G")
    with pytest.raises(InputError, match="MEDXMODAL_CACHE_BYTES is '8G'"):
        DecodedStore.from_environment()


def test_a_public_series_comes_through_a_worker_as_it_is(shared_data: Path, folder: Path) -> None:
    from medxmodal.cohort.sources.dicom.decode import decode_dicom

    series = min(path for path in (shared_data / "dicom_brain").iterdir() if path.is_dir())
    paths = sorted(path for path in series.rglob("*") if path.is_file())
    blobs = [path.read_bytes() for path in paths]
    whole = joined_sha256([hashlib.sha256(data).hexdigest() for data in blobs])
    locator = "\n".join(str(path.relative_to(shared_data)) for path in paths)
    reference = FileReference(locator, whole, sum(map(len, blobs)), "series 1", FolderRoot(shared_data))
    expected = decode_dicom(blobs, "series 1", kind="volume")
    for _ in range(2):
        found = decode_full(reference, "volume")
        np.testing.assert_array_equal(found.array, expected.array)
        np.testing.assert_array_equal(found.affine, expected.affine)
        assert found.spacing == expected.spacing


def test_several_masks_of_one_image_are_their_union(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = np.zeros((2, 8, 9), np.uint8)
    masks[0, 1:3, 2:4], masks[1, 5:, 6:] = 255, 255
    files = {}
    for number, mask in enumerate(masks):
        stream = io.BytesIO()
        Image.fromarray(mask).save(stream, "PNG")
        files[f"mask_{number}.png"] = stream.getvalue()
    reference = refer(tmp_path, files, "mask 1")
    monkeypatch.setattr(room, "shared_pool", lambda: pytest.fail("a worker for plain pictures"))
    np.testing.assert_array_equal(decode(reference), masks.max(axis=0))
    reference.paths()[1].write_bytes(files["mask_0.png"])
    with pytest.raises(InputError, match="mask 1 has changed"):
        decode(reference)
