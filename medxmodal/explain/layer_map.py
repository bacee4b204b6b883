"""What all maps of an image have in common: the layer they are read from, and how."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

from medxmodal.explain.base import AttributionMethod, Taken
from medxmodal.explain.layers import map_layer

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.explain.fused import FusedLogit
    from medxmodal.modalities import Modality


class LayerMap(AttributionMethod):
    """A map at one layer of the image encoder: the deepest with at least 14 x 14 cells.

    Signed: what speaks against the positive label stays negative. It does not add up to the logit.
    Subclasses implement `cells`. Trained and frozen encoders are treated alike.
    """

    complete: ClassVar[bool] = False

    def __init__(self) -> None:
        self._layers: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()

    def fits(self, modality: Modality) -> bool:
        """Modalities with an image encoder, which they call `visual`."""
        return isinstance(getattr(modality, "visual", None), nn.Module)

    @abstractmethod
    def cells(self, logit: FusedLogit, layer: nn.Module, embedded: Tensor, rows: Tensor) -> Tensor:
        """The map of some studies, (n, 1 or channels, rows, columns); channels are summed.

        Args:
            logit: The fused logit.
            layer: The layer, inside the encoder.
            embedded: Images of these studies, with gradient.
            rows: Which studies they are.
        """

    def take(self, logit: FusedLogit) -> Taken:
        """Maps, (studies, rows, columns)."""
        visual = cast(nn.Module, logit.modality.visual)
        if visual not in self._layers:
            self._layers[visual] = map_layer(visual, logit, logit.embedded[:1])
        name = self._layers[visual]
        layer = visual.get_submodule(name)
        found = [
            # Without gradient to the image none would pass through an encoder whose weights are frozen.
            self.cells(logit, layer, logit.embedded[part].requires_grad_(), part).detach().sum(1)
            for part in logit.parts()
        ]
        return Taken(torch.cat(found), {"layer": name or "last"})
