"""A small run on simulated patients recovers what their generator knows.

Fewer patients, members and epochs than `benchmarks/embedded.py`, hence wider margins; the figures are there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from medxmodal.cohort import Cohort, CohortSpec, Study
from medxmodal.cohort.demo import DemoDesign, load_truth, write_demo
from medxmodal.explain import Explainer, Explanation
from medxmodal.pipeline.train import train
from medxmodal.records import BarsPanel, TokensPanel
from medxmodal.statistics import auroc, calibration_slope

if TYPE_CHECKING:
    import pandas as pd

    from medxmodal.model import LoadedRun
    from medxmodal.records import PredictionRecord

MODALITIES = ("image", "tabular", "text")
SETTINGS = (
    "validation.folds=3",
    "training.epochs=10",
    "training.interval_draws=50",
    "fusion.interaction=off",
    "reference=false",
)
EXPLAINED = 12


@dataclass(frozen=True)
class Patients:
    """Simulated patients and their truth, in the same order."""

    studies: list[Study]
    truth: pd.DataFrame
    masks: Path

    @property
    def labels(self) -> np.ndarray:
        return self.truth["label"].to_numpy(dtype=float)


def simulated(folder: Path, seed: int, patients: int, design: DemoDesign) -> Patients:
    paths = write_demo(folder, patients=patients, seed=seed, design=design)
    studies = list(Cohort.from_spec(CohortSpec.read("demo"), paths.data))
    truth = load_truth(paths.truth).set_index("study_id").loc[[study.study_id for study in studies]]
    return Patients(studies, truth, paths.truth / "masks")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Patients:
    return simulated(tmp_path_factory.mktemp("trained"), 31, 200, DemoDesign())


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Patients:
    return simulated(tmp_path_factory.mktemp("fresh"), 41, 300, DemoDesign().complete())


@pytest.fixture(scope="module")
def run(trained: Patients, tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    cohort = Cohort.from_spec(CohortSpec.read("demo"), trained.masks.parents[1] / "data")
    return train("demo", cohort, tmp_path_factory.mktemp("run") / "run", settings=SETTINGS).loaded


@pytest.fixture(scope="module")
def answers(run: LoadedRun, fresh: Patients) -> list[PredictionRecord]:
    return list(run.answer(fresh.studies).records)


@pytest.fixture(scope="module")
def explained(run: LoadedRun, fresh: Patients) -> list[Explanation]:
    """Diseased patients with a visible lesion."""
    chosen = fresh.truth["lesion_present"].to_numpy(dtype=bool) & (fresh.labels == 1)
    explainer, reader = Explainer(run), run.reader(pixels=True)
    studies = [study for study, taken in zip(fresh.studies, chosen, strict=True) if taken]
    return [explainer.explain(study, reader) for study in studies[:EXPLAINED]]


def probabilities(records: list[PredictionRecord]) -> np.ndarray:
    return np.array([record.probability for record in records], dtype=float)


@pytest.mark.parametrize(
    "kept", [kept for size in (1, 2, 3) for kept in combinations(MODALITIES, size)], ids="+".join
)
def test_the_mean_probability_is_the_prevalence_for_every_set_of_modalities(
    run: LoadedRun, trained: Patients, kept: tuple[str, ...]
) -> None:
    rows = [i for i, study in enumerate(trained.studies) if all(study.has(name) for name in kept)]
    reduced = [
        replace(study, inputs={name: study.inputs[name] for name in kept})
        for study in (trained.studies[i] for i in rows)
    ]
    records = list(run.answer(reduced).records)
    assert all(record.seen for record in records)
    assert probabilities(records).mean() == pytest.approx(trained.labels[rows].mean(), abs=0.03)


def test_fresh_patients_are_ranked_almost_as_well_as_can_be(
    fresh: Patients, answers: list[PredictionRecord]
) -> None:
    possible = auroc(fresh.labels, fresh.truth["logit"])
    assert possible > 0.9
    assert auroc(fresh.labels, probabilities(answers)) > possible - 0.07


def test_probabilities_of_fresh_patients_are_calibrated(
    fresh: Patients, answers: list[PredictionRecord]
) -> None:
    found = probabilities(answers)
    assert 0.65 < calibration_slope(fresh.labels, found) < 1.55
    assert found.mean() == pytest.approx(fresh.labels.mean(), abs=0.1)


def test_shares_follow_the_log_likelihood_ratios(fresh: Patients, answers: list[PredictionRecord]) -> None:
    """Between table and note the order is left to the benchmark: 200 patients do not settle it."""
    shares = np.array([[record.shares[name] for name in MODALITIES] for record in answers])
    true = fresh.truth[[f"llr.{name}" for name in MODALITIES]].to_numpy()
    size = np.abs(shares).mean(0)
    assert size[0] > 1.5 * max(size[1:])
    np.testing.assert_allclose(size, np.abs(true).mean(0), rtol=0.5)
    alike = [np.corrcoef(shares[:, m], true[:, m])[0, 1] for m in range(3)]
    assert alike[0] > 0.85
    assert min(alike) > 0.5


def test_the_map_lies_on_the_lesion(explained: list[Explanation], fresh: Patients) -> None:
    ratios = []
    for explanation in explained:
        heat = np.clip(explanation.arrays["image.heat"], 0, None)
        study_id = explanation.record.prediction.study_id
        mask = np.asarray(Image.open(fresh.masks / f"{study_id}.png"), dtype=np.float32) / 255
        cells = np.asarray(Image.fromarray(mask).resize(heat.shape[::-1], Image.Resampling.BOX))
        ratios.append((heat * cells).sum() / max(heat.sum(), 1e-12) / mask.mean())
    assert np.median(ratios) >= 3


def test_the_laboratory_value_that_matters_leads_the_table(explained: list[Explanation]) -> None:
    amounts: dict[str, float] = {}
    for explanation in explained:
        panel = next(p for p in explanation.record.panels if isinstance(p, BarsPanel))
        for bar in panel.bars:
            amounts[bar.name] = amounts.get(bar.name, 0.0) + abs(bar.attribution)
    assert "CRP" in sorted(amounts, key=lambda name: -amounts[name])[:2]


def test_the_words_that_matter_are_marked(explained: list[Explanation], fresh: Patients) -> None:
    inside, outside = [], []
    for explanation in explained:
        panel = next(p for p in explanation.record.panels if isinstance(p, TokensPanel))
        words = set(
            " ".join(fresh.truth.loc[explanation.record.prediction.study_id, "words"].split("&")).split()
        )
        for token in panel.tokens:
            (inside if token.text.lower() in words else outside).append(abs(token.attribution))
    assert np.mean(inside) > 2 * np.mean(outside)


def test_attributions_add_up(explained: list[Explanation]) -> None:
    for explanation in explained:
        assert abs(explanation.record.shares_delta) < 1e-4
        deltas = [fact.completeness_delta for fact in explanation.record.attributions]
        changes = [fact.logit_change for fact in explanation.record.attributions]
        assert sum(delta is not None for delta in deltas) == 2, "table and note"
        for delta, change in zip(deltas, changes, strict=True):
            assert delta is None or abs(delta) < 0.05 + 0.1 * abs(change or 0.0)
