"""`hires_cam`: Grad-CAM with a gradient of its own for each cell; the default for images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from captum.attr import LayerGradientXActivation

from medxmodal.explain.layer_map import LayerMap
from medxmodal.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from medxmodal.explain.fused import FusedLogit


@register("attribution", "hires_cam")
class HiResCam(LayerMap):
    """`sum over channels c of d logit / dA_c * A_c`, cell by cell, at one layer A of the image encoder.

    A cell is marked only if the logit depends on that very cell. At the last layer of a model that reads
    the mean of each channel it equals Grad-CAM.

    On the embedded cohort, whose encoder is read by mean and maximum, the positive mass inside the true
    lesion was 21 times its area share in the median diseased study, and 0 times with Grad-CAM; on 40
    malignant lesions of `breast_poland` 1.5 times against 0.9 (`grad_cam` keeps that method).

    Its sign is that of the gradient at the study itself: where the head is saturated, a place that carries
    the answer may be marked as speaking against it. The page says so when map and share disagree.

    References:
        Draelos, Carin, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
        neural networks, 2020.
    """

    words: ClassVar[str] = "HiResCAM (Grad-CAM with a gradient for each cell)"

    def cells(self, logit: FusedLogit, layer: nn.Module, embedded: Tensor, rows: Tensor) -> Tensor:
        """Amounts a channel, (n, channels, rows, columns)."""
        captum = LayerGradientXActivation(logit, layer)
        found: Tensor = captum.attribute(embedded, additional_forward_args=(rows,))
        return found
