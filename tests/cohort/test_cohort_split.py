"""`Cohort.split`: by patient, by site, by time, never a patient on both sides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medxmodal.cohort import Cohort, Study
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.errors import CohortError
from medxmodal.records import Flow, Quality

SPEC = {
    "name": "c",
    "title": "c",
    "ids": "keep",
    "table": {"file": "t.csv", "patient": "p"},
    "label": {"name": "ill", "column": "ill", "positive": "1", "negative": "0"},
    "site": {"column": "site"},
    "modalities": {"text": {"kind": "text", "column": "note"}},
}


def cohort(order: Callable[[int], int] = lambda i: i, name: str = "p", n: int = 120) -> Cohort:
    """Two studies a patient, three sites, six years; a patient may be seen at two sites."""
    studies, years = [], []
    for i in (order(k) for k in range(n)):
        year = 2015 + i % 6
        patient = f"{name}{i // 2}"
        site = "abc"[(i // 2) % 3] if i % 10 else "a"
        inputs = {"text": {"text": f"note {i}"}}
        studies.append(
            Study(f"{name}s{i}", patient, site, inputs, {"ill": int(i // 2 % 4 == 0)}, datetime(year, 1, 1))
        )
        years.append(year)
    flow = Flow(found=n, steps=[], excluded=0, failed=0, studies=n)
    return Cohort(CohortSpec.model_validate(SPEC), studies, flow=flow, quality=Quality(), periods=years)


def disjoint(one: Cohort, other: Cohort) -> bool:
    return not set(one.patients) & set(other.patients)


def test_by_patient_and_stratified() -> None:
    train, test = cohort().split(0.25, seed=3)
    assert disjoint(train, test)
    assert len(train) + len(test) == 120
    assert abs(len(test) - 30) <= 2
    assert abs(np.mean(train.labels()) - np.mean(test.labels())) < 0.1


def test_it_depends_on_content_alone() -> None:
    one = cohort().split(0.3, seed=1).test
    other = cohort(lambda i: 119 - i, name="other").split(0.3, seed=1).test
    assert set(one.content) == set(other.content)
    assert set(one.content) != set(cohort().split(0.3, seed=2).test.content)


def test_by_site_leaves_shared_patients_out_of_training() -> None:
    train, test = cohort().split(sites=["a"])
    assert set(test.sites) == {"a"}
    assert disjoint(train, test)
    assert len(train) + len(test) < 120


def test_by_time() -> None:
    train, test = cohort().split(since=2018)
    assert min(year for year in test.period if year) == 2018
    assert max(year for year in train.period if year) < 2018
    assert disjoint(train, test)


def test_what_cannot_be_split_is_said(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no site 'x'"):
        cohort().split(sites=["x"])
    with pytest.raises(CohortError, match="to learn from"):
        cohort().split(sites=["a", "b", "c"])
    for share in (0.0, 1.0, 25):
        with pytest.raises(CohortError, match="between 0 and 1"):
            cohort().split(share)
    whole = cohort()
    undated = Cohort(whole.spec, whole.studies, flow=whole.flow, quality=whole.quality)
    with pytest.raises(CohortError, match="no index time"):
        undated.split(since=2018)


def test_a_salted_split_stays_when_patients_are_added(clinic: Any) -> None:
    whole = clinic.build()
    train, test = whole.split(share=0.5, salt="a")
    assert not set(train.patients) & set(test.patients)
    assert len(train) + len(test) == len(whole)
    fewer, _ = whole[:8].split(share=0.5, salt="a")
    assert set(fewer.patients) == set(train.patients) & set(whole.patients[:8])
    assert set(whole.split(share=0.5, salt="b").train.patients) != set(train.patients)
