"""One member: fitted on its fold's training studies, chosen by an inner validation inside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medxmodal.cohort.split.folds import inner_split
from medxmodal.model import DiagnosisModel, Prediction, Reader
from medxmodal.model.threads import threads_for
from medxmodal.training.assemble import make_model
from medxmodal.training.data import StudyBatches, training_loader
from medxmodal.training.loop import FitSettings, Fitting, KeepBest, run_fit
from medxmodal.training.validation import alone_losses, pays, validation_losses

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study
    from medxmodal.recipe import Recipe
    from medxmodal.tasks import Task
    from medxmodal.training.loop import ExtraLoss
    from medxmodal.training.presets import Preset

CHUNK = 64
INTERACTION_EPOCHS = 20


@dataclass(frozen=True)
class MemberPlan:
    """What all members of a run have in common."""

    recipe: Recipe
    preset: Preset
    settings: Mapping[str, Mapping[str, Any]]
    fusion: Mapping[str, Any]
    specs: Mapping[str, Any]
    task: Task
    extra: Sequence[ExtraLoss] = ()

    @property
    def batch_size(self) -> int:
        """Studies a step."""
        return self.recipe.training.batch_size or self.preset.batch_size


@dataclass(frozen=True)
class TrainedMember:
    """A member, its out-of-fold prediction and how it came about."""

    model: DiagnosisModel
    prediction: Prediction | None
    epochs: int
    interaction: str
    trained: int
    seconds: float


@dataclass(frozen=True)
class _Chosen:
    """What the inner validation chose.

    Args:
        alone: Epochs of each modality that was trained by itself.
        epochs: Epochs of all together.
        interaction_epochs: Epochs of the interaction; 0 when it is off.
        interaction: A sentence about it.
    """

    alone: Mapping[str, int] = field(default_factory=dict)
    epochs: int = 0
    interaction_epochs: int = 0
    interaction: str = ""


def train_member(
    plan: MemberPlan,
    train: Sequence[Study],
    test: Sequence[Study],
    *,
    seed: int,
    sharing: DiagnosisModel | None = None,
) -> TrainedMember:
    """Train one member and predict the studies it never saw.

    The inner validation (a share of the training patients) chooses the numbers of epochs and whether
    the interaction pays. Where every modality starts from a fit of its own (a penalised one, or alone),
    the sum of these is kept unless training together beats it clearly (`pays`), and what was
    chosen is then done again on the whole fold.

    Args:
        plan: Recipe, preset and what they mean for this cohort.
        train: Training studies of the fold, all readable and labelled.
        test: Held-out studies of the fold; may be empty.
        seed: Seed of weights, order, dropout and augmentation.
        sharing: Another member whose frozen encoders are used again.
    """
    started = time.perf_counter()
    labels = np.array([study.labels[plan.recipe.task.name] for study in train])
    inner = inner_split(labels, [s.patient_id for s in train], plan.recipe.training.inner_validation, seed)
    model, batches = _prepare(plan, train, inner.train, seed, sharing)
    with threads_for(plan.batch_size * batches.learned_numbers):
        chosen = _fit_with_inner_validation(plan, model, batches, inner.train, inner.validation, seed)
        if plan.preset.refit and _starts_fitted(plan, model):
            model, batches = _refit(plan, train, chosen, seed, model)
        _centre(model, batches)
        model.eval()
        prediction = predict_studies(model, test, plan.recipe.task.name) if test else None
    seconds = time.perf_counter() - started
    return TrainedMember(model, prediction, chosen.epochs, chosen.interaction, len(train), seconds)


def _starts_fitted(plan: MemberPlan, model: DiagnosisModel) -> bool:
    """Whether every modality has a fit of its own before they are trained together."""
    return plan.preset.alone or all(model.modality(name).has_linear for name in model.names)


def _refit(
    plan: MemberPlan, train: Sequence[Study], chosen: _Chosen, seed: int, sharing: DiagnosisModel
) -> tuple[DiagnosisModel, StudyBatches]:
    """The same steps on the whole fold, each for as long as the inner validation chose."""
    everyone = range(len(train))
    model, batches = _prepare(plan, train, everyone, seed, sharing)
    for name, epochs in chosen.alone.items():
        settings = replace(_settings(plan, seed), alone=name, epochs=epochs)
        _fit(plan, model, batches, batches.having(name, everyone), settings, None)
    if chosen.alone:
        _centre(model, batches)
    if chosen.epochs:
        settings = replace(_settings(plan, seed), epochs=chosen.epochs)
        _fit(plan, model, batches, everyone, settings, None)
    if chosen.interaction_epochs:
        model.fusion.set_interaction(True)
        settings = replace(_interaction_settings(plan, seed), epochs=chosen.interaction_epochs)
        _fit(plan, model, batches, everyone, settings, None)
    return model, batches


def _prepare(
    plan: MemberPlan, train: Sequence[Study], rows: Sequence[int], seed: int, sharing: DiagnosisModel | None
) -> tuple[DiagnosisModel, StudyBatches]:
    """A member with preprocessing and penalised parts fitted on some rows, and all rows as it reads them."""
    chosen = [train[row] for row in rows]
    model = make_model(
        plan.settings,
        plan.fusion,
        plan.specs,
        chosen,
        dim=plan.preset.dim,
        presence_visible=plan.recipe.missing.presence == "visible",
        seed=seed,
        sharing=sharing,
    )
    batches = StudyBatches(Reader([model], plan.recipe.task.name), train)
    _warm_start(model, batches, rows)
    return model, batches


@torch.no_grad()
def _warm_start(model: DiagnosisModel, batches: StudyBatches, rows: Sequence[int]) -> None:
    parts: dict[str, list[tuple[Tensor, Tensor | None]]] = {name: [] for name in model.names}
    targets: dict[str, list[Tensor]] = {name: [] for name in model.names}
    every: list[Tensor] = []
    for batch in batches.chunks(rows):
        every.append(batch.targets)
        for index, name in enumerate(model.names):
            there = batch.present[:, index]
            modality = model.modality(name)
            if not modality.has_linear or not bool(there.any()):
                continue
            x = batch.inputs[name][there] if name in batch.inputs else None
            if name in batch.features:
                features = batch.features[name][there]
            else:
                assert x is not None
                features = modality.features(modality.embed(x), x)
            parts[name].append((features, x))
            targets[name].append(batch.targets[there])
    for name, found in parts.items():
        if found:
            features = torch.cat([f for f, _ in found])
            raw = [x for _, x in found if x is not None]
            y = torch.cat(targets[name]).numpy()
            groups = patient_numbers([batches.studies[row] for row in batches.having(name, rows)])
            model.modality(name).warm_start(features, torch.cat(raw) if raw else None, y, groups)
    share = float(torch.cat(every).mean().clamp(1e-3, 1 - 1e-3))
    model.base.fill_(float(np.log(share / (1 - share))))
    _centre(model, batches, rows)


def patient_numbers(studies: Sequence[Study]) -> np.ndarray:
    """Patients by number, in the order in which they appear, so that their names change nothing, (n,)."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(study.patient_id, len(numbers)) for study in studies])


