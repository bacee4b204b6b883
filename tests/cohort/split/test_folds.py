"""Splits: by patient, stratified, the same wherever the same patients come from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from medxmodal.cohort import by_site, kfold
from medxmodal.cohort.split.folds import inner_split
from medxmodal.errors import CohortError

cohorts = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, float("nan")]), st.integers(0, 30)), min_size=10, max_size=80
)


def enough(labels: list[float], patients: list[str], folds: int) -> bool:
    """Every class has enough patients that no training part can miss it."""
    groups = {c: {p for y, p in zip(labels, patients, strict=True) if y == c} for c in (0.0, 1.0)}
    mixed = groups[0.0] & groups[1.0]
    return min(len(groups[0.0] - mixed), len(groups[1.0])) >= folds


@given(cohorts, st.integers(2, 5), st.integers(1, 2), st.integers(0, 99), st.booleans())
def test_invariants(
    cohort: list[tuple[float, int]], folds: int, repeats: int, seed: int, stratify: bool
) -> None:
    labels, patients = [y for y, _ in cohort], [f"p{i}" for _, i in cohort]
    assume(enough(labels, patients, folds))
    try:
        made = kfold(labels, patients, folds=folds, repeats=repeats, seed=seed, stratify=stratify)
    except CohortError:
        assert not stratify
        return
    assert len(made) == folds * repeats
    for repeat in range(repeats):
        parts = [fold for fold in made if fold.repeat == repeat]
        assert sorted(i for fold in parts for i in fold.test) == list(range(len(labels)))
    for fold in made:
        assert fold.test
        assert sorted(fold.train + fold.test) == list(range(len(labels)))
        assert not {patients[i] for i in fold.train} & {patients[i] for i in fold.test}


@given(st.integers(20, 120), st.floats(0.1, 0.9), st.integers(0, 5))
def test_stratified_parts_are_even(n: int, share: float, seed: int) -> None:
    labels = np.arange(n) < max(5, min(n - 5, int(share * n)))
    folds = kfold(labels, [str(i) for i in range(n)], folds=5, seed=seed)
    positives = [labels[list(fold.test)].sum() for fold in folds]
    sizes = [len(fold.test) for fold in folds]
    assert max(positives) - min(positives) <= 1
    assert max(sizes) - min(sizes) <= 1


def test_large_patients_are_spread() -> None:
    patients = [f"big{i}" for i in range(5) for _ in range(20)] + [f"small{i}" for i in range(50)]
    labels = np.array([i % 2 for i in range(len(patients))], float)
    sizes = [len(fold.test) for fold in kfold(labels, patients, folds=5, seed=3, stratify=False)]
    assert max(sizes) - min(sizes) <= 1


def test_seeds_and_repeats_differ_and_repeat_themselves() -> None:
    labels, patients = [i % 2 for i in range(40)], [str(i) for i in range(40)]
    one = kfold(labels, patients, folds=4, repeats=2, seed=1)
    assert one == kfold(labels, patients, folds=4, repeats=2, seed=1)
    assert {f.test for f in one[:4]} != {f.test for f in one[4:]}
    assert one != kfold(labels, patients, folds=4, repeats=2, seed=2)


def test_with_content_neither_ids_nor_order_matter(rng: np.random.Generator) -> None:
    labels = (rng.random(50) < 0.4).astype(float)
    patients = [f"p{i // 2}" for i in range(50)]
    content = [f"{i:03d}" for i in rng.permutation(50)]
    order = rng.permutation(50)

    def parts(labels: np.ndarray, patients: list[str], content: list[str]) -> set[frozenset[str]]:
        folds = kfold(labels, patients, folds=5, seed=7, content=content)
        return {frozenset(content[i] for i in fold.test) for fold in folds}

    renamed = [f"x{hash(p)}" for p in patients]
    assert parts(labels, patients, content) == parts(
        labels[order], [renamed[i] for i in order], [content[i] for i in order]
    )


@pytest.mark.parametrize(
    ("labels", "patients", "folds", "words"),
    [
        ([0, 1, 0, 1], ["a", "b", "a", "b"], 3, "2 patients cannot make 3 folds"),
        ([1, 1, 1, 1], list("abcd"), 2, "one class only"),
        ([1, 0, 0, 0], list("abcd"), 2, "one class only"),
        ([0, 1, 0, 1], list("abcd"), 1, "at least 2 folds"),
        ([0, 1, 0], list("abcd"), 2, "do not fit"),
    ],
)
def test_what_cannot_be_split(labels: list[int], patients: list[str], folds: int, words: str) -> None:
    with pytest.raises(CohortError, match=words):
        kfold(labels, patients, folds=folds, seed=0)


def test_unlabelled_studies_can_be_split() -> None:
    assert len(kfold([np.nan] * 6, list("abcdef"), folds=3, seed=0)) == 3


def test_by_site() -> None:
    sites, patients = ["n", "s", "n", "w", "s"], ["a", "b", "c", "a", "d"]
    folds = by_site(sites)
    assert [(f.fold, f.test) for f in folds] == [(0, (0, 2)), (1, (1, 4)), (2, (3,))]
    assert folds[0].train == (1, 3, 4)
    apart = by_site(sites, patients)
    assert apart[0].train == (1, 4)  # patient a was also seen at w
    assert apart[2].train == (1, 2, 4)
    with pytest.raises(CohortError, match="two sites"):
        by_site(["n", "n"])


@given(cohorts, st.floats(0.1, 0.4), st.integers(0, 9))
def test_inner_split(cohort: list[tuple[float, int]], share: float, seed: int) -> None:
    labels, patients = [y for y, _ in cohort], [f"p{i}" for _, i in cohort]
    assume(enough(labels, patients, 2))
    train, validation = inner_split(labels, patients, share, seed)
    assert sorted(train + validation) == list(range(len(labels)))
    assert not {patients[i] for i in train} & {patients[i] for i in validation}


def test_the_inner_share_is_met_per_class() -> None:
    labels = np.array([1.0] * 40 + [0.0] * 160)
    validation = inner_split(labels, [str(i) for i in range(200)], 0.2, 0).validation
    assert len(validation) == 40
    assert labels[list(validation)].sum() == 8
    with pytest.raises(CohortError, match=r"between 0 and 0\.5"):
        inner_split(labels, [str(i) for i in range(200)], 0.6, 0)
