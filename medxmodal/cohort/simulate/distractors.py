"""What images show whatever the label: fascia, calcifications, vessels and shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Kind: TypeAlias = Literal["line", "dots", "vessel", "shadow"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Pixels = NDArray[np.float64]


@dataclass(frozen=True)
class Distractor:
    """One of them; lengths are shares of the image's side.

    Args:
        kind: `line` and `dots` are bright, `vessel` and `shadow` dark; all are thin, unlike a lesion.
        x: Its middle, from the left.
        y: Its middle, from the top.
        length: Along it.
        width: Across it.
        angle: Its direction, in radians.
        bend: Curvature.
        strength: How bright or dark.
        dots: Offsets from the middle of single dots.
    """

    kind: Kind
    x: float
    y: float
    length: float
    width: float
    angle: float
    bend: float
    strength: float
    dots: tuple[tuple[float, float], ...] = ()

    def apply(self, echo: Pixels) -> Pixels:
        """The picture with it, (side, side)."""
        centres = (np.arange(len(echo)) + 0.5) / len(echo)
        dx, dy = centres[None, :] - self.x, centres[:, None] - self.y
        if self.kind == "dots":
            for right, down in self.dots:
                spot = np.exp(-((dx - right) ** 2 + (dy - down) ** 2) / (2 * self.width**2))
                echo = echo + self.strength * spot
            return echo
        if self.kind == "shadow":
            beam = np.exp(-((dx / self.width) ** 4)) / (1 + np.exp(-np.clip(dy / 0.02, -40, 40)))
            return np.asarray(echo * (1 - self.strength * beam))
        along = dx * math.cos(self.angle) + dy * math.sin(self.angle)
        across = dy * math.cos(self.angle) - dx * math.sin(self.angle) - self.bend * along**2
        ends = 1 / (1 + np.exp(np.clip((np.abs(along) - self.length / 2) / 0.02, -40, 40)))
        stroke = np.exp(-((across / self.width) ** 2)) * ends
        if self.kind == "line":
            return np.asarray(echo + self.strength * stroke)
        return np.asarray(echo * (1 - self.strength * stroke))


def draw_distractors(rng: np.random.Generator, count: tuple[int, int]) -> tuple[Distractor, ...]:
    """Between `count` of them, each of any kind."""
    number = int(rng.integers(count[0], count[1] + 1))
    return tuple(_draw_one(rng, KINDS[int(rng.integers(len(KINDS)))]) for _ in range(number))


def _draw_one(rng: np.random.Generator, kind: Kind) -> Distractor:
    x, y = rng.uniform(0.12, 0.88), rng.uniform(0.2, 0.85)
    tilt, bend = rng.normal(0, 0.25), rng.normal(0, 0.6)
    if kind == "line":
        return Distractor(
            kind, x, y, rng.uniform(0.35, 0.9), rng.uniform(0.007, 0.012), tilt, bend, rng.uniform(0.15, 0.3)
        )
    if kind == "vessel":
        turn = rng.uniform(-1.2, 1.2)
        length, width = rng.uniform(0.25, 0.5), rng.uniform(0.011, 0.018)
        return Distractor(kind, x, y, length, width, turn, bend, rng.uniform(0.5, 0.75))
    if kind == "shadow":
        width = rng.uniform(0.025, 0.05)
        return Distractor(kind, x, rng.uniform(0.1, 0.4), 1.0, width, 0.0, 0.0, rng.uniform(0.2, 0.35))
    dots = tuple((rng.normal(0, 0.06), rng.normal(0, 0.05)) for _ in range(int(rng.integers(2, 7))))
    return Distractor(kind, x, y, 0.0, rng.uniform(0.006, 0.01), 0.0, 0.0, rng.uniform(0.5, 0.9), dots)