@torch.no_grad()
def _centre(model: DiagnosisModel, batches: StudyBatches, rows: Sequence[int] | None = None) -> None:
    """Set the centres to the exact mean evidence over training studies."""
    model.eval()
    encoded = [model.encode(batch) for batch in batches.chunks(range(len(batches)) if rows is None else rows)]
    model.centre_on(torch.cat([e.raw for e in encoded]), torch.cat([e.present for e in encoded]))


def _settings(plan: MemberPlan, seed: int) -> FitSettings:
    given = plan.recipe.training
    return FitSettings(
        epochs=plan.preset.epochs if given.epochs is None else given.epochs,
        learning_rate=given.learning_rate or plan.preset.learning_rate,
        weight_decay=given.weight_decay,
        patience=given.patience,
        auxiliary=given.auxiliary,
        dropout=plan.recipe.missing.dropout,
        precision=given.precision,
        seed=seed,
    )


def _interaction_settings(plan: MemberPlan, seed: int) -> FitSettings:
    settings = _settings(plan, seed + 1)
    return replace(settings, epochs=min(settings.epochs, INTERACTION_EPOCHS), only_interaction=True)


def _fit(
    plan: MemberPlan,
    model: DiagnosisModel,
    batches: StudyBatches,
    rows: Sequence[int],
    settings: FitSettings,
    keep: KeepBest | None,
) -> None:
    loader = training_loader(
        batches, rows, batch_size=plan.batch_size, seed=settings.seed, workers=plan.recipe.training.workers
    )
    run_fit(Fitting(model, plan.task, settings, len(rows), plan.extra), loader, keep)


