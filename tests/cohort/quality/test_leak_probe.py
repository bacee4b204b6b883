"""The leak probe: names what was planted, and nothing on honest cohorts."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.demo import write_demo
from medxmodal.cohort.quality.leak_probe import LIMITS, leak_probe
from medxmodal.cohort.quality.note_words import note_words
from medxmodal.cohort.study import Study
from medxmodal.records import Flow, LeakSuspect, Quality
from medxmodal.shipped import shipped


def cohort_of(columns: dict[str, Any], studies: list[Study], *, text: bool = False) -> Cohort:
    modalities: dict[str, Any] = {"tabular": {"kind": "tabular", "columns": columns}}
    if text:
        modalities["note"] = {"kind": "text", "column": "note"}
    spec = CohortSpec.parse(
        {
            "name": "made",
            "title": "Made up",
            "ids": "keep",
            "table": {"file": "x.csv", "patient": "pid"},
            "label": {"name": "ill", "column": "ill", "positive": "yes", "negative": "no"},
            "site": {"value": "here"},
            "modalities": modalities,
        }
    )
    flow = Flow(found=len(studies), steps=[], excluded=0, failed=0, studies=len(studies))
    return Cohort(spec, studies, flow=flow, quality=Quality())


def study(i: int, label: int, **cells: Any) -> Study:
    text = cells.pop("text", None)
    inputs: dict[str, Any] = {"tabular": cells} if cells else {}
    if text:
        inputs["note"] = {"text": text}
    return Study(f"s{i}", f"p{i}", "here", inputs, {"ill": label})


def names(suspects: list[LeakSuspect]) -> list[tuple[str, str]]:
    return [(suspect.kind, suspect.name) for suspect in suspects]


NUMBER, CATEGORY = {"type": "number"}, {"type": "category"}


def test_planted_leaks_of_every_kind_are_named_and_nothing_else(rng: np.random.Generator) -> None:
    studies = []
    for i in range(200):
        y = int(rng.random() < 0.4)
        cells: dict[str, Any] = {
            "honest": float(rng.normal() + y),
            "falling": float(rng.normal() - 6 * y),
            "code": float([2, 5][y] if rng.random() < 0.5 else [3, 1][y]),
            "drug": ["aspirin", "none", "water"][i % 3] if not y else ["cisplatin", "taxol"][i % 2],
            "of_the_ill": float(rng.normal()) if y or rng.random() < 0.05 else None,
            "own_number": f"number {i}",
            "words": f"a letter about {'the cancer' if y else 'a cyst'} of the patient",
        }
        text = cells.pop("words")
        studies.append(replace(study(i, y, text=text, **cells), site="ab"[y]))
    columns = {name: NUMBER for name in ("honest", "falling", "code", "of_the_ill")}
    columns |= {"drug": CATEGORY, "own_number": CATEGORY}
    suspects = leak_probe(cohort_of(columns, studies, text=True))
    found = names(suspects)
    assert {name for kind, name in found if kind == "column"} == {
        "tabular.falling",
        "tabular.code",
        "tabular.drug",
    }
    assert [name for kind, name in found if kind == "presence"] == ["tabular.of_the_ill"]
    assert ("site", "site") in found
    assert {name for kind, name in found if kind == "word"} == {
        "note: cancer",
        "note: cyst",
        "note: about the",
    }  # `the cancer` and `cyst of` tell no more than a word of theirs
    for suspect in suspects:
        assert LIMITS[suspect.kind].lower <= suspect.lower <= suspect.auroc <= suspect.upper <= 1
        assert suspect.n <= 200


def test_noise_makes_no_suspects(rng: np.random.Generator) -> None:
    columns = {f"c{k}": NUMBER if k % 2 else CATEGORY for k in range(60)}
    vocabulary = [f"w{chr(97 + a)}{chr(97 + b)}" for a in range(26) for b in range(8)]
    studies = [
        study(
            i,
            int(i < 12),
            text=" ".join(rng.choice(vocabulary, 30)),
            **{
                f"c{k}": float(rng.normal()) if k % 2 else str(rng.integers(12))
                for k in range(60)
                if rng.random() < 0.6
            },
        )
        for i in range(40)
    ]
    assert leak_probe(cohort_of(columns, studies, text=True)) == []


def test_many_studies_of_few_patients_prove_little(rng: np.random.Generator) -> None:
    studies = [study(i, int(i % 22 < 11), x=float(i % 22 < 11)) for i in range(440)]
    few = [replace(s, patient_id=f"p{i % 22}") for i, s in enumerate(studies)]
    lower = [leak_probe(cohort_of({"x": NUMBER}, group))[0].lower for group in (studies, few)]
    assert lower[1] < lower[0]


def test_too_few_patients_or_one_class_say_nothing() -> None:
    studies = [study(i, int(i < 4), x=float(i < 4)) for i in range(40)]
    assert leak_probe(cohort_of({"x": NUMBER}, studies)) == []
    assert leak_probe(cohort_of({"x": NUMBER}, studies[4:])) == []


def test_a_word_of_few_patients_is_not_shown() -> None:
    texts = ["Mrs Kowalska has cancer"] * 9 + ["cancer 4711"] * 6
    made = note_words(texts, [f"p{i}" for i in range(15)])
    assert made.words == ("cancer",)
    assert made.notes[0].tolist() == list(range(15))
    assert note_words(texts, ["one"] * 15).words == ()


def test_it_is_quick(rng: np.random.Generator) -> None:
    columns = {f"c{k}": NUMBER if k % 2 else CATEGORY for k in range(60)}
    vocabulary = np.array(
        [f"w{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(20) for b in range(20) for c in range(5)]
    )
    studies = [
        study(
            i,
            int(rng.random() < 0.1),
            text=" ".join(rng.choice(vocabulary, 150)),
            **{f"c{k}": float(rng.normal()) if k % 2 else str(rng.integers(12)) for k in range(60)},
        )
        for i in range(1712)
    ]
    cohort = cohort_of(columns, studies, text=True)
    assert cohort.content  # hashed before the clock starts: every cohort has them
    start = time.process_time()
    leak_probe(cohort)
    assert time.process_time() - start < 10


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo"), patients=240).data


def spec_with(name: str, **extra: dict[str, Any]) -> CohortSpec:
    path = shipped("cohorts", name)
    assert path is not None
    tree = CohortSpec.read(path).as_dict()
    tree["modalities"]["tabular"]["columns"] |= extra
    tree["leaks"] = []
    return CohortSpec.parse(tree)


def test_the_demo_is_honest_until_its_treatment_is_an_input(demo: Path) -> None:
    assert leak_probe(Cohort.from_spec("demo", demo)) == []
    leaky = Cohort.from_spec(spec_with("demo", treatment=CATEGORY), demo)
    assert names(leak_probe(leaky)) == [("column", "tabular.treatment")]


def test_breast_poland_is_honest_until_the_verdict_is_an_input(shared_data: Path) -> None:
    data = shared_data / "breast_poland"
    if not data.is_dir():
        pytest.skip("no breast_poland here")
    assert leak_probe(Cohort.from_spec("breast_poland", data)) == []
    leaky = Cohort.from_spec(spec_with("breast_poland", BIRADS=CATEGORY, Diagnosis=CATEGORY), data)
    assert names(leak_probe(leaky)) == [("column", "tabular.Diagnosis"), ("column", "tabular.BIRADS")]


def test_treatment_is_known_to_be_there(demo: Path) -> None:
    assert "treatment" in pd.read_csv(demo / "patients.csv").columns


def test_a_source_that_leaves_out_age_for_the_ill_is_named(shared_data: Path) -> None:
    """Real clips: no COVID-19 clip has an age or a sex, and nearly all others have."""
    cohort = Cohort.from_spec("lung_ultrasound", shared_data / "lung_ultrasound")
    named = {(suspect.kind, suspect.name) for suspect in cohort.quality.leak_suspects}
    assert {("presence", "tabular.age"), ("presence", "tabular.sex"), ("site", "site")} <= named


def test_too_few_patients_is_said(clinic: Any) -> None:
    assert any("leaks were not looked for: 4 positive" in note for note in clinic.build().quality.notes)
