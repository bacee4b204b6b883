"""What an attribution method is: how far each part of one modality's input moved the fused logit.

A method sees one member and one modality through a `FusedLogit` and returns an amount for each
number of the embedding, or a map. Members are asked one by one, because each has its own fitted
preprocessing; the mean of their attributions belongs to the mean logit, which is the prediction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch

from medxmodal import registry
from medxmodal.errors import ExplanationError
from medxmodal.explain.fused import FusedLogit
from medxmodal.records import AttributionFacts

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.modalities import Batch, Modality
    from medxmodal.model import Members
    from medxmodal.recipe import Explain

Settings = dict[str, str | int | float]


@dataclass(frozen=True)
class Taken:
    """What a method found in one member, for the studies that have the modality.

    Args:
        values: The shape of the embedding, or maps (studies, rows, columns).
        settings: What a reader needs to know of how it was taken.
    """

    values: Tensor
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class Attribution:
    """How far each part of one modality moved the logit of several studies.

    Args:
        modality: Its name.
        method: The method in words.
        baseline: What was compared with, in words; empty when nothing was.
        values: Member -> amounts in that member's own embedding, (studies, ...); zero where absent.
        settings: How it was taken.
        logit_change: Logit minus logit at the baseline, mean over members, (studies,); None for a
            method that does not promise to add up.
        completeness_delta: Sum of the amounts minus `logit_change`, (studies,), or None.
    """

    modality: str
    method: str
    baseline: str
    values: Mapping[int, np.ndarray]
    settings: Settings
    logit_change: np.ndarray | None = None
    completeness_delta: np.ndarray | None = None

    def facts(self, row: int) -> AttributionFacts:
        """What the record of one study says of it."""
        change, delta = self.logit_change, self.completeness_delta
        return AttributionFacts(
            modality=self.modality,
            method=self.method,
            baseline=self.baseline,
            completeness_delta=None if delta is None else float(delta[row]),
            logit_change=None if change is None else float(change[row]),
            settings=self.settings,
        )


class AttributionMethod(ABC):
    """A way to attribute the fused logit to the parts of one modality's input.

    Subclasses implement `take`, and `fits` where not every modality will do.
    """

    words: ClassVar[str]
    """The method's name for readers."""
    complete: ClassVar[bool]
    """Whether amounts are against a baseline and add up to the logit's change from it."""
    registered_name: ClassVar[str]

    @classmethod
    def from_recipe(cls, explain: Explain) -> Self:
        """The method with the recipe's settings."""
        del explain
        return cls()

    def fits(self, modality: Modality) -> bool:
        """Whether the method can be used on a built modality."""
        del modality
        return True

    def check(self, modality: Modality) -> None:
        """Refuse a modality that the method does not fit.

        Raises:
            ExplanationError: It does not; the message names the methods that do.
        """
        if not self.fits(modality):
            raise ExplanationError(
                f"the method '{self.registered_name}' does not fit the modality '{modality.name}' "
                f"({modality.kind})",
                hint=f"Use one of: {', '.join(fitting(modality))}.",
            )

    @abstractmethod
    def take(self, logit: FusedLogit) -> Taken:
        """The attribution in one member, over the studies of `logit.rows` (at least one)."""

    def attribute(
        self, members: Members, batches: Sequence[Batch], use: Sequence[int], name: str
    ) -> Attribution:
        """The attribution of several studies to one modality, the mean over the members that answer.

        Args:
            members: The members, in evaluation mode.
            batches: The same studies as each member reads them, on the members' device.
            use: The members that answer; at least one.
            name: The modality.

        Raises:
            ExplanationError: The method does not fit the modality.
        """
        self.check(members.modality(name))
        values: dict[int, np.ndarray] = {}
        changes, deltas = [], []
        settings: Settings = {}
        for k in use:
            logit = FusedLogit(members[k], batches[k], name)
            found = self.take(logit) if len(logit.rows) else Taken(logit.embedded)
            settings |= found.settings
            values[k] = _full(found.values, logit)
            if self.complete:
                changes.append(_full(_change(logit), logit))
                deltas.append(values[k].reshape(logit.studies, -1).sum(1, dtype=np.float64) - changes[-1])
        return Attribution(
            modality=name,
            method=self.words,
            baseline=members.modality(name).baseline_words if self.complete else "",
            values=values,
            settings=settings,
            logit_change=np.mean(changes, axis=0) if self.complete else None,
            completeness_delta=np.mean(deltas, axis=0) if self.complete else None,
        )


def fitting(modality: Modality) -> list[str]:
    """Names of the registered methods that fit a built modality."""
    return [
        name for name in registry.names("attribution") if registry.create("attribution", name).fits(modality)
    ]


def _change(logit: FusedLogit) -> Tensor:
    if len(logit.rows) == 0:
        return logit.embedded.new_zeros(0)
    return logit.values(logit.embedded) - logit.values(logit.baseline)


def _full(found: Tensor, logit: FusedLogit) -> np.ndarray:
    """A row a study, exactly zero where the modality is absent."""
    full = torch.zeros(logit.studies, *found.shape[1:], dtype=found.dtype, device=found.device)
    made: np.ndarray = full.index_copy(0, logit.rows, found.detach()).cpu().numpy()
    return made
