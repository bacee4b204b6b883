"""One member: fitted on its fold's training studies, chosen by an inner validation inside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medxmodal.cohort.split import inner_split
from medxmodal.model import DiagnosisModel, Prediction, Reader
from medxmodal.training.assemble import make_model
from medxmodal.training.data import StudyBatches, training_loader
from medxmodal.training.loop import FitSettings, Fitting, KeepBest, run_fit

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study
    from medxmodal.recipe import Recipe
    from medxmodal.tasks import Task
    from medxmodal.training.loop import ExtraLoss
    from medxmodal.training.presets import Preset

CHUNK = 64
STANDARD_ERRORS = 1.0
"""A departure from the warm start must beat it by this many standard errors of the paired loss
(the one-standard-error rule, Breiman et al. 1984)."""
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
    """What the inner validation chose: epochs, epochs of the interaction (0: off), a sentence about it."""

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

    The inner validation (a share of the training patients) chooses the number of epochs and whether
    the interaction pays. Where every modality starts from a penalised fit, the fit is kept unless
    the departure beats it by one standard error, and is then made again on the whole fold.

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
    chosen = _fit_with_inner_validation(plan, model, batches, inner.train, inner.validation, seed)
    if plan.preset.refit and all(model.modality(name).has_linear for name in model.names):
        everyone = range(len(train))
        model, batches = _prepare(plan, train, everyone, seed, model)
        if chosen.epochs:
            settings = replace(_settings(plan, seed), epochs=chosen.epochs)
            _fit(plan, model, batches, everyone, settings, None)
        if chosen.interaction_epochs:
            model.fusion.set_interaction(True)
            settings = replace(_interaction_settings(plan, seed), epochs=chosen.interaction_epochs)
            _fit(plan, model, batches, everyone, settings, None)
    _centre(model, batches)
    model.eval()
    prediction = predict_studies(model, test, plan.recipe.task.name) if test else None
    seconds = time.perf_counter() - started
    return TrainedMember(model, prediction, chosen.epochs, chosen.interaction, len(train), seconds)


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
            model.modality(name).warm_start(
                features, torch.cat(raw) if raw else None, torch.cat(targets[name]).numpy()
            )
    share = float(torch.cat(every).mean().clamp(1e-3, 1 - 1e-3))
    model.base.fill_(float(np.log(share / (1 - share))))
    _centre(model, batches, rows)


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
    size = plan.recipe.training.batch_size or plan.preset.batch_size
    loader = training_loader(
        batches, rows, batch_size=size, seed=settings.seed, workers=plan.recipe.training.workers
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
        return _Chosen(0, 0, "not tried: no epochs")

    def validate() -> Tensor:
        return validation_losses(model, batches, validation, plan.task)

    keep = KeepBest(validate, settings.patience)
    _fit(plan, model, batches, train, settings, keep)
    assert keep.best is not None
    assert keep.first is not None
    warm = model.fusion.starts_from_evidence and all(model.modality(name).has_linear for name in model.names)
    chosen = keep.first if warm and not _pays(keep.first.losses, keep.best.losses) else keep.best
    model.load_state_dict(chosen.weights)
    tried = _try_interaction(plan, model, batches, train, validate, seed)
    return replace(tried, epochs=chosen.epoch)


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
    if keep.best.epoch and _pays(keep.first.losses, keep.best.losses):
        return _Chosen(0, keep.best.epoch, f"on: inner validation loss better by {gain:.3f}")
    model.fusion.set_interaction(False)
    return _Chosen(0, 0, f"off: inner validation loss better by only {gain:.3f}")


def _pays(before: Tensor, after: Tensor) -> bool:
    gain = (before - after).double()
    error = float(gain.std()) / max(len(gain), 1) ** 0.5
    return bool(float(gain.mean()) > STANDARD_ERRORS * error)


@torch.no_grad()
def validation_losses(
    model: DiagnosisModel, batches: StudyBatches, rows: Sequence[int], task: Task
) -> Tensor:
    """Loss of each study: fused, plus the mean of its unimodal losses, (n,)."""
    losses = []
    for batch in batches.chunks(rows):
        moved = batch.to(model.base.device)
        encoded = model.encode(moved)
        fused = task.losses(model.fuse(encoded).logit, moved.targets)
        there = encoded.present.to(fused.dtype)
        alone = task.losses(model.unimodal_logits(encoded), moved.targets[:, None].expand_as(there)) * there
        losses.append(fused + alone.sum(1) / there.sum(1).clamp_min(1))
    return torch.cat(losses).float().cpu()


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
