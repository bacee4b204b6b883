"""`grad_cam`: where in an image the fused logit is sensitive to what the encoder found there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast
from weakref import WeakKeyDictionary

import torch
from captum.attr import LayerGradCam
from torch import nn

from medxmodal.explain.base import AttributionMethod, Taken
from medxmodal.explain.layers import map_layer
from medxmodal.registry import register

if TYPE_CHECKING:
    from medxmodal.explain.fused import FusedLogit
    from medxmodal.modalities import Modality


@register("attribution", "grad_cam")
class GradCam(AttributionMethod):
    """`sum over channels c of mean(d logit / dA_c) * A_c` at one layer A of the image encoder.

    Signed: what speaks against the positive label stays negative. The layer is the deepest with at
    least 14 x 14 cells, in trained and frozen encoders alike. The map is in relative units and does not
    add up to the logit.

    References:
        Selvaraju et al., Grad-CAM, ICCV 2017.
    """

    words: ClassVar[str] = "Grad-CAM"
    complete: ClassVar[bool] = False

    def __init__(self) -> None:
        self._layers: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()

    def fits(self, modality: Modality) -> bool:
        """Modalities with an image encoder, which they call `visual`."""
        return isinstance(getattr(modality, "visual", None), nn.Module)

    def take(self, logit: FusedLogit) -> Taken:
        """Maps, (studies, rows, columns)."""
        visual = cast(nn.Module, logit.modality.visual)
        if visual not in self._layers:
            self._layers[visual] = map_layer(visual, logit, logit.embedded[:1])
        name = self._layers[visual]
        captum = LayerGradCam(logit, visual.get_submodule(name))
        found = [
            # Without this no gradient passes through an encoder whose weights are frozen.
            captum.attribute(logit.embedded[part].requires_grad_(), additional_forward_args=(part,))
            for part in logit.parts()
        ]
        return Taken(torch.cat(found)[:, 0].detach(), {"layer": name or "the last"})
