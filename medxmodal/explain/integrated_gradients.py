"""`integrated_gradients`: amounts that add up, along the straight path from a baseline to the study."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import torch
from captum.attr import IntegratedGradients as Captum

from medxmodal.explain.base import AttributionMethod, Taken
from medxmodal.registry import register

if TYPE_CHECKING:
    from medxmodal.explain.fused import FusedLogit
    from medxmodal.recipe import Explain


@register("attribution", "integrated_gradients")
class IntegratedGradients(AttributionMethod):
    """`(x - x') * mean of d logit / dx over the path from the baseline x' to x`.

    Taken on the modality's continuous embedding, with every other modality as it is in the study. The
    amounts sum to the logit's change from the baseline, up to the error of the sum over steps.

    References:
        Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, ICML 2017.

    Args:
        steps: Points on the path, by Gauss and Legendre's rule.
    """

    words: ClassVar[str] = "Integrated Gradients"
    complete: ClassVar[bool] = True

    def __init__(self, steps: int = 32) -> None:
        self.steps = steps

    @classmethod
    def from_recipe(cls, explain: Explain) -> Self:
        """With the recipe's number of steps."""
        return cls(steps=explain.steps)

    def take(self, logit: FusedLogit) -> Taken:
        """The amounts, the shape of the embedding."""
        captum = Captum(logit)
        found = [
            captum.attribute(
                logit.embedded[part],
                baselines=logit.baseline[part],
                additional_forward_args=(part,),
                n_steps=self.steps,
                internal_batch_size=logit.at_once,
            )
            for part in logit.parts()
        ]
        return Taken(torch.cat(found), {"steps": self.steps})
