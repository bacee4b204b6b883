"""`image`: one 2D image a study, through an encoder trained here or frozen and pretrained.

A frozen encoder's pooled features are standardised and read by a penalised logistic regression, the
form that holds on small cohorts; a trained encoder gives a map whose means and maxima are read by the
evidence head: by its mean alone a small lesion is lost in the rest of the image. Either way the tokens
are the whole image and a grid of its regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import nn

from medxmodal.cohort.decode.reference import decode
from medxmodal.cohort.study import FileReference
from medxmodal.errors import InputError, RecipeError
from medxmodal.modalities.base import Made, Modality, Shown, State
from medxmodal.modalities.encoders import Encoder, choose, peak_tokens, pooled_tokens
from medxmodal.modalities.linear import PenalisedLinear
from medxmodal.modalities.pixels import crop_to_mask, jitter, to_square, unit_range
from medxmodal.modalities.principal import set_principal
from medxmodal.records import HeatmapPanel
from medxmodal.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study, Value
    from medxmodal.typing import Logit, Tokens

GRID = 4
SHOWN_SIDE = 480


class Frozen:
    """A module that belongs to several owners: moved with them, saved by none of them."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval().requires_grad_(False)


@register("modality", "image")
class Image(Modality):
    """A 2D image as tokens: the whole and a grid of regions.

    Args:
        encoder: `small`, `densenet121`, `resnet18` (trained here) or `efficientnet_lite1`.
        weights: `none`, or `package` for weights that ship in an installed package.
        train: `full` or `frozen`; frozen needs pretrained weights.
        roi: `none` for the whole image, `given` to crop to the study's mask with a margin.
        size: Side of the square the image is resized to, in pixels; the encoder's own by default.
        penalty_c: Inverse penalty of the logistic regression on frozen features; chosen by
            cross-validation inside the training studies by default.
        shrink: Strength of L2-SP towards that regression while training.
        augment: Whether training images are flipped, shifted and changed in gain.

    Raises:
        RecipeError: An unknown setting, or frozen weights that were never trained.
    """

    kind: ClassVar[str] = "image"
    default_method: ClassVar[str] = "hires_cam"
    baseline_words: ClassVar[str] = "a black image"

    def __init__(
        self,
        encoder: str = "small",
        weights: str = "none",
        train: str = "full",
        roi: str = "none",
        size: int | None = None,
        penalty_c: float | None = None,
        shrink: float = 1.0,
        augment: bool = True,
    ) -> None:
        super().__init__()
        self.settings = {"train": train, "augment": augment, "size": size}
        self.encoder, self.weights, self.train_mode, self.roi = encoder, weights, train, roi
        self.choice = choose(encoder)
        self.size = size or self.choice.side
        self.penalty_c, self.shrink, self.augmented = penalty_c, shrink, augment
        self._check()
        self.frozen: Frozen | None = None

    def _check(self) -> None:
        for key, value, allowed in (
            ("weights", self.weights, ("none", "package")),
            ("train", self.train_mode, ("full", "frozen")),
            ("roi", self.roi, ("none", "given")),
        ):
            if value not in allowed:
                raise RecipeError(
                    f"image setting {key} is '{value}'", hint=f"Use one of: {', '.join(allowed)}."
                )
        if self.train_mode == "frozen" and self.weights == "none":
            raise RecipeError(
                "a frozen encoder without pretrained weights learns nothing", hint="Use train: full."
            )
        if self.weights == "package" and self.choice.packaged is None:
            raise RecipeError(
                f"no package ships weights for the encoder '{self.encoder}'", hint="Use weights: none."
            )
        if not 16 <= self.size <= 2048:
            raise RecipeError(f"image size is {self.size} pixels", hint="Use 16 to 2048.")

    @property
    def is_frozen(self) -> bool:
        """Whether the encoder's weights never change."""
        return self.train_mode == "frozen"

    def fit(self, studies: Sequence[Study]) -> State:
        """Nothing to learn before tensors exist: images are scaled by themselves or by ImageNet's range."""
        if not any(study.has(self.name) for study in studies):
            raise RecipeError(
                f"no training study has the modality '{self.name}'", hint="Remove it from the recipe."
            )
        return {"size": self.size, "channels": self.choice.channels, "roi": self.roi}

    def build(self, state: State) -> None:
        """Make the encoder (or take the shared frozen one) and the layers behind it."""
        self.state = state
        encoder = self.frozen.module if self.frozen else self.choice.make(self.choice.channels)
        assert isinstance(encoder, Encoder)
        if self.is_frozen:
            self.frozen = self.frozen or Frozen(encoder)
            self.skip = PenalisedLinear(encoder.features, self.penalty_c, self.shrink, standardise=True)
            self.project = nn.Linear(encoder.features, self.dim)
        else:
            self.network = encoder
            self.project = nn.Linear(2 * encoder.features, self.dim)

    def share(self, other: Modality) -> None:
        """Use another member's frozen encoder instead of loading it again."""
        if isinstance(other, Image):
            self.frozen = other.frozen

    @property
    def visual(self) -> nn.Module:
        """The encoder, for maps."""
        return self.frozen.module if self.frozen else self.network

    def _apply(self, fn, recurse: bool = True):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - torch's own signature
        if self.frozen is not None:
            self.frozen.module._apply(fn)  # type: ignore[no-untyped-call]
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(channels, side, side)."""
        return (self.choice.channels, self.size, self.size)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """(1 + 16, features)."""
        return (1 + GRID * GRID, self.skip.weight.shape[0])

    @property
    def same_for_all_folds(self) -> bool:
        """Always: pixels are scaled by themselves."""
        return True

    def read(self, study: Study) -> np.ndarray:
        """Pixels in 0..1, (channels, side, side), float32; of several images those of the latest."""
        fields = study.inputs[self.name]
        reference = _latest(fields["file"])
        assert reference is not None
        pixels = unit_range(decode(reference))
        if self.roi == "given":
            mask = _latest(fields.get("mask"))
            if mask is None:
                raise InputError(
                    f"{reference.shown}: roi is `given`, but this study has no mask",
                    hint="Use roi: none, or add it.",
                )
            pixels = crop_to_mask(pixels, decode(mask))
        return to_square(pixels, self.size, self.choice.channels)

    def content_key(self, study: Study) -> str:
        """Hashes of what `read` depends on, for the feature cache."""
        fields = study.inputs[self.name]
        names = ("file", "mask") if self.roi == "given" else ("file",)
        return "+".join(file.sha256 for name in names if (file := _latest(fields.get(name))))

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Flips, shifts and gain for training; the same images otherwise."""
        return jitter(x, generator) if self.augmented and not self.is_frozen else x

    def embed(self, x: Tensor) -> Tensor:
        """The pixels themselves, (batch, channels, side, side)."""
        return x

    def features(self, embedded: Tensor, x: Tensor) -> Tensor:
        """Pooled features of the frozen encoder, (batch, 1 + 16, features); pixels when trained."""
        del x
        return pooled_tokens(self.visual(embedded), GRID) if self.is_frozen else embedded

    @property
    def frozen_key(self) -> str:
        """Encoder, weights hash, size and region of interest."""
        if not self.is_frozen or self.choice.packaged is None:
            return ""
        return f"{self.encoder}:{self.choice.packaged.facts()['sha256']}:{self.size}:{self.roi}:{GRID}:v2"

    def encode(self, features: Tensor, x: Tensor | None) -> Tokens:
        """The whole image and its regions, (batch, 17, dim)."""
        del x
        if self.is_frozen:
            projected: Tensor = self.project(self.skip.scaled(features))
            return projected
        found = self.visual(features)
        both: Tensor = self.project(torch.cat([pooled_tokens(found, GRID), peak_tokens(found, GRID)], dim=2))
        return both

    def linear(self, features: Tensor, x: Tensor | None) -> Logit:
        """Penalised regression on the whole image's frozen features; zero when trained."""
        return self.skip(features[:, 0]) if self.is_frozen else super().linear(features, x)

    def warm_start(
        self, features: Tensor, x: Tensor | None, y: np.ndarray, groups: np.ndarray | None = None
    ) -> None:
        """Fit that regression on training rows, and fix the tokens to principal components of them.

        A learned projection of frozen features knew 160 patients by heart after three epochs.
        """
        del x
        if self.is_frozen:
            self.skip.warm_start(features[:, 0].detach().cpu().numpy(), y, groups)
            set_principal(self.project, self.skip.scaled(features).flatten(0, 1))

    @property
    def has_linear(self) -> bool:
        """Only with a frozen encoder."""
        return self.is_frozen

    def penalty(self) -> Tensor:
        """Shrinkage towards that regression."""
        return self.skip.penalty() if self.is_frozen else super().penalty()

    def baseline(self, x: Tensor) -> Tensor:
        """Black, the same shape."""
        return torch.zeros_like(x)

    def panel(self, shown: Shown) -> Made:
        """The image as the model saw it, with its map."""
        if not shown.study.has(self.name):
            panel = HeatmapPanel(
                modality=self.name, title="Image", image="", heat=None, note="Not there for this study."
            )
            return Made(panel)
        pixels = self.read(shown.study)
        gray = (pixels.mean(0) if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)) * 255
        picture = f"{self.name}.image"
        arrays = {picture: np.clip(gray.round(), 0, 255).astype(np.uint8)}
        rows = columns = 0
        if shown.attribution is not None:
            heat = shown.attribution.sum(0) if shown.attribution.ndim == 3 else shown.attribution
            arrays[f"{self.name}.heat"] = heat.astype(np.float32)
            rows, columns = heat.shape
        panel = HeatmapPanel(
            modality=self.name,
            title="Image",
            image=picture,
            heat=f"{self.name}.heat" if shown.attribution is not None else None,
            rows=rows,
            columns=columns,
            caption=shown.method,
        )
        return Made(panel, arrays)

    def weights_facts(self) -> dict[str, str]:
        """Package, version, hash and licence of packaged weights."""
        if self.weights == "package" and self.choice.packaged is not None:
            return self.choice.packaged.facts()
        return {"source": "trained here from random weights"}


def _latest(value: Value) -> FileReference | None:
    """The file, or that of the latest of several images; None where that one has none."""
    last = value[-1] if isinstance(value, tuple) and value else value
    return last if isinstance(last, FileReference) else None
