"""Array files: every item is a row, and comes back from its exported file as it was."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from medxmodal.cohort.sources import arrays as room
from medxmodal.cohort.sources.arrays import ArrayFile, read_arrays
from medxmodal.cohort.sources.image import decode_image
from medxmodal.cohort.sources.nifti import decode_nifti
from medxmodal.errors import InputError, SpecError

RNG = np.random.default_rng(9)
VOLUMES = RNG.integers(0, 256, (5, 6, 7, 8), dtype=np.uint8)


def export_nifti(path: Path, split: str, item: int) -> bytes:
    with ArrayFile(path) as file:
        return file.export(split, item)


def saved(path: Path, *, packed: bool = True, **arrays: np.ndarray) -> Path:
    (np.savez_compressed if packed else np.savez)(path, **arrays)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    labels = np.array([[0, 2], [1, 3], [0, 2], [1, 2], [1, 9]], np.uint8)
    return saved(
        tmp_path / "a.npz",
        train_images=VOLUMES,
        train_labels=labels,
        val_images=VOLUMES[:2] // 2,
        val_labels=labels[:2],
        extra=np.zeros(3),
    )


def test_one_row_an_item_with_its_labels(file: Path) -> None:
    table = read_arrays(file)
    assert table.columns == ("split", "item", "label", "label_1")
    assert [tuple(row.cells.values()) for row in table.rows] == [
        ("train", "0", "0", "2"),
        ("train", "1", "1", "3"),
        ("train", "2", "0", "2"),
        ("train", "3", "1", "2"),
        ("train", "4", "1", "9"),
        ("val", "0", "0", "2"),
        ("val", "1", "1", "3"),
    ]
    assert [row.number for row in table.rows] == list(range(2, 9))
    assert table.rows[6].shown == "item 1 of val"
    assert table.size == file.stat().st_size
    assert "1 arrays are neither" in table.notes[0]


def test_items_come_back_in_any_order_and_always_as_the_same_bytes(file: Path) -> None:
    with ArrayFile(file) as arrays:
        assert arrays.sizes == {"train": 5, "val": 2}
        first = {n: arrays.export("train", n) for n in (3, 0, 4, 4, 1, 2)}
        val = arrays.export("val", 1)
    for n, data in first.items():
        found = decode_nifti(data, "item")
        np.testing.assert_array_equal(found.array, VOLUMES[n])
        assert found.array.dtype == np.uint8
        np.testing.assert_array_equal(found.affine, np.eye(4))
        assert export_nifti(file, "train", n) == data
    np.testing.assert_array_equal(decode_nifti(val, "item").array, VOLUMES[1] // 2)


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "i8", "f2", "f4", "f8", "?", ">i2"])
def test_every_type_of_number_survives(tmp_path: Path, kind: str) -> None:
    values = (VOLUMES % 2 if kind == "?" else VOLUMES).astype(kind)
    path = saved(tmp_path / "a.npz", images=values)
    found = decode_nifti(export_nifti(path, "all", 2), "item").array
    np.testing.assert_array_equal(found, values[2].astype(np.float32))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("packed", [True, False])
def test_memory_order_and_packing_do_not_matter(tmp_path: Path, order: str, packed: bool) -> None:
    path = saved(tmp_path / "a.npz", packed=packed, images=np.array(VOLUMES, order=order))
    with ArrayFile(path) as arrays:
        for n in (0, 2, 1):
            np.testing.assert_array_equal(arrays.item("all", n), VOLUMES[n])


def test_other_splits_and_files_without_labels(tmp_path: Path) -> None:
    labels = np.array([["a"], ["b"], ["a"], ["a"], ["b"]])
    test = read_arrays(saved(tmp_path / "t.npz", test_images=VOLUMES, test_labels=labels))
    assert [row.cells["label"] for row in test.rows] == ["a", "b", "a", "a", "b"]
    assert {row.cells["split"] for row in test.rows} == {"test"}
    alone = read_arrays(saved(tmp_path / "l.npz", images=VOLUMES, labels=np.arange(5.0)))
    assert [row.cells["label"] for row in alone.rows] == ["0", "1", "2", "3", "4"]
    bare = read_arrays(saved(tmp_path / "b.npz", test_images=VOLUMES))
    assert bare.columns == ("split", "item")
    assert bare.notes == ("the items of test have no labels",)


def test_pictures_become_png(tmp_path: Path) -> None:
    grey, colour = VOLUMES[:, :, :, 0], RNG.integers(0, 256, (2, 9, 8, 3), dtype=np.uint8)
    deep = grey.astype(np.uint16) * 250
    path = saved(
        tmp_path / "a.npz",
        grey_images=grey,
        colour_images=colour,
        deep_images=deep,
        one_images=grey[..., None],
    )
    with ArrayFile(path) as arrays:
        for split, expected in (("grey", grey), ("colour", colour), ("deep", deep), ("one", grey)):
            data = arrays.export(split, 1)
            assert data.startswith(b"\x89PNG")
            np.testing.assert_array_equal(decode_image(data, "item"), expected[1])


def test_wrong_files_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(words: str, **arrays: np.ndarray) -> None:
        with pytest.raises(InputError, match=words):
            read_arrays(saved(tmp_path / "x.npz", **arrays))

    refused("Python objects", images=np.array([{}, []], dtype=object))
    refused("Python objects", images=VOLUMES, labels=np.array([1, None, 2, 3, 4], dtype=object))
    refused("has no images", labels=np.arange(4))
    refused("labels of train", train_images=VOLUMES, train_labels=np.arange(4))
    refused("images or volumes are expected", images=np.zeros((3, 4)))
    refused("images or volumes are expected", images=np.zeros((3, 4, 4, 4, 2)))
    refused("images or volumes are expected", images=np.zeros((3, 4, 4), complex))
    (tmp_path / "no.npz").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match=r"no readable \.npz"):
        read_arrays(tmp_path / "no.npz")
    with pytest.raises(SpecError, match="has no array file"):
        read_arrays(tmp_path / "none.npz")
    with pytest.raises(SpecError, match="no item 5 of all"):
        export_nifti(saved(tmp_path / "x.npz", images=VOLUMES), "all", 5)
    monkeypatch.setattr("medxmodal.cohort.sources.array_items.MAX_VOXELS", 100)
    refused("the limit is", images=VOLUMES)


def test_what_a_header_declares_is_checked_before_anything_is_unpacked(tmp_path: Path) -> None:
    header = np.lib.format.magic(1, 0)
    text = "{'descr': '|u1', 'fortran_order': False, 'shape': (900000, 600, 600, 600), }"
    text += " " * (64 - (len(header) + 2 + len(text) + 1) % 64) + "\n"
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", header + len(text).to_bytes(2, "little") + text.encode() + bytes(10))
    with pytest.raises(InputError, match="another size than it declares"):
        read_arrays(path)


def test_damage_inside_is_said_before_any_item_is_taken(tmp_path: Path) -> None:
    volumes = RNG.integers(0, 256, (40, 16, 16, 16), dtype=np.uint8)
    file = saved(tmp_path / "a.npz", train_images=volumes)
    with zipfile.ZipFile(file) as archive:
        place = archive.getinfo("train_images.npy").header_offset
    data = bytearray(file.read_bytes())
    data[place + 90_000] ^= 255
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"train_images\.npy is damaged"):
        read_arrays(file)
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"no readable \.npz"):
        read_arrays(file)


def test_public_volumes_go_through_nifti_and_back(shared_data: Path) -> None:
    path = shared_data / "adrenal3d" / "adrenal64.npz"
    table = read_arrays(path)
    assert len(table.rows) == 1286
    assert {row.cells["label"] for row in table.rows} == {"0", "1"}
    with np.load(path) as stored, ArrayFile(path) as arrays:
        val = stored["val_images"]
        for n in range(len(val)):
            np.testing.assert_array_equal(decode_nifti(arrays.export("val", n), "item").array, val[n])
        assert room.ALONE not in arrays.sizes
