"""Describing: counts that add up, Table 1 with known figures, and missingness that tells the label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medxmodal.cohort import Cohort
from medxmodal.cohort.describe.describe import describe
from medxmodal.errors import CohortError
from medxmodal.records import DescribeRecord, TableRow


def row_of(record: DescribeRecord, variable: str, level: str) -> TableRow:
    (row,) = [r for r in record.table1 if (r.variable, r.level) == (variable, level)]
    return row


def test_known_figures_of_a_small_clinic(clinic: Any) -> None:
    clinic.rows[0] |= {"image": "", "Age": "unknown"}
    clinic.rows[4]["note"] = ""
    record = clinic.build().describe()
    assert (record.studies, record.patients, record.labelled, record.positives) == (12, 12, 12, 4)
    assert record.sites == {"north": 6, "south": 6}
    assert record.modalities == {"image": 11, "tabular": 12, "text": 11}
    assert [(c.modalities, c.studies) for c in record.cooccurrence] == [
        (["image", "tabular", "text"], 10),
        (["image", "tabular"], 1),
        (["tabular", "text"], 1),
    ]
    ages = [30 + i for i in range(1, 12)]
    low, middle, high = np.quantile(ages, [0.25, 0.5, 0.75])
    age = row_of(record, "Age", "median [quartiles]")
    assert age.summary["all"] == f"{middle:.4g} [{low:.4g}, {high:.4g}]"
    assert age.unit == "a"
    assert row_of(record, "Age", "missing").summary == {
        "all": "1 (8.3 %)",
        "well": "0 (0.0 %)",
        "ill": "1 (25.0 %)",
    }
    assert row_of(record, "Signs", "fever").summary["all"] == "6 (50.0 %)"
    assert row_of(record, "image", "present").summary["ill"] == "3 (75.0 %)"
    assert record.table1_columns == ["all", "well", "ill"]
    missing = {m.field: m for m in record.missingness}
    assert missing["image"].overall == pytest.approx(1 / 12, abs=1e-6)
    assert missing["tabular.Age"].by_label == {"well": 0.0, "ill": 0.25}
    assert missing["text"].by_site == {"north": 0.0, "south": pytest.approx(1 / 6, abs=1e-6)}


def test_it_survives_saving_and_reads_back(clinic: Any, tmp_path: Path) -> None:
    cohort = clinic.build()
    record = cohort.describe()
    assert Cohort.load(cohort.save(tmp_path / "c")).describe() == record
    assert DescribeRecord.read(record.write(tmp_path / "d.json")) == record


def test_without_labels_there_is_one_group_and_no_auroc(clinic: Any) -> None:
    for row in clinic.rows:
        del row["dx"]
    record = clinic.build(unlabelled=True).describe()
    assert (record.labelled, record.positives) == (0, 0)
    assert record.table1_columns == ["all"]
    assert set(record.mask_only_auroc.values()) == {None}


@pytest.mark.parametrize("because_ill", [True, False])
def test_missing_because_of_the_label_is_found(clinic: Any, because_ill: bool) -> None:
    rng = np.random.default_rng(4)
    rows = []
    for i in range(120):
        ill = bool(rng.random() < 0.4)
        gone = rng.random() < (0.85 if ill and because_ill else 0.15 if because_ill else 0.4)
        rows.append(
            clinic.rows[i % 12]
            | {"pid": f"id{i}", "dx": "ill" if ill else "well", "CRP": "" if gone else "3"}
        )
    clinic.rows = rows
    found = clinic.build().describe().mask_only_auroc
    assert found["modalities"] == 0.5
    assert found["columns"] is not None
    if because_ill:
        assert found["columns"] > 0.75
    else:
        assert 0.35 < found["columns"] < 0.65


def test_methods_facts_are_in_the_record(clinic: Any) -> None:
    clinic.rows[3]["pid"] = "id0"
    clinic.tree["exclude"] = [{"where": "Age == 41", "reason": "too old"}]
    record = clinic.build().describe()
    share, by_patient = record.prevalence, record.patient_prevalence
    assert share is not None
    assert by_patient is not None
    assert (share.count, share.of) == (4, 11)
    assert share.lower == pytest.approx(0.1517, abs=1e-3)
    assert share.upper == pytest.approx(0.6462, abs=1e-3)
    assert (by_patient.count, by_patient.of, record.most_studies) == (3, 10, 2)
    assert (record.first_year, record.last_year, record.undated) == (2021, 2021, 0)
    assert record.table1[0].variable == "Patients"
    assert record.table1[0].summary == {"all": "10", "well": "7", "ill": "3"}
    assert any("too old" in sentence for sentence in record.protocol)
    assert record.rebuild == "medxmodal build clinic.yaml --data DATA --out COHORT"
    assert record.versions["medxmodal"]
    assert [(g.by, g.name, g.studies) for g in record.groups] == [
        ("label", "well", 7),
        ("label", "ill", 4),
        ("site", "north", 5),
        ("site", "south", 6),
    ]


def test_table_1_by_site_and_by_split_adds_up(clinic: Any) -> None:
    cohort = clinic.build()
    split = cohort.split(sites=["south"])
    record = describe(cohort, parts=split._asdict())
    by = {table.by: table for table in record.table1_by}
    assert by["site"].columns == ["all", "north", "south"]
    assert by["split"].columns == ["all", "train", "test"]
    for table in by.values():
        for row in table.rows[:2]:
            whole, *parts = (int(row.summary[name]) for name in table.columns)
            assert whole == sum(parts)
    north = {(row.variable, row.level): row.summary["north"] for row in by["site"].rows}
    train = {(row.variable, row.level): row.summary["train"] for row in by["split"].rows}
    assert north == {key: train[key] for key in north}
    assert north["Label illness", "ill"] == "2 (33.3 %)"
    with pytest.raises(CohortError, match="part 'again'"):
        describe(cohort, parts={"once": split.train, "again": split.train})


def test_many_sites_are_counted_by_size(clinic: Any) -> None:
    for i, row in enumerate(clinic.rows):
        row["hospital"] = f"h{min(i, 9)}"
    record = clinic.build().describe()
    assert record.table1_by == []
    assert {row.variable for row in record.table1} & {"Site"} == set()
    (band,) = record.site_bands
    assert (band.least, band.most, band.sites, band.studies) == (1, 3, 10, 12)
    assert len(record.sites) == 10


def test_p_values_are_left_out_unless_asked_for(clinic: Any) -> None:
    cohort = clinic.build()
    assert {row.p for row in describe(cohort).table1} == {None}
    assert {row.p for row in describe(cohort, p_values=True).table1} != {None}


def test_a_keyed_cohort_names_no_file_and_no_patient(clinic: Any, tmp_path: Path) -> None:
    clinic.tree["ids"] = "keyed"
    text = clinic.build(keys=tmp_path / "keys").describe().model_dump_json()
    for row in clinic.rows:
        assert f'"{row["pid"]}"' not in text
        assert row["image"] not in text
    assert "records.csv" not in text
    assert "--keys KEYS" in text
