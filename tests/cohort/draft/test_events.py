"""Drafts with events: keys, times and units found; who somebody is stays out, in cells and in columns."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.draft.drafter import draft_spec
from medxmodal.cohort.draft.yaml import Draft

PEOPLE = 45


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def stays(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {
            "stay_id": 100 + i,
            "patient_id": f"P{i // 2}",
            "age": int(rng.integers(20, 90)),
            "discharge_status": "Expired" if rng.random() < 0.3 else "Alive",
            "unitdischargeoffset": int(rng.integers(1500, 9000)),
        }
        for i in range(PEOPLE)
    ]


def parsed(draft: Draft) -> CohortSpec:
    return CohortSpec.parse(yaml.safe_load(draft.yaml))


def test_offsets_of_all_tables_count_in_one_unit(tmp_path: Path, rng: np.random.Generator) -> None:
    data = tmp_path / "icu"
    write(data / "stays.csv", stays(rng))
    vitals = [
        {"stay_id": 100 + int(rng.integers(PEOPLE)), "observationoffset": int(rng.integers(-60, 3000)),
         "heartrate": int(rng.integers(50, 120))}
        for _ in range(400)
    ]  # fmt: skip
    early = [
        {"stay_id": 100 + i, "noteoffset": int(rng.integers(1, 90)), "notetext": f"He says {i} things"}
        for i in range(PEOPLE)
    ]  # fmt: skip
    write(data / "vitals.csv", vitals)
    write(data / "notes.csv", early)
    write(data / "elsewhere.csv", [{"word": "a", "meaning": "b"}])
    draft = draft_spec(data)
    spec = parsed(draft)
    assert (spec.table.patient, spec.table.study) == ("patient_id", "stay_id")
    assert {name: table.time.unit for name, table in spec.tables.items() if table.time} == {
        "vitals": "min",
        "notes": "min",  # its own numbers are small
    }
    assert all(table.optional for table in spec.tables.values())
    assert spec.index_time is not None
    assert spec.index_time.after == "24 h"
    assert "unitdischargeoffset" in spec.leaks
    assert any("elsewhere.csv" in guess for guess in draft.guesses)
    cohort = Cohort.from_spec(spec, data, keys=tmp_path / "keys")
    assert len(cohort) == PEOPLE
    assert {"tabular", "vitals", "text"} == set(spec.modalities)


def test_values_with_a_time_beside_each(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = [
        row | {"crp_val": round(float(rng.lognormal()), 2), "crp_offset": int(rng.integers(-3, 3)),
               "icu_admission_offset": int(rng.integers(0, 5)) if rng.random() < 0.4 else ""}
        for row in stays(rng)
    ]  # fmt: skip
    for row in rows:
        del row["discharge_status"], row["unitdischargeoffset"]
    write(tmp_path / "clinic" / "data.csv", rows)
    draft = draft_spec(tmp_path / "clinic")
    spec = parsed(draft)
    crp = spec.modalities["tabular"].columns["crp"]  # type: ignore[union-attr]
    assert (crp.column, crp.time.column, crp.time.unit) == ("crp_val", ["crp_offset"], "d")  # type: ignore[union-attr]
    assert spec.label is not None
    assert spec.label.where == "icu_admission_offset is not missing"
    assert "icu_admission_offset" in spec.leaks
    late = sum(int(row["crp_offset"]) > 0 for row in rows)
    cohort = Cohort.from_spec(spec, tmp_path / "clinic", keys=tmp_path / "keys")
    given = sum(study.inputs["tabular"]["crp"] is not None for study in cohort)
    assert given == PEOPLE - late


def test_tables_with_dates_that_cannot_be_read_are_no_inputs(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    write(tmp_path / "clinic" / "patients.csv", stays(rng))
    labs = [
        {"patient_id": f"P{i % 20}", "taken": f"{1 + i % 28}.3.2021", "sodium": 130 + i % 15}
        for i in range(90)
    ]  # fmt: skip
    write(tmp_path / "clinic" / "labs.csv", labs)
    draft = draft_spec(tmp_path / "clinic")
    assert parsed(draft).tables == {}
    assert any("labs" in guess and "2021-03-01" in guess for guess in draft.guesses)


def test_tables_of_one_layout_are_one(tmp_path: Path, rng: np.random.Generator) -> None:
    for site in ("north", "south", "west"):
        rows = [{"age": int(rng.integers(20, 90)), "num": int(rng.integers(0, 4))} for _ in range(30)]
        write(tmp_path / "hearts" / f"{site}.csv", rows)
    spec = parsed(draft_spec(tmp_path / "hearts"))
    assert (spec.table.file, spec.table.patient, spec.site.column) == ("*.csv", "{_file}-{_row}", "_file")
    assert spec.label is not None
    assert spec.label.where == "num > 0"
    cohort = Cohort.from_spec(spec, tmp_path / "hearts", keys=tmp_path / "keys")
    assert len(cohort) == 90
    assert len({study.site for study in cohort}) == 3


def test_sheets_of_a_workbook_are_tables(tmp_path: Path, rng: np.random.Generator) -> None:
    import pandas as pd

    (tmp_path / "clinic").mkdir()
    visits = [
        {"patient_id": f"P{i % 20}", "days": int(rng.integers(-9, 0)), "sodium": 130 + i % 15}
        for i in range(90)
    ]  # fmt: skip
    with pd.ExcelWriter(tmp_path / "clinic" / "study.xlsx") as book:
        pd.DataFrame({"how": ["to read"], "this": ["book"]}).to_excel(book, sheet_name="Legend", index=False)
        pd.DataFrame(stays(rng)).to_excel(book, sheet_name="Patients", index=False)
        pd.DataFrame(visits).to_excel(book, sheet_name="Lab values", index=False)
    draft = draft_spec(tmp_path / "clinic")
    spec = parsed(draft)
    assert (spec.table.file, spec.table.sheet) == ("study.xlsx", "Patients")
    (labs,) = spec.tables.values()
    assert (labs.sheet, labs.key, labs.equals) == ("Lab values", "patient_id", "patient_id")
    assert labs.time is not None
    assert (labs.time.column, labs.time.unit) == (["days"], "d")
    assert any("sheet Legend" in guess for guess in draft.guesses)
    assert len(Cohort.from_spec(spec, tmp_path / "clinic", keys=tmp_path / "keys")) == PEOPLE


def hospital(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Everything that tells who somebody is, in columns that say so and in some that do not."""
    return [
        {
            "Fallnummer": f"F{i:05d}",
            "Patientenname": "Mustermann, Erika",
            "Name": f"Meier{i % 3}",
            "Geburtsdatum": f"19{50 + i}-03-04",
            "Strasse": "Hauptstrasse 5",
            "Tel": "030 1234567",
            "E-Mail": "erika@example.org",
            "MRN": f"7788{i}",
            "Betreuer": "Dr. Weber" if i % 2 else "Dr. Schulz",
            "Aufnahmedatum": f"2021-03-{1 + i % 28:02d}",
            "Alter": int(rng.integers(20, 90)),
            "Gewicht": "Erika Mustermann" if i % 9 == 0 else int(rng.integers(40, 99)),
            "Anamnese": f"Frau Mustermann{i} kam am 3.4.2021 und klagte über viele Dinge, die weh tun.",
            "Histologie": "maligne" if rng.random() < 0.4 else "benigne",
        }
        for i in range(PEOPLE)
    ]


