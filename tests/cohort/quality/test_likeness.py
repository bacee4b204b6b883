"""Near-identical images: no pair is lost, no patient accuses themselves."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.quality.likeness import image_hash, near_duplicates
from medxmodal.errors import CohortError

sets = st.lists(
    st.tuples(
        st.sampled_from([2**32 - 1, 0x0123456789ABCDEF, 2**64 - 1]), st.sets(st.integers(0, 63), max_size=5)
    ),
    min_size=1,
    max_size=12,
)


@given(sets, st.integers(1, 4))
def test_pairs_are_those_of_counting_bits(made: list[tuple[int, set[int]]], patients: int) -> None:
    values = [base ^ sum(1 << bit for bit in flipped) for base, flipped in made]
    hashes = {f"s{i:02d}": f"{value:016x}" for i, value in enumerate(values)}
    owner = {study: f"p{i % patients}" for i, study in enumerate(hashes)}
    groups = near_duplicates(hashes, owner)
    where = {study: number for number, group in enumerate(groups) for study in group}
    for a in hashes:
        near = [
            b
            for b in hashes
            if owner[a] != owner[b] and (int(hashes[a], 16) ^ int(hashes[b], 16)).bit_count() <= 4
        ]
        assert (a in where) == bool(near)
        assert all(where[a] == where[b] for b in near)
    for group in groups:
        assert len({owner[study] for study in group}) > 1


@pytest.mark.parametrize(("digits", "limit"), [(16, 5.0), (64, 60.0)])
def test_planted_pairs_in_many_images(digits: int, limit: float, rng: np.random.Generator) -> None:
    many = 20_000 if digits == 16 else 5_000
    values = [int.from_bytes(rng.bytes(digits // 2), "big") for _ in range(many)]
    for i in range(50):
        bits = rng.choice(digits * 4, digits // 4, replace=False)
        values[2 * i + 1] = values[2 * i] ^ sum(1 << int(bit) for bit in bits)
    hashes = {f"{i:05d}": f"{value:0{digits}x}" for i, value in enumerate(values)}
    start = time.process_time()
    groups = near_duplicates(hashes, {study: study for study in hashes})
    assert time.process_time() - start < limit
    assert groups == [[f"{2 * i:05d}", f"{2 * i + 1:05d}"] for i in range(50)]


def test_the_hash_is_that_of_imagehash(rng: np.random.Generator) -> None:
    import imagehash
    from PIL import Image

    for shape in ((90, 70), (40, 200, 3), (64, 64)):
        smooth = Image.fromarray(rng.integers(0, 256, (9, 7), dtype=np.uint8)).resize(shape[1::-1])
        plane = np.asarray(smooth if len(shape) == 2 else smooth.convert("RGB"))
        assert image_hash(plane) == str(imagehash.phash(Image.fromarray(plane), hash_size=16))
    assert image_hash(np.zeros((5, 5), np.uint8)) == image_hash(np.zeros((50, 70), np.uint8))


def test_pictures_with_nothing_in_them_are_not_alike() -> None:
    blank = image_hash(np.zeros((9, 9), np.uint8))
    assert near_duplicates({"s": blank, "t": blank}, {"s": "a", "t": "b"}) == []


def test_what_cannot_be_compared() -> None:
    assert near_duplicates({}, {}) == []
    with pytest.raises(CohortError, match="cannot be compared"):
        near_duplicates({"s": "00" * 8, "t": "00" * 32}, {"s": "a", "t": "b"})
    with pytest.raises(CohortError, match="no hex"):
        near_duplicates({"s": "xy" * 8}, {"s": "a"})


@pytest.mark.parametrize("size", [8, 16])
def test_real_images(shared_data: Path, size: int) -> None:
    import imagehash
    from PIL import Image

    found = {}
    for name in ("breast_poland", "breast_cairo", "chest_hannover"):
        folder = shared_data / name
        if not folder.is_dir():
            pytest.skip(f"no {name} here")
        paths = sorted((folder / "images").iterdir())[:200]
        hashes = {p.stem: str(imagehash.phash(Image.open(p).convert("L"), hash_size=size)) for p in paths}
        owner = {study: study for study in hashes}
        if name == "chest_hannover":
            with (folder / "data.csv").open() as stream:
                owner |= {row["image_id"]: row["patient_id"] for row in csv.DictReader(stream)}
        found[name] = near_duplicates(hashes, owner)
    assert not found["breast_poland"]
    assert not found["chest_hannover"]
    assert found["breast_cairo"]
