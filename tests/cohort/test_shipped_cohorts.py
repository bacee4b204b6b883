"""The shipped specs on real data: what leaks stays out, counts agree, any part in the same layout builds."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.engine.plan import needed_columns
from medxmodal.cohort.spec.cohort_spec import used_columns

LEAKS = {
    "breast_poland": ["BIRADS", "Interpretation", "Verification", "Diagnosis"],
    "breast_poland_reading": ["BIRADS", "Interpretation", "Verification", "Diagnosis"],
    "chest_world": ["finding", "other_notes", "filename", "url", "date"],
    "chest_hannover": ["projection", "icu_release_offset", "death_offset"],
    "icu_eicu": [
        "hospitaldischargestatus", "hospitaldischargelocation", "hospitaldischargeoffset", "dischargeweight",
        "unitdischargestatus", "unitdischargelocation", "unitdischargeoffset",
        "result.predictedhospitalmortality", "result.predictedicumortality", "result.actualicumortality",
    ],
    "kidney_kits": ["tumor_isup_grade", "pathology_t_stage", "tumor_histologic_subtype", "vital_status"],
    "lung_ultrasound": ["Filename", "Title", "URL (Video Name)", "Comments from web site"],
}  # fmt: skip
"""Cohort -> columns that tell the label."""
EVERY = (
    *LEAKS,
    "breast_cairo",
    "heart_4sites",
    "adrenal3d",
    "fhir_synthea",
    "fhir_bulk",
    "hippocampus",
    "dicom_brain",
)

NAMES_DISEASE = re.compile(
    r"covid|sars|corona|n?cov[- ]?2|\bmers\b|wuhan|pandemic|pneumon|bacteri|\bvir(al|us)|strepto|klebsiel"
    r"|legionel|mycoplasm|chlamyd|influenza|h1n1|\bflu\b|varicell|chickenpox|aspergill|tubercul|fung(al|us)"
    r"|pneumocyst|jirove|\bp[cj]p\b|\bpcr\b|swab|antigen|antibod|serolog|\btest|positiv|negativ|confirm|culture|lavage|biops|\bards\b"
    r"|lipoid|organi[sz]ing|cryptogenic|eosinophil|interstitial|\buip\b|\bhiv\b|\b20[012]\d\b|-19\b",
    re.IGNORECASE,
)


def link(folder: Path, into: Path, *names: str) -> Path:
    """A folder with links to some of another's files."""
    into.mkdir(parents=True, exist_ok=True)
    for name in names:
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(folder / name, into / name)
    return into


def inputs(study: Any, modality: str) -> dict[str, Any]:
    return dict(study.inputs.get(modality, {}))


def balanced(cohort: Cohort) -> bool:
    flow = cohort.flow
    return flow.found == flow.studies + flow.excluded + flow.failed and flow.studies == len(cohort)


@pytest.mark.parametrize("name", EVERY)
def test_what_tells_the_label_is_no_input_and_is_listed(name: str) -> None:
    spec = CohortSpec.read(name)
    used = {f"{source}.{column}" if source else column for _, source, column in used_columns(spec)}
    bare = {column for _, _, column in used_columns(spec)}
    for column in LEAKS.get(name, []):
        assert column not in used | bare
        assert column in spec.leaks
    assert not bare & set(spec.leaks)
    if spec.label:
        assert not bare & set(spec.label.columns)


def test_every_column_of_a_discharge_is_listed_and_no_table_of_the_end_of_life_is_read(
    shared_data: Path,
) -> None:
    spec = CohortSpec.read("icu_eicu")
    header = pd.read_csv(shared_data / "icu_eicu" / "patient.csv.gz", nrows=0).columns
    assert {column for column in header if "discharge" in column} <= set(spec.leaks)
    result = pd.read_csv(shared_data / "icu_eicu" / "apachepatientresult.csv.gz", nrows=0).columns
    read = needed_columns(spec)["result"]
    assert {c for c in result if c.startswith(("predicted", "actual"))} & read == {"actualhospitalmortality"}
    assert not any("careplaneol" in (table.file or "") for table in spec.tables.values())
    inputs_from = {source for _, source, _ in used_columns(spec)}
    assert "result" not in inputs_from


# --- Chest, many countries ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, pd.DataFrame]:
    """All notes and values; images of every fourth row only, the others' files are not there."""
    folder = tmp_path_factory.mktemp("world")
    table = pd.read_csv(shared_data / "chest_world" / "metadata.csv", dtype=str)
    table.loc[table.index % 4 != 0, "image"] = None
    table.to_csv(folder / "metadata.csv", index=False)
    link(shared_data / "chest_world", folder, "images")
    return Cohort.from_spec("chest_world", folder), table