def test_who_somebody_is_reaches_neither_the_draft_nor_its_guesses(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    write(tmp_path / "klinik" / "stamm.csv", hospital(rng))
    draft = draft_spec(tmp_path / "klinik")
    told = "\n".join([draft.yaml, *draft.guesses])
    for planted in ("Mustermann", "Meier", "1950", "Hauptstrasse", "1234567", "example", "7788", "F000",
                    "Weber", "Schulz", "2021-03-", "weh tun"):  # fmt: skip
        assert planted not in told.replace("2021-03-01", "")
    spec = parsed(draft)
    assert spec.table.patient == "Fallnummer"
    assert spec.ids == "keyed"
    columns = set(spec.modalities["tabular"].columns)  # type: ignore[union-attr]
    assert columns == {"Alter", "Gewicht"}
    (out,) = [guess for guess in draft.guesses if "may tell who somebody is" in guess]
    for name in ("Patientenname", "Geburtsdatum", "Strasse", "Tel", "E-Mail", "MRN", "Betreuer"):
        assert name in out
    assert len(Cohort.from_spec(spec, tmp_path / "klinik", keys=tmp_path / "keys")) == PEOPLE


def test_a_column_of_free_text_is_no_label_and_shows_no_values(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    rows = [
        {"patient_id": i, "status": f"seen by Anna Schmidt on day {i} of a long stay, disease {i}", "age": i}
        for i in range(40)
    ]  # fmt: skip
    write(tmp_path / "clinic" / "t.csv", rows)
    draft = draft_spec(tmp_path / "clinic")
    assert parsed(draft).label is None
    assert "Schmidt" not in draft.yaml + " ".join(draft.guesses)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "json"])
def test_of_a_large_table_only_the_beginning_is_read(
    ending: str, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    from medxmodal.cohort.draft import sample as draft_sample

    monkeypatch.setattr(draft_sample, "MAX_BYTES", 20_000)
    monkeypatch.setattr(draft_sample, "MAX_ROWS", 500)
    n = 3000
    table = pd.DataFrame({
        "patient_id": [f"P{i}" for i in range(n)],
        "outcome": np.where(rng.random(n) < 0.4, "dead", "alive"),
        "note": ["He said, \"it hurts\";\nand then\nmore of it"] * n,
        "age": rng.integers(20, 90, n),
    })  # fmt: skip
    (tmp_path / "big").mkdir()
    path = tmp_path / "big" / f"t.{ending}"
    if ending.startswith("csv"):
        table.to_csv(path, index=False)
    elif ending == "parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True)
        path.rename(path.with_suffix(".ndjson"))
    draft = draft_spec(tmp_path / "big")
    assert any("is large: its first" in guess for guess in draft.guesses)
    assert len(Cohort.from_spec(parsed(draft), tmp_path / "big", keys=tmp_path / "keys")) == n
