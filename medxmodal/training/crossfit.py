"""Members over folds, and the out-of-fold predictions that all honest figures come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from medxmodal.cohort.split.folds import Fold, by_site, kfold
from medxmodal.errors import TrainingError
from medxmodal.fusion import shapley_shares
from medxmodal.model import Prediction, Reader
from medxmodal.training.assemble import make_model
from medxmodal.training.member import MemberPlan, TrainedMember, train_member

if TYPE_CHECKING:
    from medxmodal.cohort.study import Study
    from medxmodal.model import DiagnosisModel
    from medxmodal.progress import Progress
    from medxmodal.recipe import Recipe

PREFLIGHT_CHUNK = 32


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of every training study by members that did not see it.

    Args:
        studies: Rows, in order.
        labels: (n,), 0 or 1.
        folds: Fold of each study in each repeat, (n, repeats).
        members: Members that did not see each study, (n, repeats).
        subset_logits: (n, repeats, 2 ** M).
        contributions: Mean over repeats, (n, M).
        interaction: Mean over repeats, (n,).
        present: (n, M).
        names: Modalities.
    """

    studies: tuple[Study, ...]
    labels: np.ndarray
    folds: np.ndarray
    members: np.ndarray
    subset_logits: np.ndarray
    contributions: np.ndarray
    interaction: np.ndarray
    present: np.ndarray
    names: tuple[str, ...]

    @property
    def patients(self) -> np.ndarray:
        """Patient of each study, (n,)."""
        return np.array([study.patient_id for study in self.studies])

    @property
    def mean_logits(self) -> np.ndarray:
        """Subset logits averaged over repeats, (n, 2 ** M)."""
        return np.asarray(self.subset_logits.mean(1))

    @property
    def pattern(self) -> np.ndarray:
        """Which set is present in each study, as the sum of 2 ** m, (n,)."""
        return np.asarray((self.present * 2 ** np.arange(len(self.names))).sum(1))

    @property
    def shares(self) -> np.ndarray:
        """Exact Shapley shares, (n, M)."""
        return shapley_shares(torch.from_numpy(self.mean_logits)).numpy()


@dataclass(frozen=True)
class CrossFit:
    """All members and their out-of-fold predictions."""

    members: tuple[TrainedMember, ...]
    folds: tuple[Fold, ...]
    seeds: tuple[int, ...]
    out_of_fold: OutOfFold
    failed: dict[str, str] = field(default_factory=dict)


def make_folds(recipe: Recipe, studies: Sequence[Study]) -> list[Fold]:
    """Folds by patient (stratified) or by site, as the recipe says.

    Raises:
        TrainingError: No studies, one class only, or too few patients for the folds.
    """
    labels = np.array([study.labels[recipe.task.name] for study in studies], dtype=float)
    if len(studies) == 0:
        raise TrainingError(
            "there is no labelled study to train on", hint="Look at it with `medxmodal describe`."
        )
    if len(np.unique(labels)) < 2:
        word = "positive" if labels[0] == 1 else "negative"
        raise TrainingError(
            f"all {len(labels)} labelled studies are {word}; a diagnosis model needs both classes",
            hint="Check `label` in the cohort spec.",
        )
    if recipe.validation.scheme == "site":
        return by_site([study.site for study in studies], [study.patient_id for study in studies])
    return kfold(
        labels,
        [study.patient_id for study in studies],
        folds=recipe.validation.folds,
        repeats=recipe.validation.repeats,
        seed=recipe.seed,
        stratify=recipe.validation.stratify == "label",
    )


def preflight(
    plan: MemberPlan, studies: Sequence[Study], report: Progress | None = None
) -> tuple[list[Study], dict[str, str], DiagnosisModel]:
    """Read every study once: those that can be read, the others with their reason.

    Also fills the cache of frozen features, and gives a model whose frozen encoders members share.
    """
    sound = [study for study in studies if not study.problems and any(study.has(m) for m in plan.settings)]
    if not sound:
        raise TrainingError("no study can be read", hint="Look at the problems with `medxmodal describe`.")
    model = make_model(
        plan.settings, plan.fusion, plan.specs, sound,
        dim=plan.preset.dim, presence_visible=plan.recipe.missing.presence == "visible", seed=0,
    )  # fmt: skip
    reader = Reader([model], plan.recipe.task.name)
    readable: list[Study] = []
    failed: dict[str, str] = {}
    for start in range(0, len(studies), PREFLIGHT_CHUNK):
        reading = reader.read(studies[start : start + PREFLIGHT_CHUNK])
        readable += reading.studies
        failed |= reading.failed
        if report:
            report("reading studies", min(start + PREFLIGHT_CHUNK, len(studies)), len(studies))
    return readable, failed, model


def cross_fit(
    plan: MemberPlan,
    studies: Sequence[Study],
    folds: Sequence[Fold],
    *,
    sharing: DiagnosisModel | None = None,
    done: Callable[[int], TrainedMember | None] = lambda _: None,
    keep: Callable[[int, TrainedMember], None] = lambda _index, _member: None,
    report: Progress | None = None,
) -> CrossFit:
    """Train one member a fold.

    Args:
        plan: What members have in common.
        studies: Readable, labelled studies.
        folds: Which are held out when.
        sharing: A model whose frozen encoders are used.
        done: Gives a member trained before an interruption.
        keep: Takes each member as soon as it is trained.
        report: Progress: words, done, total.
    """
    members: list[TrainedMember] = []
    seeds = tuple(plan.recipe.seed + index for index in range(len(folds)))
    for index, fold in enumerate(folds):
        if report:
            report("training members", index, len(folds))
        member = done(index) or train_member(
            plan,
            [studies[row] for row in fold.train],
            [studies[row] for row in fold.test],
            seed=seeds[index],
            sharing=sharing,
        )
        keep(index, member)
        members.append(member)
    if report:
        report("training members", len(folds), len(folds))
    out = gather(plan.recipe.task.name, studies, folds, [m.prediction for m in members])
    return CrossFit(tuple(members), tuple(folds), seeds, out)


def gather(
    task: str, studies: Sequence[Study], folds: Sequence[Fold], predictions: Sequence[Prediction | None]
) -> OutOfFold:
    """Out-of-fold predictions in the order of the studies."""
    first = next(p for p in predictions if p is not None)
    repeats = 1 + max(fold.repeat for fold in folds)
    n, sets, modalities = len(studies), first.subset_logits.shape[1], len(first.names)
    logits = np.full((n, repeats, sets), np.nan)
    parts = np.zeros((n, repeats, modalities))
    together = np.zeros((n, repeats))
    present = np.zeros((n, modalities), dtype=bool)
    member_of = np.full((n, repeats), -1)
    fold_of = np.full((n, repeats), -1)
    for index, (fold, made) in enumerate(zip(folds, predictions, strict=True)):
        assert made is not None
        rows = np.array(fold.test)
        logits[rows, fold.repeat] = made.subset_logits.double().numpy()
        parts[rows, fold.repeat] = made.contributions.double().numpy()
        together[rows, fold.repeat] = made.interaction.double().numpy()
        present[rows] = made.present.numpy()
        member_of[rows, fold.repeat], fold_of[rows, fold.repeat] = index, fold.fold
    assert not np.isnan(logits).any(), "every study is held out once a repeat"
    return OutOfFold(
        studies=tuple(studies),
        labels=np.array([study.labels[task] for study in studies], dtype=int),
        folds=fold_of,
        members=member_of,
        subset_logits=logits,
        contributions=parts.mean(1),
        interaction=together.mean(1),
        present=present,
        names=first.names,
    )
