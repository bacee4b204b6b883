"""Which layer of an image encoder a map is read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from medxmodal.errors import ExplanationError

if TYPE_CHECKING:
    from torch import Tensor, nn

CELLS = 14
"""A map has at least this many cells a side, where the encoder has such a layer."""

Hook = Callable[["nn.Module", object, object], object]


def map_layer(visual: nn.Module, logit: Callable[[Tensor], Tensor], image: Tensor) -> str:
    """Name of the deepest layer with at least `CELLS` x `CELLS` cells that all of the image goes through.

    A layer inside a residual branch does not count, since the image also passes beside it. Of layers
    with as many cells the deepest block is taken rather than a single operation behind it, such as a
    normalisation, whose offset would tint the whole map. Where no layer has so many cells, the same of
    those with the most.

    Args:
        visual: The encoder.
        logit: From the embedding of one study, (1, ...), to its logit; calls the encoder.
        image: That embedding.

    Raises:
        ExplanationError: The encoder has no layer with cells.
    """
    named: dict[nn.Module, str] = {module: name for name, module in visual.named_modules()}
    sides = _sides(visual, logit, image)
    least = min(CELLS, max(sides.values(), default=0))
    enough = (module for module in reversed(sides) if sides[module] >= least)
    deepest = next((m for m in enough if _everything_goes_through(m, logit, image)), None)
    if deepest is None:
        raise ExplanationError(
            "the encoder has no layer with cells that the whole image goes through",
            hint="Use another method for this modality, for example integrated_gradients.",
        )
    alike = (module for module in reversed(sides) if sides[module] == sides[deepest])
    blocks = (module for module in alike if any(True for _ in module.children()))
    return named[next((m for m in blocks if _everything_goes_through(m, logit, image)), deepest)]


@torch.no_grad()
def _sides(visual: nn.Module, logit: Callable[[Tensor], Tensor], image: Tensor) -> dict[nn.Module, int]:
    """Cells on the shorter side of each layer with weights that runs once, in order of execution.

    Layers without weights do not count: a padding has more cells than the image has places.
    """
    sides: dict[nn.Module, int] = {}
    runs: Counter[nn.Module] = Counter()

    def note(module: nn.Module, inputs: object, output: object) -> None:
        del inputs
        runs[module] += 1
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            sides[module] = min(output.shape[2:])

    weighted = [module for module in visual.modules() if any(True for _ in module.parameters())]
    with _hooked(weighted, note):
        logit(image)
    return {module: side for module, side in sides.items() if runs[module] == 1}


def _everything_goes_through(module: nn.Module, logit: Callable[[Tensor], Tensor], image: Tensor) -> bool:
    """Whether the logit no longer depends on the image when this layer's output is cut off from it."""

    def cut(layer: nn.Module, inputs: object, output: object) -> object:
        del layer, inputs
        return output.detach() if isinstance(output, torch.Tensor) else output

    seen = image.detach().clone().requires_grad_()
    with _hooked([module], cut):
        found = logit(seen)
    if not found.requires_grad:
        return True
    (gradient,) = torch.autograd.grad(found.sum(), seen, allow_unused=True)
    return gradient is None


@contextmanager
def _hooked(modules: list[nn.Module], hook: Hook) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