def test_notes_of_the_chest_name_no_disease_no_organism_and_no_test(world: Any) -> None:
    cohort, _ = world
    for study in cohort:
        found = NAMES_DISEASE.search(str(inputs(study, "text").get("text", "")))
        assert not found, found
    assert sum(study.has("text") for study in cohort) > 100


def test_the_chest_against_its_table(world: Any) -> None:
    cohort, table = world
    assert balanced(cohort)
    assert len(cohort) == len(table)
    assert cohort.labels().sum() == table.label.str.contains("COVID-19", case=False).sum()
    assert Counter(cohort.patients) == Counter(table.patientid)
    assert sum(study.has("image") for study in cohort) == table.image.notna().sum()
    assert Counter(cohort.sites) == Counter(table.country.fillna("unknown"))
    ages = pd.to_numeric(table.age, errors="coerce")
    assert [inputs(s, "tabular").get("age") for s in cohort] == [None if np.isnan(a) else a for a in ages]


def test_patients_of_the_chest_are_never_split(world: Any) -> None:
    cohort, _ = world
    parts = cohort.split(0.3)
    assert not set(parts[0].patients) & set(parts[1].patients)
    assert len(set(cohort.patients)) < len(cohort)


# --- Chest, Hannover ---------------------------------------------------------------------------------------


