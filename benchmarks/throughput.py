"""Training speed: the project's loop against the same model in a bare PyTorch loop fed from memory.

The bare loop does as little as it can: the same encoders, fusion, losses, clipping and optimiser on
tensors that lie in memory, and nothing else: no augmentation, no modality dropout, no checks, no
callbacks. Both get one thread: on a shared machine two threads wait for each other for seconds. Pairs
alternate, and so does who goes first.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from common import Absent, data_folder, say, table, verdict

from medxmodal import registry
from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.cohort.demo import write_demo
from medxmodal.model import DiagnosisModel, Reader
from medxmodal.recipe import Recipe
from medxmodal.training.assemble import make_fusion_spec, make_model, resolve_modalities
from medxmodal.training.data import StudyBatches, take, training_loader
from medxmodal.training.loop import FitSettings, Fitting, auxiliary_loss, run_fit
from medxmodal.training.presets import PRESETS

PATIENTS, PAIRS, TARGET = 192, 7, 0.85
PRESET = PRESETS["small"]


class Setting:
    """A cohort in memory, and fresh models for it.

    Args:
        words: What trains, for readers.
        recipe: Name of a shipped recipe.
        cohort: Its cohort.
        epochs: Of one measurement.
    """

    def __init__(self, words: str, recipe: str, cohort: Cohort, epochs: int) -> None:
        self.words, self.cohort = words, cohort
        read = Recipe.read(recipe)
        self.task = registry.create("task", read.task.kind)
        self.settings, _ = resolve_modalities(read, cohort.spec.modalities)
        self.fusion = {**make_fusion_spec(read), "interaction": "on"}
        self.batches = StudyBatches(Reader([self.model()], read.task.name), list(cohort))
        self.rows = range(len(cohort))
        self.fit = FitSettings(
            epochs=epochs,
            learning_rate=PRESET.learning_rate,
            weight_decay=read.training.weight_decay,
            patience=epochs,
            auxiliary=read.training.auxiliary,
            dropout=read.missing.dropout,
            seed=1,
        )

    def model(self) -> DiagnosisModel:
        """An untrained model with fitted preprocessing, the interaction switched on."""
        return make_model(
            self.settings,
            self.fusion,
            self.cohort.spec.modalities,
            list(self.cohort),
            dim=PRESET.dim,
            presence_visible=True,
            seed=1,
        )


def section(patients: int = PATIENTS, pairs: int = PAIRS) -> str:
    """The section of the report.

    Args:
        patients: Simulated patients to train on.
        pairs: Measured pairs, after one that warms up.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = _rows(patients, pairs)
    finally:
        torch.set_num_threads(before)
    return (
        "## Training throughput\n\n"
        f"Batches of {PRESET.batch_size}, the interaction switched on, {pairs} alternating pairs, one thread "
        "each, CPU. The bare loop has the same encoders, fusion, losses and optimiser on tensors in memory, "
        "without augmentation, modality dropout and checks; validation is left out of both. `demo` is the "
        "measure; `breast_fused` is the worst case, a step of a few milliseconds in which the loop's own "
        "cost shows most.\n\n"
        + table(["recipe and figure", "median", "least", "most", "target, at least", ""], rows)
    )


def _rows(patients: int, pairs: int) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        data = write_demo(Path(folder), patients=patients, seed=5).data
        cohort = Cohort.from_spec(CohortSpec.read("demo"), data)
        settings = [Setting("`demo`: every encoder learns", "demo", cohort, 4)]
        try:
            cohort = Cohort.from_spec(CohortSpec.read("breast_poland"), data_folder("breast_poland"))
            settings.append(Setting("`breast_fused`: frozen image features", "breast_fused", cohort, 16))
        except Absent as reason:
            say(f"  without breast_fused: {reason}")
        return [row for setting in settings for row in _measured(setting, pairs)]


def _measured(setting: Setting, pairs: int) -> list[list[str]]:
    ours: list[float] = []
    bare: list[float] = []
    order: list[tuple[list[float], Callable[[Setting], float]]] = [(ours, loop), (bare, bare_loop)]
    for pair in range(pairs + 1):
        for seconds, run in order if pair % 2 else order[::-1]:
            seconds.append(run(setting))
        say(f"  {setting.words}, pair {pair}: {ours[-1]:.2f} s and {bare[-1]:.2f} s")
    studies = len(setting.rows) * setting.fit.epochs
    ratios = [b / a for a, b in zip(ours[1:], bare[1:], strict=True)]
    return [
        [f"{setting.words}: the project's loop, studies/s", *_speeds(studies, ours), "", ""],
        [f"{setting.words}: bare PyTorch, studies/s", *_speeds(studies, bare), "", ""],
        [
            f"{setting.words}: **ratio**",
            *_spread(ratios, 2),
            f"{TARGET}",
            verdict(statistics.median(ratios) >= TARGET),
        ],
    ]


def loop(setting: Setting) -> float:
    """Seconds of one fit through the library's loader and loop."""
    model = setting.model()
    fitting = Fitting(model, setting.task, setting.fit, len(setting.rows))
    start = time.perf_counter()
    loader = training_loader(setting.batches, setting.rows, batch_size=PRESET.batch_size, seed=1)
    run_fit(fitting, loader, None)
    return time.perf_counter() - start


def bare_loop(setting: Setting) -> float:
    """Seconds of the same steps, written out."""
    model, task, whole = setting.model(), setting.task, setting.batches.whole
    assert whole is not None
    learning = [p for p in model.parameters() if p.requires_grad]
    generator = torch.Generator().manual_seed(1)
    model.train()
    start = time.perf_counter()
    optimiser = torch.optim.AdamW(learning, lr=setting.fit.learning_rate)
    for _ in range(setting.fit.epochs):
        for rows in torch.randperm(len(setting.rows), generator=generator).split(PRESET.batch_size):
            batch = take(whole, rows)
            encoded = model.encode(batch)
            loss = task.loss(model.fuse(encoded).logit, batch.targets)
            loss = loss + setting.fit.auxiliary * auxiliary_loss(model, encoded, batch.targets, task)
            loss = loss + model.penalty() / len(setting.rows)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, 1.0)
            optimiser.step()
    return time.perf_counter() - start


def _speeds(studies: int, seconds: list[float]) -> list[str]:
    return _spread([studies / value for value in seconds[1:]], 0)


def _spread(values: list[float], digits: int) -> list[str]:
    return [f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))]
