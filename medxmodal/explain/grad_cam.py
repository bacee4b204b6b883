"""`grad_cam`: one weight a channel, the mean of its gradient over the whole map."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from captum.attr import LayerGradCam

from medxmodal.explain.layer_map import LayerMap
from medxmodal.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from medxmodal.explain.fused import FusedLogit


@register("attribution", "grad_cam")
class GradCam(LayerMap):
    """`sum over channels c of mean(d logit / dA_c) * A_c` at one layer A of the image encoder.

    For comparison, and for encoders that are read by their mean alone. Where the model also reads the
    largest value of a channel, the mean gradient says little of the place where that value stands, and
    the map can point away from what the model saw: see `hires_cam`.

    References:
        Selvaraju et al., Grad-CAM, ICCV 2017.
    """

    words: ClassVar[str] = "Grad-CAM"

    def cells(self, logit: FusedLogit, layer: nn.Module, embedded: Tensor, rows: Tensor) -> Tensor:
        """The map, (n, 1, rows, columns)."""
        found: Tensor = LayerGradCam(logit, layer).attribute(embedded, additional_forward_args=(rows,))
        return found