def _fit_with_inner_validation(
    plan: MemberPlan,
    model: DiagnosisModel,
    batches: StudyBatches,
    train: Sequence[int],
    validation: Sequence[int],
    seed: int,
) -> _Chosen:
    """Fit, keep the best epoch, then try the interaction."""
    settings = _settings(plan, seed)
    if settings.epochs == 0:
        return _Chosen(interaction="not tried: no epochs")
    alone = _fit_alone(plan, model, batches, train, validation, seed)

    def validate() -> Tensor:
        return validation_losses(model, batches, validation, plan.task)

    keep = KeepBest(validate, settings.patience)
    _fit(plan, model, batches, train, settings, keep)
    assert keep.best is not None
    assert keep.first is not None
    warm = model.fusion.starts_from_evidence and _starts_fitted(plan, model)
    chosen = keep.first if warm and not pays(keep.first.losses, keep.best.losses) else keep.best
    model.load_state_dict(chosen.weights)
    tried = _try_interaction(plan, model, batches, train, validate, seed)
    return replace(tried, alone=alone, epochs=chosen.epoch)


def _fit_alone(
    plan: MemberPlan,
    model: DiagnosisModel,
    batches: StudyBatches,
    train: Sequence[int],
    validation: Sequence[int],
    seed: int,
) -> dict[str, int]:
    """Train each modality without a penalised fit by itself; gives the epochs of each."""
    found: dict[str, int] = {}
    if not plan.preset.alone:
        return found
    for name in model.names:
        rows, held = batches.having(name, train), batches.having(name, validation)
        if model.modality(name).has_linear or not rows or not held:
            continue
        keep = KeepBest(
            partial(alone_losses, model, batches, held, plan.task, name), plan.recipe.training.patience
        )
        _fit(plan, model, batches, rows, replace(_settings(plan, seed), alone=name), keep)
        assert keep.best is not None
        model.load_state_dict(keep.best.weights)
        found[name] = keep.best.epoch
    _centre(model, batches, train)
    return found


def _try_interaction(
    plan: MemberPlan,
    model: DiagnosisModel,
    batches: StudyBatches,
    train: Sequence[int],
    validate: Callable[[], Tensor],
    seed: int,
) -> _Chosen:
    if not model.fusion.interaction_must_pay or len(model.names) < 2:
        return _Chosen()
    model.fusion.set_interaction(True)
    keep = KeepBest(validate, plan.recipe.training.patience)
    _fit(plan, model, batches, train, _interaction_settings(plan, seed), keep)
    assert keep.best is not None
    assert keep.first is not None
    gain = float((keep.first.losses - keep.best.losses).mean())
    model.load_state_dict(keep.best.weights)
    if keep.best.epoch and pays(keep.first.losses, keep.best.losses):
        return _Chosen(
            interaction_epochs=keep.best.epoch, interaction=f"on: inner validation loss better by {gain:.3f}"
        )
    model.fusion.set_interaction(False)
    return _Chosen(interaction=f"off: inner validation loss better by only {gain:.3f}")


def predict_studies(model: DiagnosisModel, studies: Sequence[Study], task: str) -> Prediction:
    """One member's prediction of studies that can all be read."""
    made = [model.predict(reading.batches[0]) for reading in Reader([model], task).stream(studies, CHUNK)]
    return Prediction(
        names=model.names,
        subset_logits=torch.cat([m.subset_logits for m in made]),
        contributions=torch.cat([m.contributions for m in made]),
        interaction=torch.cat([m.interaction for m in made]),
        present=torch.cat([m.present for m in made]),
        spread=torch.cat([m.spread for m in made]),
    )
