"""Another prevalence: the adapted run stands beside source-only and changes nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from medxmodal.cohort import Cohort
from medxmodal.errors import AdaptationError, CohortError
from medxmodal.pipeline.adapt import adapt
from medxmodal.pipeline.score import score
from medxmodal.statistics import shift_probability


@pytest.fixture(scope="module")
def target(hospital: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    data = hospital.make_data(
        tmp_path_factory.mktemp("target") / "data", 70, seed=21, prevalence=0.15, prefix="t"
    )
    cohort: Cohort = hospital.make_cohort(data)
    return cohort


def test_a_given_prevalence_moves_probabilities_and_no_decision(
    trained: SimpleNamespace, target: Cohort, tmp_path: Path
) -> None:
    made = adapt(trained.folder, target, tmp_path / "run2", prevalence=0.15, command="medxmodal adapt")
    before = score(trained.folder, target, tmp_path / "before").table()
    after = score(made, target, tmp_path / "after").table()
    source = trained.run.calibration.prevalence
    moved = shift_probability(before["probability"], source, 0.15)
    assert after["probability"].to_numpy() == pytest.approx(moved, abs=1e-9)
    assert (after["decision"] == before["decision"]).all()
    assert (after["logit"] == before["logit"]).all()
    facts = made.record.adaptation
    assert facts["rung"] == "prior_shift"
    assert facts["target_prevalence"] == 0.15
    assert "given" in facts["how"]
    assert made.record.fingerprint != trained.run.record.fingerprint


def test_source_only_stands_beside_it_where_there_are_labels(
    trained: SimpleNamespace, target: Cohort, tmp_path: Path
) -> None:
    figures = adapt(trained.folder, target, tmp_path / "run2", prevalence=0.15).record.adaptation["figures"]
    assert set(figures) == {"adapted", "source_only", "gain.source_only"}
    assert figures["adapted"]["auroc"]["value"] == pytest.approx(figures["source_only"]["auroc"]["value"])
    assert figures["adapted"]["brier"]["value"] < figures["source_only"]["brier"]["value"]
    assert json.loads(json.dumps(figures)) == figures


def test_without_labels_no_gain_is_claimed(trained: SimpleNamespace, tmp_path: Path) -> None:
    new = trained.new
    studies = [replace(study, labels={}) for study in new]
    bare = Cohort(new.spec, studies, flow=new.flow, quality=new.quality, root=new.root)
    facts = adapt(trained.folder, bare, tmp_path / "run2", prevalence=0.3).record.adaptation
    assert facts["figures"] == {}
    assert "no gain could be shown" in facts["verdict"]


def test_an_estimate_says_its_interval(
    trained: SimpleNamespace, hospital: ModuleType, tmp_path: Path
) -> None:
    data = hospital.make_data(tmp_path / "data", 150, seed=31, prevalence=0.4, prefix="e")
    facts = adapt(trained.folder, hospital.make_cohort(data), tmp_path / "run2").record.adaptation
    low, high = facts["estimate"]["lower"], facts["estimate"]["upper"]
    assert low <= facts["target_prevalence"] <= high
    assert f"{low:.3f} to {high:.3f}" in facts["how"]


def test_a_refused_estimate_leaves_nothing_behind(
    trained: SimpleNamespace, target: Cohort, tmp_path: Path
) -> None:
    few = target.subset(range(10))
    with pytest.raises(AdaptationError, match="--prevalence"):
        adapt(trained.folder, few, tmp_path / "run2")
    assert not (tmp_path / "run2").exists()


def test_what_cannot_be_done_is_refused(trained: SimpleNamespace, target: Cohort, tmp_path: Path) -> None:
    with pytest.raises(AdaptationError, match="Leave --labels out"):
        adapt(trained.folder, target, tmp_path / "a", labels=50)
    with pytest.raises(CohortError, match="adaptation needs patients"):
        adapt(trained.folder, trained.cohort, tmp_path / "b", prevalence=0.2)
    once = adapt(trained.folder, target, tmp_path / "once", prevalence=0.2)
    with pytest.raises(AdaptationError, match="adapted already"):
        adapt(once, target, tmp_path / "twice", prevalence=0.2)
    with pytest.raises(AdaptationError, match="not empty"):
        adapt(trained.folder, target, tmp_path / "once", prevalence=0.3)


def test_a_prevalence_that_does_harm_raises_an_alert(
    trained: SimpleNamespace, target: Cohort, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from medxmodal.cli.commands import app

    target.save(tmp_path / "cohort")
    words = ["adapt", trained.folder, "--cohort", tmp_path / "cohort", "--out", tmp_path / "run2"]
    done = CliRunner().invoke(app, [*map(str, words), "--prevalence", "0.9"])
    assert done.exit_code == 3, done.output
    assert "alert: on the target's labels" in done.stderr
    assert "What adapting gains" in done.stdout
