"""Bad input: one readable error, or a failed study with its reason; no traceback, no silent drop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner, Result

from medxmodal.cli.commands import app
from medxmodal.scoring import read_scores


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


class Hospital:
    """A folder of records to break, and the commands over it."""

    def __init__(self, made: ModuleType, root: Path, n: int = 30) -> None:
        self.root, self.spec, self.recipe = root, deepcopy(made.SPEC), deepcopy(made.RECIPE)
        self.data = made.make_data(root / "data", n, seed=13, prefix="h")
        self.table = pd.read_csv(self.data / "table.csv", dtype=str, keep_default_na=False)

    def set(self, row: int, column: str, value: str) -> str:
        """Write a cell; the study's id."""
        self.table.loc[row, column] = value
        return str(self.table.loc[row, "study"])

    def build(self, *words: object) -> Result:
        self.table.to_csv(self.data / "table.csv", index=False)
        (self.root / "spec.yaml").write_text(yaml.safe_dump(self.spec, sort_keys=False))
        out = self.root / "cohort"
        return run("build", self.root / "spec.yaml", "--data", self.data, "--out", out, "--json", *words)

    def train(self) -> Result:
        (self.root / "recipe.yaml").write_text(yaml.safe_dump(self.recipe, sort_keys=False))
        return run(
            "train", self.root / "recipe.yaml", "--cohort", self.root / "cohort", "--out", self.root / "r"
        )

    def score(self, trained: SimpleNamespace) -> tuple[Result, pd.DataFrame]:
        out = self.root / "scores"
        done = run("score", trained.folder, "--cohort", self.root / "cohort", "--out", out, "--json")
        return done, read_scores(out).set_index("study_id")


@pytest.fixture
def records(hospital: ModuleType, tmp_path: Path) -> Hospital:
    return Hospital(hospital, tmp_path)


def refused(done: Result, *says: str) -> None:
    """One readable line, exit code 2."""
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()[-1:]
    assert line.startswith("medxmodal: ")
    assert "Traceback" not in done.output
    for words in says:
        assert words in line, line


def failed_row(rows: pd.DataFrame, study: str, says: str) -> None:
    """Its own row with the reason, and all others scored."""
    assert rows.loc[study, "status"] == "failed"
    assert says in rows.loc[study, "error"]
    assert pd.isna(rows.loc[study, "probability"])
    assert (rows.drop(index=study)["status"] == "scored").all()


def test_a_missing_image_file(records: Hospital, trained: SimpleNamespace) -> None:
    study = str(records.table.loc[0, "study"])
    (records.data / "images" / records.table.loc[0, "image"]).unlink()
    assert records.build().exit_code == 0
    done, rows = records.score(trained)
    assert done.exit_code == 1
    assert list(json.loads(done.stdout)["failures"]) == [study]
    failed_row(rows, study, "row 2")


def test_a_truncated_png(records: Hospital, trained: SimpleNamespace) -> None:
    path = records.data / "images" / records.table.loc[1, "image"]
    path.write_bytes(path.read_bytes()[:200])
    assert records.build().exit_code == 0
    done, rows = records.score(trained)
    assert done.exit_code == 1
    failed_row(rows, str(records.table.loc[1, "study"]), "image")


def test_an_image_that_breaks_after_building(records: Hospital, trained: SimpleNamespace) -> None:
    records.build()
    (records.data / "images" / records.table.loc[2, "image"]).write_bytes(b"no picture")
    done, rows = records.score(trained)
    assert done.exit_code == 1
    failed_row(rows, str(records.table.loc[2, "study"]), "changed since the cohort was built")


def test_a_text_in_a_numeric_column(records: Hospital, trained: SimpleNamespace) -> None:
    study = records.set(3, "crp", "see letter")
    assert records.build().exit_code == 0
    described = json.loads(run("describe", records.root / "cohort", "--json").stdout)
    said = json.dumps(described["quality"])
    assert "crp" in said
    assert study in said
    done, rows = records.score(trained)
    assert done.exit_code == 1
    failed_row(rows, study, "crp")


def test_an_unknown_recipe_key_and_a_misspelt_one(records: Hospital) -> None:
    records.build()
    records.recipe["fusoin"] = "late"
    refused(records.train(), "fusoin", "unknown key", "Did you mean 'fusion'?", "line")
    del records.recipe["fusoin"]
    records.recipe["modalities"]["image"]["encodr"] = "small"
    refused(records.train(), "encodr", "Did you mean 'encoder'?")
    del records.recipe["modalities"]["image"]["encodr"]
    records.recipe["training"]["epochs"] = "many"
    refused(records.train(), "training.epochs", "many")


