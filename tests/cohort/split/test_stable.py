"""Stable, nested and temporal splits: nobody on two sides, nobody moved by others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from medxmodal.cohort.split.folds import by_time, refuse_overlap
from medxmodal.cohort.split.nested_folds import nested
from medxmodal.cohort.split.stable import StableSplit, hash_split
from medxmodal.errors import CohortError

people = st.lists(st.text(max_size=6), min_size=1, max_size=60)
shares = st.sampled_from([(0.5, 0.5), (0.7, 0.1, 0.2), (0.25, 0.25, 0.25, 0.25)])


@given(people, people, shares, st.text(max_size=4))
def test_who_comes_or_goes_moves_nobody(
    first: list[str], more: list[str], shares: tuple[float, ...], salt: str
) -> None:
    alone = dict(zip(first, hash_split(first, shares, salt), strict=True))
    crowd = [*more, *first, *more]
    together = hash_split(crowd, shares, salt)
    assert {p: part for p, part in zip(crowd, together, strict=True) if p in alone} == alone
    assert set(together) <= set(range(len(shares)))
    for part in set(together):
        refuse_overlap(
            [p for p, where in zip(crowd, together, strict=True) if where == part],
            [p for p, where in zip(crowd, together, strict=True) if where != part],
        )


def test_shares_are_met_on_average_and_salts_differ() -> None:
    patients = [f"p{i}" for i in range(20_000)]
    one = np.array(hash_split(patients, [0.7, 0.1, 0.2], "a"))
    assert np.bincount(one) / len(one) == pytest.approx([0.7, 0.1, 0.2], abs=0.012)
    other = np.array(hash_split(patients, [0.7, 0.1, 0.2], "b"))
    assert (one == other).mean() == pytest.approx(0.49 + 0.01 + 0.04, abs=0.02)
    assert hash_split(["a"], [0.5, 0.5], "b") == hash_split(["a"], [0.5, 0.5], "b")


@given(people, people, st.data(), shares)
def test_a_stratified_split_keeps_those_it_was_fitted_on(
    first: list[str], more: list[str], data: st.DataObject, shares: tuple[float, ...]
) -> None:
    own = {p: data.draw(st.sampled_from(["0", "1"])) for p in [*first, *more]}
    split = StableSplit.fit(first, [own[p] for p in first], shares, "s")
    before = dict(zip(first, split.assign(first, [own[p] for p in first]), strict=True))
    crowd = [*more, *first]
    after = split.assign(crowd, [own[p] for p in crowd])
    assert {p: part for p, part in zip(crowd, after, strict=True) if p in before} == before
    for stratum in ("0", "1"):
        there = [p for p in set(first) if own[p] == stratum]
        for part, share in enumerate(shares):
            assert abs(sum(before[p] == part for p in there) - share * len(there)) <= 1


def test_a_patient_is_positive_with_one_positive_study() -> None:
    split = StableSplit.fit(["a", "b"], ["0", "0"], [0.5, 0.5], "s")
    assert split.assign(["a", "a"], ["0", "1"]) == split.assign(["a", "a"], ["1", "1"])
    with pytest.raises(CohortError, match="do not fit"):
        split.assign(["a"], [])


@pytest.mark.parametrize("wrong", [[], [1.0], [0.5, 0.4], [1.5, -0.5], [0.0, 1.0]])
def test_shares_must_add_up(wrong: list[float]) -> None:
    with pytest.raises(CohortError, match="add up to 1"):
        hash_split(["a"], wrong, "s")


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 25)), min_size=20, max_size=60), st.integers(2, 4)
)
def test_nested_folds_never_see_the_outer_test(cohort: list[tuple[int, int]], outer: int) -> None:
    labels, patients = [y for y, _ in cohort], [f"p{i}" for _, i in cohort]
    try:
        made = nested(labels, patients, outer=outer, inner=2, seed=3)
    except CohortError:
        assume(False)
    assert sorted(i for fold in made for i in fold.outer.test) == list(range(len(labels)))
    for fold in made:
        held = {patients[i] for i in fold.outer.test}
        assert sorted(i for part in fold.inner for i in part.test) == sorted(fold.outer.train)
        for part in fold.inner:
            train, test = ({patients[i] for i in side} for side in (part.train, part.test))
            assert not train & test
            assert not held & (train | test)
            assert {labels[i] for i in part.train} == {0, 1}


def test_nested_says_where_it_fails() -> None:
    with pytest.raises(CohortError, match="inside outer fold 0"):
        nested([0, 1] * 3, list("abcdef"), outer=2, inner=4, seed=0)


def test_by_time_learns_from_the_past_only() -> None:
    fold = by_time([2018, 2021, 2019, 2022, 2020], list("abcad"), since=2021)
    assert fold.test == (1, 3)
    assert fold.train == (2, 4)  # the first study is of a patient who is asked later
    with pytest.raises(CohortError, match="1 studies have no index time"):
        by_time([2018, None], ["a", "b"], since=2018)
    with pytest.raises(CohortError, match="leaves 0 to learn from"):
        by_time([2018, 2019], ["a", "b"], since=2000)


def test_overlap_is_refused_without_naming_anybody() -> None:
    with pytest.raises(CohortError, match="1 patients are on both sides") as refused:
        refuse_overlap(["Kowalska", "b"], ["c", "Kowalska"])
    assert "Kowalska" not in str(refused.value)
