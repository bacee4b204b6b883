"""What can happen given the label, with its exact log-likelihood ratio: the grain of the generator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from medxmodal.errors import CohortError


@dataclass(frozen=True)
class Outcomes:
    """Outcomes that exclude each other, each with its probability in the healthy and the diseased.

    Args:
        chances: Outcome -> (probability in the healthy, probability in the diseased).

    Raises:
        CohortError: A probability is not in (0, 1), or they do not sum to one.

    Example:
        >>> fever = Outcomes({"absent": (0.75, 0.25), "present": (0.25, 0.75)})
        >>> fever.draw(0.4, label=1), round(fever.llr("present"), 3)
        ('present', 1.099)
    """

    chances: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        for label, word in enumerate(("healthy", "diseased")):
            given = [pair[label] for pair in self.chances.values()]
            if not all(0 < p < 1 for p in given) or abs(sum(given) - 1) > 1e-9:
                raise CohortError(
                    f"the outcomes {', '.join(self.chances)} have the probabilities {given} in the {word}",
                    hint="Each lies strictly between 0 and 1, and together they are 1.",
                )

    def draw(self, uniform: float, *, label: int) -> str:
        """The outcome that a uniform number in [0, 1) picks, given the label."""
        total = 0.0
        for name, pair in self.chances.items():
            total += pair[label]
            if uniform < total:
                return name
        return name

    def llr(self, outcome: str) -> float:
        """Log-likelihood ratio: log p(outcome | diseased) - log p(outcome | healthy)."""
        healthy, diseased = self.chances[outcome]
        return math.log(diseased / healthy)

    def weakened(self, strength: float) -> Outcomes:
        """The same outcomes, both groups pulled to their mean: 1 as they are, 0 telling nothing."""
        if strength == 1:
            return self
        chances = {}
        for name, (healthy, diseased) in self.chances.items():
            middle = (healthy + diseased) / 2
            half = strength * (diseased - healthy) / 2
            chances[name] = (middle - half, middle + half)
        return Outcomes(chances)


def either(name: str, *, healthy: float, diseased: float) -> Outcomes:
    """Something that is there or not; its absence is the outcome with the empty name."""
    return Outcomes({"": (1 - healthy, 1 - diseased), name: (healthy, diseased)})