def test_a_recipe_that_does_not_fit_the_cohort(records: Hospital) -> None:
    records.build()
    records.recipe["modalities"]["ct"] = {}
    refused(records.train(), "'ct' is not in the cohort")
    del records.recipe["modalities"]["ct"]
    records.recipe["task"]["name"] = "death"
    refused(records.train(), "predicts 'death'")


def test_an_unknown_category_at_scoring_time(records: Hospital, trained: SimpleNamespace) -> None:
    study = records.set(4, "sex", "divers")
    assert records.build().exit_code == 0
    done, rows = records.score(trained)
    assert done.exit_code == 1
    failed_row(rows, study, "never seen in training")


def test_a_spec_that_names_a_column_that_is_not_there(records: Hospital) -> None:
    records.spec["label"]["column"] = "il"
    refused(records.build(), "label.column", "'il'", "Closest: ill")
    records.spec["label"]["column"] = "ill"
    records.spec["modalities"]["labs"]["columns"]["ldh"] = {"type": "number"}
    refused(records.build(), "'ldh'")
    assert not (records.root / "cohort").exists()


def test_zero_studies(records: Hospital) -> None:
    records.spec["exclude"] = [
        {"where": "site == 'a'", "reason": "a"},
        {"where": "site == 'b'", "reason": "b"},
    ]
    refused(records.build(), "no study is left of 30 records")
    records.spec.pop("exclude")
    records.table = records.table.iloc[:0]
    refused(records.build(), "no records below its header")


def test_one_class_only(records: Hospital) -> None:
    records.table["ill"] = "no"
    assert records.build().exit_code == 0
    refused(records.train(), "all 30 labelled studies are negative", "needs both classes")


def test_no_labels_at_all(records: Hospital) -> None:
    records.table["ill"] = ""
    assert records.build().exit_code == 0
    refused(records.train(), "no labelled study")


def test_a_study_with_no_modality_at_all(records: Hospital, trained: SimpleNamespace) -> None:
    for column in ("image", "crp", "sex"):
        study = records.set(5, column, "")
    built = records.build()
    assert built.exit_code == 1
    assert study in json.loads(built.stdout)["failures"]
    done, rows = records.score(trained)
    assert done.exit_code == 1
    failed_row(rows, study, "no modality at all")
    assert len(rows) == 30


def test_a_cohort_without_the_columns_of_the_run(records: Hospital, trained: SimpleNamespace) -> None:
    del records.spec["modalities"]["labs"]["columns"]["sex"]
    records.build()
    out = records.root / "scores"
    refused(
        run("score", trained.folder, "--cohort", records.root / "cohort", "--out", out), "no column 'sex'"
    )
    records.spec["modalities"]["labs"]["columns"]["sex"] = {"type": "category"}
    records.spec["modalities"]["labs"]["columns"]["crp"]["unit"] = "mg/dL"
    records.build()
    refused(run("score", trained.folder, "--cohort", records.root / "cohort", "--out", out), "crp", "mg/dL")


def test_an_unknown_unit_is_recorded_for_its_study(records: Hospital) -> None:
    records.table["crp_unit"] = "mg/L"
    records.spec["modalities"]["labs"]["columns"]["crp"]["unit_column"] = "crp_unit"
    records.set(6, "crp_unit", "teaspoons")
    built = records.build()
    assert built.exit_code == 0, built.output
    quality = json.loads((records.root / "cohort" / "quality.json").read_text())
    assert "teaspoons" in json.dumps(quality)


@pytest.mark.parametrize("text", ["", "[1, 2]", "name: [", "\x00\x01"])
def test_a_spec_or_recipe_that_is_no_mapping(records: Hospital, text: str) -> None:
    path = records.root / "x.yaml"
    path.write_text(text)
    refused(run("build", path, "--data", records.data, "--out", records.root / "c"))
    records.build()
    refused(run("train", path, "--cohort", records.root / "cohort", "--out", records.root / "r"))


def test_damaged_folders(records: Hospital, trained: SimpleNamespace) -> None:
    records.build()
    cohort = records.root / "cohort"
    (cohort / "studies.parquet").write_bytes(b"PAR1")
    refused(run("describe", cohort), "damaged")
    refused(run("score", trained.folder, "--cohort", cohort, "--out", records.root / "s"), "damaged")
    refused(run("report", records.root, "--out", records.root / "h"))
    refused(run("explain", records.root, "--cohort", cohort, "--out", records.root / "e"))


def test_a_run_that_was_cut_short(records: Hospital, trained: SimpleNamespace) -> None:
    import shutil

    records.build()
    broken = records.root / "broken"
    shutil.copytree(trained.folder, broken)
    weights = broken / "member-1.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    score: Mapping[str, Any] = {"cohort": records.root / "cohort", "out": records.root / "s"}
    refused(run("score", broken, "--cohort", score["cohort"], "--out", score["out"]), "member-1")
