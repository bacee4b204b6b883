"""A lesion: an elliptical blob with an uneven, soft edge, whose pixels are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SKIN = 0.10
"""Depth above which no lesion lies, as a share of the image's side."""
_UNEVEN = 0.08


@dataclass(frozen=True)
class Lesion:
    """Where a lesion is and how it looks; lengths are shares of the image's side.

    Args:
        x: Centre, from the left.
        y: Centre, from the top.
        area: Share of the image inside its edge.
        aspect: Longest over shortest diameter.
        angle: Direction of the longest, in radians.
        lobes: Amplitude and phase of the edge's waves with two, three and five lobes.
        softness: Width of the edge, as a share of the radius.
        contrast: Share of the intensity that is lost in its middle.
    """

    x: float
    y: float
    area: float
    aspect: float
    angle: float
    lobes: tuple[tuple[float, float], ...]
    softness: float
    contrast: float

    def profile(self, side: int) -> NDArray[np.float64]:
        """How much each pixel belongs to it, 1 inside to 0 outside, (side, side); 0.5 at the edge."""
        ratio = (1 - self._radius(side)) / self.softness
        return np.asarray(1 / (1 + np.exp(-np.clip(ratio, -40, 40))))

    def mask(self, side: int) -> NDArray[np.bool_]:
        """The pixels inside its edge, (side, side)."""
        return np.asarray(self._radius(side) <= 1)

    def _radius(self, side: int) -> NDArray[np.float64]:
        """Distance from the centre in units of the edge's distance there."""
        centres = (np.arange(side) + 0.5) / side
        dx, dy = centres[None, :] - self.x, centres[:, None] - self.y
        along = dx * math.cos(self.angle) + dy * math.sin(self.angle)
        across = dy * math.cos(self.angle) - dx * math.sin(self.angle)
        stretch = math.sqrt(self.aspect)
        along, across = along / stretch, across * stretch
        turn = np.arctan2(across, along)
        waves = sum(
            amplitude * np.cos(count * turn + phase)
            for count, (amplitude, phase) in zip((2, 3, 5), self.lobes, strict=True)
        )
        # An edge at r (1 + waves) encloses pi r^2 (1 + sum of squared amplitudes / 2).
        power = 1 + sum(amplitude**2 for amplitude, _ in self.lobes) / 2
        edge = math.sqrt(self.area / (math.pi * power)) * (1 + waves)
        return np.asarray(np.hypot(along, across) / edge)


def draw_lesion(rng: np.random.Generator, area: tuple[float, float], contrast: tuple[float, float]) -> Lesion:
    """A lesion wholly inside the image and below the skin, small ones being as frequent as large."""
    size = math.exp(rng.uniform(math.log(area[0]), math.log(area[1])))
    aspect = rng.uniform(1.0, 1.7)
    reach = math.sqrt(size * aspect / math.pi) * (1 + 2 * _UNEVEN) + 0.02
    return Lesion(
        x=rng.uniform(reach, 1 - reach),
        y=rng.uniform(SKIN + reach, 1 - reach),
        area=size,
        aspect=aspect,
        angle=rng.uniform(0, math.pi),
        lobes=tuple((rng.uniform(0, _UNEVEN), rng.uniform(0, 2 * math.pi)) for _ in range(3)),
        softness=rng.uniform(0.06, 0.16),
        contrast=rng.uniform(*contrast),
    )
