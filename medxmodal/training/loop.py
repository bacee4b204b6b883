"""One fit of one member on Lightning: fused loss, one auxiliary loss a modality, modality dropout."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import lightning as L
import torch

from medxmodal.errors import TrainingError
from medxmodal.model.diagnosis import CENTRE_MOMENTUM

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader

    from medxmodal.modalities import Batch
    from medxmodal.model import DiagnosisModel, Encoded
    from medxmodal.tasks import Task

    ExtraLoss = Callable[[DiagnosisModel, Encoded, Batch], Tensor]


@dataclass(frozen=True)
class FitSettings:
    """How one fit goes.

    Args:
        epochs: At most this many.
        learning_rate: AdamW's, before the cosine schedule.
        weight_decay: AdamW's, on matrices that have no shrinkage of their own.
        patience: Stop after this many epochs without a better inner validation.
        auxiliary: Weight of the mean unimodal loss.
        dropout: Modality -> rate at which it is taken away in training.
        alone: Modality that learns by itself, with its own head and loss; empty for all together.
        only_interaction: Whether only the interaction term learns.
        precision: Lightning's precision, or `auto`: bf16 on a GPU that has it.
        seed: Seed of dropout and augmentation.
    """

    epochs: int
    learning_rate: float
    weight_decay: float
    patience: int
    auxiliary: float
    dropout: Mapping[str, float]
    seed: int
    alone: str = ""
    only_interaction: bool = False
    precision: str = "auto"


class Fitting(L.LightningModule):
    """A member in training.

    Args:
        model: The member.
        task: Its loss.
        settings: How the fit goes.
        studies: Number of training studies, the scale of shrinkage terms.
        extra: Further losses, for adaptation and pretraining.
    """

    rates: Tensor

    def __init__(
        self,
        model: DiagnosisModel,
        task: Task,
        settings: FitSettings,
        studies: int,
        extra: Sequence[ExtraLoss] = (),
    ) -> None:
        super().__init__()
        self.model, self.task, self.settings, self.studies, self.extra = model, task, settings, studies, extra
        self.generator = torch.Generator().manual_seed(settings.seed)
        rates = [settings.dropout.get(name, 0.0) for name in model.names]
        self.register_buffer("rates", torch.tensor(rates), persistent=False)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of one batch, with some modalities taken away."""
        del index
        if self.settings.alone:
            batch = only(batch, self.settings.alone)
        inputs = {
            name: self.model.modality(name).augment(x, self.generator) for name, x in batch.inputs.items()
        }
        batch = replace(batch, inputs=inputs)
        with torch.set_grad_enabled(not self.settings.only_interaction):
            encoded = self.model.encode(batch)
        with torch.no_grad():
            if not self.settings.only_interaction:
                self.model.centre_on(encoded.raw.detach().float(), encoded.present, CENTRE_MOMENTUM)
        loss = self._loss(encoded, batch) + self.model.penalty() / self.studies
        for term in self.extra:
            loss = loss + term(self.model, encoded, batch)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss became {float(loss.detach())} in epoch {self.current_epoch + 1}",
                hint="Lower training.learning_rate, or look for extreme values with `medxmodal describe`.",
            )
        return loss

    def _loss(self, encoded: Encoded, batch: Batch) -> Tensor:
        """Fused loss with modality dropout, plus the mean unimodal loss; only the latter when alone."""
        alone = auxiliary_loss(self.model, encoded, batch.targets, self.task)
        if self.settings.alone:
            return alone
        kept = torch.rand(batch.present.shape, generator=self.generator).to(self.rates.device) >= self.rates
        fused = self.task.loss(self.model.fuse(encoded, kept).logit, batch.targets)
        return fused + self.settings.auxiliary * alone

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own union
        """AdamW with a cosine schedule; shrunken weights and vectors have no weight decay."""
        learning = [(name, p) for name, p in self.model.named_parameters() if self._learns(name, p)]
        decayed = [
            p for name, p in learning if p.ndim > 1 and ".skip." not in name and "pairwise" not in name
        ]
        ids = {id(p) for p in decayed}
        groups = [
            {"params": decayed, "weight_decay": self.settings.weight_decay},
            {"params": [p for _, p in learning if id(p) not in ids], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=self.settings.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, self.settings.epochs))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}

    def _learns(self, name: str, parameter: Tensor) -> bool:
        alone = self.settings.alone
        parts = (f"modalities.{alone}.", f"heads.{alone}.") if alone else ("",)
        parts = ("fusion.together.",) if self.settings.only_interaction else parts
        return parameter.requires_grad and name.startswith(parts)


def only(batch: Batch, name: str) -> Batch:
    """The same studies with one modality at most."""
    chosen = [modality == name for modality in batch.names]
    kept = replace(batch, inputs={k: v for k, v in batch.inputs.items() if k == name})
    return kept.keeping(torch.tensor(chosen, device=batch.present.device).expand_as(batch.present))


def auxiliary_loss(model: DiagnosisModel, encoded: Encoded, targets: Tensor, task: Task) -> Tensor:
    """Mean over modalities of the loss of `b + e_m` on the studies that have it."""
    logits = model.unimodal_logits(encoded)
    losses = [
        task.loss(logits[encoded.present[:, m], m], targets[encoded.present[:, m]])
        for m in range(logits.shape[1])
        if bool(encoded.present[:, m].any())
    ]
    return torch.stack(losses).mean() if losses else logits.sum() * 0.0


@dataclass
class Best:
    """The best epoch by inner validation: 0 is before training."""

    epoch: int
    loss: float
    losses: Tensor
    weights: dict[str, Tensor]


class KeepBest(L.Callback):
    """Early stopping inside the fold: validates after every epoch and keeps the best weights.

    Args:
        validate: Gives the loss of each inner validation study, (n,).
        patience: Epochs without improvement before the fit stops.
    """

    def __init__(self, validate: Callable[[], Tensor], patience: int) -> None:
        self.validate, self.patience = validate, patience
        self.first: Best | None = None
        self.best: Best | None = None

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Epoch 0: the warm start itself."""
        del trainer
        self._look(pl_module, 0)
        self.first = self.best

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After each epoch."""
        epoch = trainer.current_epoch + 1
        self._look(pl_module, epoch)
        assert self.best is not None
        trainer.should_stop = trainer.should_stop or epoch - self.best.epoch >= self.patience

    def _look(self, module: L.LightningModule, epoch: int) -> None:
        model: DiagnosisModel = module.model  # type: ignore[assignment]
        model.eval()
        losses = self.validate()
        model.train()
        mean = float(losses.mean())
        if self.best is None or mean < self.best.loss - 1e-5:
            weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
            self.best = Best(epoch, mean, losses, weights)


def run_fit(fitting: Fitting, loader: DataLoader[Batch], keep: KeepBest | None) -> None:
    """Fit with Lightning: no files, no logger, bf16 where a GPU has it."""
    precision = fitting.settings.precision
    if precision == "auto":
        precision = (
            "bf16-mixed" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "32-true"
        )
    with quiet_lightning(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(fitting.settings.seed)
        trainer = L.Trainer(
            max_epochs=fitting.settings.epochs,
            accelerator="auto",
            devices=1,
            precision="32-true" if precision == "32" else precision,  # type: ignore[arg-type]
            gradient_clip_val=1.0,
            callbacks=[keep] if keep else [],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(fitting, loader)
        fitting.model.to("cpu")


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's own chatter off while it runs; our progress says what matters."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="lightning")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