def test_hannover_has_no_image_after_admission_to_intensive_care(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "chest_hannover"
    table = pd.read_csv(source / "data.csv").iloc[::2]
    link(source, tmp_path, "images")
    table.to_csv(tmp_path / "data.csv", index=False)
    cohort = Cohort.from_spec("chest_hannover", tmp_path)
    assert balanced(cohort)
    fair = table[~(table.icu_admission_offset < 0)].set_index("image_id")
    assert {study.study_id for study in cohort} == set(fair.index)
    assert cohort.flow.excluded == len(table) - len(fair)
    for study in cohort:
        row = fair.loc[study.study_id]
        assert study.labels["icu"] == int(pd.notna(row.icu_admission_offset))
        for name in ("crp", "d-dimer", "ldh", "lymphocytes", "neutrophils", "pco2", "po2"):
            value = inputs(study, "tabular").get(name.replace("-", "_"))
            known = row[f"{name}_offset"] <= 0 and np.isfinite(row[f"{name}_val"])
            assert value == (row[f"{name}_val"] if known else None), name


# --- Intensive care ----------------------------------------------------------------------------------------

TIMED = {
    "diagnosis": (["diagnosisoffset"], lambda r: r.diagnosisstring),
    "pasthistory": (["pasthistoryoffset", "pasthistoryenteredoffset"], lambda r: r.pasthistoryvaluetext),
    "physicalexam": (["physicalexamoffset"], lambda r: f"{r.physicalexampath} {r.physicalexamtext}"),
    "treatment": (["treatmentoffset"], lambda r: r.treatmentstring),
    "note": (["noteoffset", "noteenteredoffset"], lambda r: f"{r.notepath} {r.notetext}"),
}
HEADINGS = {"Past history", "Diagnoses", "Physical examination", "Treatments", "Notes"}


def icu_part(
    source: Path, into: Path, keep: Callable[[pd.DataFrame], pd.DataFrame], tables: Iterable[str]
) -> Path:
    link(source, into, *(f"{name}.csv.gz" for name in tables))
    keep(pd.read_csv(source / "patient.csv.gz", dtype=str)).to_csv(into / "patient.csv.gz", index=False)
    return into


@pytest.fixture(scope="module")
def icu(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, pd.DataFrame, Path]:
    """Every third stay."""
    source = shared_data / "icu_eicu"
    tables = ["apachepatientresult", "apacheapsvar", "apachepredvar", "vitalaperiodic", *TIMED]
    folder = icu_part(source, tmp_path_factory.mktemp("icu"), lambda stays: stays.iloc[::3], tables)
    stays = pd.read_csv(folder / "patient.csv.gz").set_index("patientunitstayid")
    return Cohort.from_spec("icu_eicu", folder), stays, source


def test_no_row_after_24_hours_enters_any_input_of_intensive_care(icu: Any) -> None:
    cohort, _, source = icu
    allowed: dict[int, set[str]] = {}
    treatments: Counter[int] = Counter()
    for name, (times, line) in TIMED.items():
        rows = pd.read_csv(source / f"{name}.csv.gz", keep_default_na=False, na_values=[""]).fillna("")
        known = rows[(rows[times].apply(pd.to_numeric).max(axis=1)) <= 1440]
        for row in known.itertuples():
            text = " ".join(str(line(row)).split())
            allowed.setdefault(int(row.patientunitstayid), set()).add(text)
        if name == "treatment":
            treatments.update(known.patientunitstayid)
    vitals = pd.read_csv(source / "vitalaperiodic.csv.gz")
    vitals = vitals[vitals.observationoffset <= 1440]
    three = vitals[["noninvasivesystolic", "noninvasivediastolic", "noninvasivemean"]]
    vitals = vitals[three.notna().any(axis=1)]
    lowest = (
        vitals[vitals.noninvasivemean.between(10, 250)].groupby("patientunitstayid").noninvasivemean.min()
    )
    for study in cohort:
        stay = int(study.study_id)
        lines = [" ".join(t.split()) for t in str(inputs(study, "text").get("text", "")).splitlines()]
        assert {t for t in lines if t} - HEADINGS <= allowed.get(stay, set())
        assert inputs(study, "tabular").get("treatments") == treatments[stay]
        assert inputs(study, "tabular").get("lowest_mean") == (lowest[stay] if stay in lowest.index else None)
        times = inputs(study, "vitals").get("times", ())
        offsets = vitals[vitals.patientunitstayid == stay].observationoffset
        assert len(times) <= offsets.nunique()
        if times:
            assert times[-1] <= 0
            assert {round(t * 60 + 1440) for t in times} <= set(offsets)


def test_intensive_care_against_its_tables(icu: Any) -> None:
    cohort, stays, source = icu
    assert balanced(cohort)
    stayed = stays[~(stays.unitdischargeoffset < 1440)]
    assert [int(study.study_id) for study in cohort] == list(stayed.index)
    result = pd.read_csv(source / "apachepatientresult.csv.gz")
    died = result.groupby("patientunitstayid").actualhospitalmortality.agg(lambda s: s.dropna().unique())
    for study in cohort:
        said = died.get(int(study.study_id), [])
        wanted = {"EXPIRED": 1, "ALIVE": 0}[said[0]] if len(said) == 1 else None
        assert study.labels["mortality"] == wanted
        assert study.patient_id == stayed.uniquepid[int(study.study_id)]
        assert study.site == str(stayed.hospitalid[int(study.study_id)])


def test_intensive_care_without_its_optional_tables(shared_data: Path, tmp_path: Path) -> None:
    folder = icu_part(shared_data / "icu_eicu", tmp_path, lambda s: s.iloc[5:60], ["apachepatientresult"])
    cohort = Cohort.from_spec("icu_eicu", folder)
    assert balanced(cohort)
    assert not any(study.has("vitals") or study.has("text") for study in cohort)
    assert sum("optional table is not there" in note for note in cohort.quality.notes) == 8
    (folder / "apachepatientresult.csv.gz").unlink()
    assert len(Cohort.from_spec("icu_eicu", folder, unlabelled=True)) == len(cohort)


# --- Lung ultrasound, heart, kidney, adrenal gland, breast --------------------------------------------------


def test_lung_clips_against_their_table(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "lung_ultrasound"
    table = pd.read_csv(source / "metadata.csv", dtype=str).iloc[::3]
    table.to_csv(tmp_path / "metadata.csv", index=False)
    link(source, tmp_path, "frames")
    cohort = Cohort.from_spec("lung_ultrasound", tmp_path)
    assert balanced(cohort)
    assert [study.study_id for study in cohort] == list(table.stem)
    assert cohort.labels().tolist() == (table.Label == "COVID-19").astype(float).tolist()
    assert list(cohort.patients) == [name.removesuffix(".0") for name in table["Patient ID / Name"]]
    for study in cohort:
        clip = study.inputs["clip"]["file"]
        assert clip.parts == len(list((source / "frames" / study.study_id).glob("*.jpg")))
        names = [int(re.findall(r"\d+", path.stem)[-1]) for path in clip.paths()]
        assert names == sorted(names)
    parts = cohort.split(0.3)
    assert not set(parts[0].patients) & set(parts[1].patients)


def test_hearts_of_any_hospitals(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "heart_4sites"
    names = ("switzerland", "va", "cleveland", "hungarian")
    for some in (names, names[:1]):
        folder = link(source, tmp_path / str(len(some)), *(f"{name}.csv" for name in some))
        cohort = Cohort.from_spec("heart_4sites", folder)
        tables = {name: pd.read_csv(source / f"{name}.csv") for name in some}
        assert balanced(cohort)
        assert Counter(cohort.sites) == {name: len(table) for name, table in tables.items()}
        assert cohort.labels().sum() == sum((table.num > 0).sum() for table in tables.values())
        assert len(set(cohort.patients)) == len(cohort)
        swiss = [inputs(s, "tabular").get("chol") for s in cohort if s.site == "switzerland"]
        assert set(swiss) == {None}  # 0 there means: not measured


def test_kidneys_of_half_the_patients(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "kidney_kits"
    cases = json.loads((source / "kits.json").read_text())[::6]
    (tmp_path / "kits.json").write_text(json.dumps(cases))
    here = [f"{case['case_id']}.nii.gz" for case in cases]
    link(source, tmp_path, *here[1:])
    cohort = Cohort.from_spec("kidney_kits", tmp_path)
    assert balanced(cohort)
    assert [study.study_id for study in cohort] == [case["case_id"] for case in cases]
    assert [study.labels["malignancy"] for study in cohort] == [int(case["malignant"]) for case in cases]
    assert [i for i, study in enumerate(cohort) if study.problems] == [0]  # its file is not there
    for study, case in zip(cohort, cases, strict=True):
        assert inputs(study, "tabular")["age"] == case["age_at_nephrectomy"]
        assert (
            inputs(study, "tabular")["diabetes"]
            == str(case["comorbidities"]["uncomplicated_diabetes_mellitus"]).lower()
        )


@pytest.mark.parametrize("splits", [("test",), ("train", "val", "test")])
def test_adrenal_glands_of_any_split(shared_data: Path, tmp_path: Path, splits: tuple[str, ...]) -> None:
    with np.load(shared_data / "adrenal3d" / "adrenal64.npz") as file:
        images, labels = file["val_images"][:12], file["val_labels"][:12]
    arrays = {}
    for i, split in enumerate(splits):
        arrays |= {f"{split}_images": images[4 * i : 4 * i + 4], f"{split}_labels": labels[4 * i : 4 * i + 4]}
    np.savez_compressed(tmp_path / "other.npz", **arrays)
    cohort = Cohort.from_spec("adrenal3d", tmp_path)
    assert balanced(cohort)
    assert len(cohort) == 4 * len(splits)
    assert cohort.labels().sum() == labels[: len(cohort)].sum()
    assert all(study.has("volume") for study in cohort)


def test_breasts_of_cairo_in_part(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "breast_cairo"
    table = pd.read_csv(source / "index.csv").iloc[::8]
    table.to_csv(tmp_path / "index.csv", index=False)
    link(source, tmp_path, "images", "masks")
    cohort = Cohort.from_spec("breast_cairo", tmp_path)
    assert balanced(cohort)
    counts = table.classification.value_counts()
    assert (len(cohort), cohort.labels().sum()) == (counts.benign + counts.malignant, counts.malignant)
    masks = table[table.classification != "normal"].masks.str.count("&") + 1
    assert [s.inputs["image"]["mask"].parts for s in cohort if inputs(s, "image").get("mask")] == [
        n for n, s in zip(masks, cohort, strict=True) if inputs(s, "image").get("mask")
    ]


@pytest.mark.parametrize("name", ["breast_poland", "breast_poland_reading"])
def test_breasts_of_poland_in_part(shared_data: Path, tmp_path: Path, name: str) -> None:
    source = shared_data / "breast_poland"
    table = pd.read_excel(source / "clinical.xlsx", dtype=object).iloc[::8]
    table.to_excel(tmp_path / "clinical.xlsx", index=False)
    link(source, tmp_path, "images", "masks")
    cohort = Cohort.from_spec(name, tmp_path)
    assert balanced(cohort)
    counts = table.Classification.value_counts()
    assert (len(cohort), cohort.labels().sum()) == (counts.benign + counts.malignant, counts.malignant)


def test_hippocampi_in_part(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "hippocampus" / "TrainingSet"
    names = sorted(path.name for path in (source / "images").glob("hippocampus_*.nii.gz"))[::20]
    for part in ("images", "labels"):
        link(source, tmp_path / "TrainingSet", *(f"{part}/{name}" for name in names))
    cohort = Cohort.from_spec("hippocampus", tmp_path)
    assert balanced(cohort)
    assert sorted(study.study_id for study in cohort) == [name.split(".")[0] for name in names]
    assert all(study.inputs["volume"]["mask"] for study in cohort)


def test_the_brain_s_four_series(shared_data: Path, tmp_path: Path) -> None:
    spec = CohortSpec.read("dicom_brain").model_copy(update={"ids": "keyed"})
    cohort = Cohort.from_spec(spec, shared_data / "dicom_brain", keys=tmp_path / "keys")
    assert "PGBM" not in repr(cohort.studies)
    assert Cohort.from_spec("dicom_brain", shared_data / "dicom_brain")[0].patient_id == "PGBM-003"
    assert balanced(cohort)
    (study,) = cohort
    assert set(study.inputs) == {"t1", "t1_contrast", "flair", "t2"}
    files = sum(1 for path in (shared_data / "dicom_brain").rglob("*") if path.is_file())
    assert sum(study.inputs[name]["file"].parts for name in study.inputs) <= files


# --- FHIR --------------------------------------------------------------------------------------------------

YEAR = timedelta(hours=8766)


def when(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def checkups(bundle: dict[str, Any], check: str, code: str) -> Counter[tuple[str, int | None]]:
    """Patient and label of every study, from the bundle alone."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for entry in bundle["entry"]:
        by_type.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    (patient,) = by_type["Patient"]
    starts: dict[datetime, set[str]] = {}
    for encounter in by_type["Encounter"]:
        codes = {c["code"] for kind in encounter["type"] for c in kind["coding"]}
        starts.setdefault(datetime.fromisoformat(encounter["period"]["start"]), set()).update(codes)
    coded = [
        max(t for t in (when(c.get("onsetDateTime")), when(c.get("recordedDate"))) if t)
        for c in by_type.get("Condition", [])
        if any(coding["code"] == code for coding in c["code"]["coding"])
    ]
    found: Counter[tuple[str, int | None]] = Counter()
    for start, codes in starts.items():
        if check not in codes:
            continue
        born = when(patient["birthDate"])
        assert born is not None
        if start - born < 18 * YEAR or any(t <= start for t in coded):
            continue
        begin, end = start + timedelta(days=1), start + timedelta(days=1) + 5 * YEAR
        label: int | None = 1 if any(begin < t <= end for t in coded) else 0
        if label == 0 and not any(other > end for other in starts):
            label = None
        if any(start < t <= begin for t in coded):
            label = None
        found[patient["id"], label] += 1
    return found


def test_labels_of_synthea_against_its_bundles(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "fhir_synthea"
    names = sorted(path.name for path in source.glob("*.json.gz"))[::3]
    cohort = Cohort.from_spec("fhir_synthea", link(source, tmp_path, *names))
    assert balanced(cohort)
    wanted: Counter[tuple[str, int | None]] = Counter()
    for name in names:
        wanted += checkups(
            json.loads(gzip.decompress((source / name).read_bytes())), "185349003", "271737000"
        )
    assert Counter((s.patient_id, s.labels["anaemia"]) for s in cohort) == wanted
    assert sum(n for (_, label), n in wanted.items() if label == 1) > 0


def test_a_bulk_export_in_part(shared_data: Path, tmp_path: Path) -> None:
    """Half the patients: what refers to the others is nobody's."""
    source = shared_data / "fhir_bulk"
    lines = gzip.decompress((source / "Patient.000.ndjson.gz").read_bytes()).splitlines()[::2]
    here = {json.loads(line)["id"] for line in lines}
    (tmp_path / "Patient.000.ndjson.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    names = ("Encounter", "Condition", "DocumentReference")
    link(source, tmp_path, *(f"{name}.000.ndjson.gz" for name in names))
    cohort = Cohort.from_spec("fhir_bulk", tmp_path)
    assert balanced(cohort)
    assert set(cohort.patients) <= here
    assert sum(study.has("text") for study in cohort) > len(cohort) / 2
    assert all(inputs(study, "tabular")["medications"] is None for study in cohort)  # the file is not there


def test_the_names_and_order_of_fhir_files_change_no_fingerprint(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "fhir_synthea"
    names = sorted(path.name for path in source.glob("*.json.gz"))[::12]
    for folder, order in (("one", names), ("two", names[::-1])):
        (tmp_path / folder).mkdir()
        for i, name in enumerate(order):
            bundle = json.loads(gzip.decompress((source / name).read_bytes()))
            if folder == "two":
                bundle["entry"] = bundle["entry"][:1] + bundle["entry"][:0:-1]
            (tmp_path / folder / f"{i:03}.json").write_text(json.dumps(bundle))
    spec = CohortSpec.read("fhir_synthea").model_copy(update={"label": None})
    one, two = (Cohort.from_spec(spec, tmp_path / folder) for folder in ("one", "two"))
    assert len(one) == len(two) > 20
    assert one.fingerprint == two.fingerprint
