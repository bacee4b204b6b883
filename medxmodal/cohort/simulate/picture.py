"""The image of a simulated patient: an ultrasound-like picture of layered tissue with speckle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxmodal.cohort.simulate.design import DemoSite
from medxmodal.cohort.simulate.distractors import Distractor
from medxmodal.cohort.simulate.lesion import Lesion

Pixels = NDArray[np.float64]
SPECKLE = 0.36
"""Exponent of the Rayleigh speckle: how much of it the scanner's compression leaves."""


@dataclass(frozen=True)
class Picture:
    """All that an image shows.

    Args:
        lesion: The lesion, if there is one.
        distractors: Other things, drawn whatever the label.
        texture: Seed of tissue and speckle.
    """

    lesion: Lesion | None
    distractors: tuple[Distractor, ...]
    texture: tuple[int, ...]


def render(picture: Picture, site: DemoSite, side: int) -> NDArray[np.uint8]:
    """The picture as the hospital's scanner shows it.

    Args:
        picture: What to show.
        site: The hospital, for its intensities.
        side: Rows and columns.

    Returns:
        Grey values, (side, side).
    """
    rng = np.random.default_rng(picture.texture)
    echo = _tissue(rng, side)
    if picture.lesion is not None:
        echo *= 1 - picture.lesion.contrast * picture.lesion.profile(side)
    for distractor in picture.distractors:
        echo = distractor.apply(echo)
    shown = np.clip(echo * _speckle(rng, side), 0, None)
    # Every examination is set a little differently, beside what its hospital does.
    gain, gamma = site.gain * rng.normal(1, 0.07), site.gamma * rng.normal(1, 0.05)
    shown = gain * shown**gamma + site.offset + site.noise * rng.standard_normal((side, side))
    return np.asarray(np.clip(np.rint(255 * shown), 0, 255), dtype=np.uint8)


def _tissue(rng: np.random.Generator, side: int) -> Pixels:
    """Skin, fat, gland and muscle, bright fascia between them, lobules; sound lost with depth."""
    depth = (np.arange(side)[:, None] + 0.5) / side
    across = (np.arange(side)[None, :] + 0.5) / side
    echo = np.full((side, side), 0.74)
    for border, wave, level, sharp, fascia in (
        (rng.uniform(0.04, 0.06), 0.004, 0.40, 0.010, 0.0),
        (rng.uniform(0.17, 0.28), 0.025, 0.55, 0.020, 0.16),
        (rng.uniform(0.80, 0.91), 0.015, 0.42, 0.015, 0.24),
    ):
        line = border + wave * np.sin(2 * math.pi * (rng.uniform(0.5, 1.5) * across + rng.uniform()))
        line = line + rng.uniform(-0.06, 0.06) * (across - 0.5)
        below = 1 / (1 + np.exp(-np.clip((depth - line) / sharp, -40, 40)))
        echo = echo + (level - echo) * below + fascia * np.exp(-(((depth - line) / 0.012) ** 2))
    lobules = 0.11 * _cloud(rng, 6, side) + 0.09 * _cloud(rng, 14, side)
    loss = np.exp(-0.3 * depth) * (1 - rng.uniform(0.2, 0.8) * (across - 0.5) ** 2)
    return np.asarray(echo * np.exp(lobules) * loss)


def _cloud(rng: np.random.Generator, cells: int, side: int) -> Pixels:
    """Smooth noise with about unit variance, from a coarse grid."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)


def _speckle(rng: np.random.Generator, side: int) -> Pixels:
    """Interference of unresolved scatterers, with mean one: coarser across than along the beam."""
    field = rng.standard_normal((side, side)) + 1j * rng.standard_normal((side, side))
    amplitude = np.abs(np.fft.ifft2(np.fft.fft2(field) * _resolution(side))) ** SPECKLE
    return np.asarray(amplitude / amplitude.mean())


@lru_cache(maxsize=8)
def _resolution(side: int) -> Pixels:
    frequency = np.fft.fftfreq(side)
    along, across = (np.exp(-2 * (math.pi * sigma * frequency) ** 2) for sigma in (0.75, 1.25))
    return np.asarray(along[:, None] * across[None, :])
