"""Study ids: one a record, the same whichever rules apply, so that `seen` never names another study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medxmodal.cohort import Cohort, by_site, kfold
from medxmodal.cohort.split.folds import inner_split


def content_of(cohort: Cohort) -> dict[str, str]:
    return {s.study_id: s.inputs["image"]["file"].sha256 for s in cohort}


@pytest.mark.parametrize("ids", ["keep", "keyed"])
def test_without_labels_a_study_keeps_its_id(clinic: Any, tmp_path: Path, ids: str) -> None:
    clinic.tree |= {"ids": ids, "exclude": [{"where": "dx == 'normal'", "reason": "no lesion"}]}
    keys = {"keys": tmp_path / "keys"} if ids == "keyed" else {}
    for row in clinic.rows[:4]:
        row["pid"] = "id0"
    clinic.rows[0]["dx"] = clinic.rows[2]["dx"] = "normal"
    labelled = content_of(clinic.build(**keys))
    for row in clinic.rows:
        del row["dx"]
    unlabelled = content_of(clinic.build(unlabelled=True, **keys))
    assert len(labelled) == 10
    assert len(unlabelled) == 12
    assert labelled.items() <= unlabelled.items()


def test_a_doubled_study_id_matters_only_among_those_kept(clinic: Any) -> None:
    for i, row in enumerate(clinic.rows):
        row["exam"] = f"e{i}"
    clinic.rows[7] |= {"exam": "e2", "dx": "normal"}
    clinic.tree["table"]["study"] = "exam"
    clinic.tree["exclude"] = [{"where": "dx == 'normal'", "reason": "no lesion"}]
    assert len(clinic.build()) == 11


def test_several_studies_of_a_patient_stay_together_in_every_split(clinic: Any) -> None:
    for i, row in enumerate(clinic.rows):
        row |= {"pid": f"id{i // 2}", "hospital": "north" if i < 5 else "south"}
        row["dx"] = "ill" if i % 4 == 0 else "well"
    cohort = clinic.build()
    assert len(set(cohort.patients)) == 6
    folds = kfold(cohort.labels(), cohort.patients, folds=3, seed=0, content=cohort.content)
    folds += by_site(cohort.sites, cohort.patients)
    inner = inner_split(cohort.labels(), cohort.patients, 0.3, 0, content=cohort.content)
    for train, held in [*((f.train, f.test) for f in folds), (inner.train, inner.validation)]:
        assert held
        assert not {cohort.patients[i] for i in train} & {cohort.patients[i] for i in held}


def test_a_patient_of_two_sites_is_left_out_where_one_of_them_is_tested(clinic: Any) -> None:
    clinic.rows[1]["pid"] = "id0"  # row 0 is south, row 1 is north
    cohort = clinic.build()
    folds = {cohort.sites[fold.test[0]]: fold for fold in by_site(cohort.sites, cohort.patients)}
    for fold in folds.values():
        assert "id0" in {cohort.patients[i] for i in fold.test}
        assert "id0" not in {cohort.patients[i] for i in fold.train}


def test_a_record_without_id_takes_nobody_else_s(clinic: Any) -> None:
    clinic.rows[0]["pid"] = ""
    clinic.rows[5]["pid"] = "row-2"
    cohort = clinic.build()
    ids = [study.study_id for study in cohort] + [failed.study_id for failed in cohort.failed]
    assert "row-2" in ids
    assert len(set(ids)) == 12
