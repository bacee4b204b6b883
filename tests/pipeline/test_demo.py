"""The whole job on simulated patients, cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from medxmodal.errors import CohortError
from medxmodal.pipeline.demo import Demo, demo

QUICK = ("validation.folds=2", "training.epochs=2", "training.interval_draws=50", "explain.steps=8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Demo, list[str]]:
    said: list[str] = []
    found = demo(tmp_path_factory.mktemp("demo") / "out", patients=60, settings=QUICK, say=said.append)
    return found, said


def test_it_goes_through_every_verb(made: tuple[Demo, list[str]]) -> None:
    found, said = made
    told = "\n".join(said)
    for verb in ("simulate", "build", "describe", "train", "evaluate", "adapt", "score", "recount agrees",
                 "explain", "report"):  # fmt: skip
        assert verb in told, verb
    assert found.failed == 0
    assert found.auroc["value"] is not None


def test_it_ends_with_a_report_that_says_simulated(made: tuple[Demo, list[str]]) -> None:
    found, _ = made
    pages = sorted(found.report.parent.glob("*.html"))
    assert found.report.name == "index.html"
    assert len(pages) == 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "imulated" in text
        assert "Research use, not a diagnosis" in text
        assert len(text) < 1_500_000


def test_a_demo_is_replaced_and_other_things_are_left_alone(
    made: tuple[Demo, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CohortError, match="is no earlier demo"):
        demo(tmp_path, patients=60, settings=QUICK)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    folder = made[0].folder
    with pytest.raises(CohortError):
        demo(folder, patients=0)
    assert not (folder / "report").exists()
