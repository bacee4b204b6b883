"""What every modality gives the model: a way from a study to tokens, and back to a panel.

    study --read--> array --collate--> x --embed--> continuous --features--> frozen --encode--> tokens
                                                                       +--linear--> penalised logit

`fit` sees the training studies of one fold and returns JSON state; everything learned by gradient
lives in the module itself. `features` is the part whose weights never change in training (the
identity when there is none), so its output can be cached by content and weights hash.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from medxmodal.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study
    from medxmodal.records import Panel
    from medxmodal.typing import Logit, Tokens

State = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What a panel is made from: the study, its attribution and how it was made.

    Args:
        study: The study shown.
        attribution: The modality's attribution for this one study: the shape of `embed`'s output
            without the batch axis, or a map (rows, columns) for image methods; None when absent.
        method: Words for the caption.
        text_allowed: Whether note text may enter the record.
    """

    study: Study
    attribution: np.ndarray | None
    method: str
    text_allowed: bool = False


@dataclass(frozen=True)
class Made:
    """A panel and the arrays that it names."""

    panel: Panel
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class Modality(nn.Module, ABC):
    """One kind of input, from study to tokens.

    Subclasses set `kind`, keep their constructor arguments as attributes (they are the
    configuration) and implement the abstract methods. `name` and `columns` come from the cohort
    spec through `attach`.
    """

    kind: ClassVar[str]
    default_method: ClassVar[str]
    name: str = ""
    spec: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.state: State = {}
        self.dim = 0
        self.presence_visible = True

    def attach(
        self,
        name: str,
        spec: Any,  # noqa: ANN401 - the cohort's spec of this kind
        dim: int,
        *,
        presence_visible: bool = True,
    ) -> Modality:
        """Tell the modality its name, the cohort's spec of it and the width of tokens."""
        self.name, self.spec, self.dim = name, spec, dim
        self.presence_visible = presence_visible
        return self

    @abstractmethod
    def fit(self, studies: Sequence[Study]) -> State:
        """What must be learned from training studies before tensors exist, as JSON."""

    @abstractmethod
    def build(self, state: State) -> None:
        """Make the layers for a fitted state; called once, before weights are loaded or trained."""

    @abstractmethod
    def read(self, study: Study) -> np.ndarray:
        """The study's input as one array.

        Raises:
            InputError: The input is broken, or holds what this modality never saw in training.
        """

    def collate(self, samples: Sequence[np.ndarray | None]) -> Tensor:
        """Stack samples; None (absent) becomes zeros."""
        shape = next((s.shape for s in samples if s is not None), self.sample_shape)
        rows = [np.zeros(shape, np.float32) if s is None else s for s in samples]
        return torch.from_numpy(np.stack(rows).astype(np.float32, copy=False))

    @property
    @abstractmethod
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of what `read` gives."""

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """The continuous tensor on which attribution is taken, (batch, ...)."""

    def features(self, embedded: Tensor, x: Tensor) -> Tensor:
        """The frozen part; the identity where nothing is frozen."""
        del x
        return embedded

    @property
    def frozen_key(self) -> str:
        """Names the frozen part's weights and preprocessing for the cache; empty when none."""
        return ""

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Shape of one study's `features`, where the frozen part is cached."""
        return self.sample_shape

    @property
    def same_for_all_folds(self) -> bool:
        """Whether `read` depends on settings only and not on fitted state."""
        return False

    def content_key(self, study: Study) -> str:
        """Hashes of what `read` depends on, for the feature cache."""
        raise RunError(
            f"modality '{self.name}' names no content to cache features of study {study.study_id} by"
        )

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Changed training inputs; the same where the kind has no augmentation."""
        del generator
        return x

    def agree(self, members: Sequence[Modality]) -> None:
        """Take note of what other members of the same run saw in training; called once, on loading."""
        del members

    def share(self, other: Modality) -> None:
        """Use another member's frozen part instead of loading it again."""
        del other

    @abstractmethod
    def encode(self, features: Tensor, x: Tensor | None) -> Tokens:
        """Tokens, (batch, tokens, dim)."""

    def linear(self, features: Tensor, x: Tensor | None) -> Logit:
        """The penalised linear part of the evidence, (batch,); zero where there is none."""
        del x
        return features.new_zeros(len(features))

    def warm_start(
        self, features: Tensor, x: Tensor | None, y: np.ndarray, groups: np.ndarray | None = None
    ) -> None:
        """Fit the penalised linear part on training rows; does nothing where there is none.

        Args:
            features: From `features`, (n, ...).
            x: From `collate`, (n, ...), where features do not stand in for it.
            y: Labels, (n,).
            groups: Patient of each row as a number, (n,), for choices made by cross-validation.
        """
        del features, x, y, groups

    @property
    def has_linear(self) -> bool:
        """Whether evidence starts from a penalised linear fit."""
        return False

    def penalty(self) -> Tensor:
        """L2-SP: the shrinkage of the linear part towards its warm start, a scalar."""
        return torch.zeros(())

    @abstractmethod
    def baseline(self, x: Tensor) -> Tensor:
        """The reference on the scale of `embed` that attribution compares with, same shape."""

    baseline_words: ClassVar[str] = ""

    @abstractmethod
    def panel(self, shown: Shown) -> Made:
        """What a report shows of this modality for one study."""

    def weights_facts(self) -> dict[str, str]:
        """Where pretrained weights came from: package, version, hash, licence."""
        return {}
