"""Whether letters or calipers are part of the picture itself: thin upright strokes, without reading them.

Ultrasound echoes are smeared sideways by the beam, so tissue has no bright line of two or three pixels that
stands upright for five; letters, digits and caliper crosses have. Nothing is read, so this cannot tell a
name from a measurement: a high score is a reason to look before images are handed on.
"""

from __future__ import annotations

import numpy as np

SUSPECTED = 0.5
"""From this score on. Of `breast_poland` (images without text) 0 of 205 reach it, of `breast_cairo` 264 of
468: all 16 with plain letters or calipers among 40 looked at by eye, and 9 of the other 24, most with a
corner of the scanner's logo. AUROC of one cohort against the other: 0.84. It is made for ultrasound: markers
of side, wires and tubes in X-rays reach it too (239 of 243 in `chest_hannover`)."""
HEIGHT = 5
SIDES = (2, 4)
CERTAIN = 100.0
"""Grey values, of 255, by which a stroke stands out for a score of 1."""
LONGEST = 512
"""Larger images are shrunk by a whole number first: their letters are thicker."""


def burnt_in_score(pixels: np.ndarray) -> float:
    """How surely an image holds burnt-in letters or calipers, 0 to 1.

    The strongest stroke: the least of five pixels above one another, minus the most of what lies beside
    them, both two and four pixels to the left and right; in grey values and, for colour, in saturation.

    Args:
        pixels: (rows, columns) or (rows, columns, 3), any numbers; more than 8 bits are stretched.

    Example:
        >>> picture = np.zeros((40, 40), np.uint8)
        >>> picture[10:20, 15:17] = 255
        >>> burnt_in_score(picture), burnt_in_score(picture.T)
        (1.0, 0.0)
    """
    colour = pixels.ndim == 3
    planes = np.nan_to_num(_eight_bits(pixels), nan=0.0)
    found = _strokes(_shrunk(planes.mean(axis=2) if colour else planes))
    if colour:
        found = max(found, _strokes(_shrunk(np.ptp(planes[..., :3], axis=2))))
    return round(min(max(found / CERTAIN, 0.0), 1.0), 4)


def suspected(score: float, annotated: str | None = None) -> bool:
    """Whether an image is to be looked at.

    Args:
        score: `burnt_in_score`.
        annotated: DICOM Burned In Annotation (0028,0301). YES settles it; NO does not, for it speaks of
            what the scanner wrote, and not of calipers and letters put there later.
    """
    return (annotated or "").strip().upper() == "YES" or score >= SUSPECTED


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    values = pixels.astype(np.float32)
    if pixels.dtype == np.uint8:
        return values
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)


def _shrunk(plane: np.ndarray) -> np.ndarray:
    step = max(1, max(plane.shape) // LONGEST)
    if step == 1:
        return plane
    rows, columns = (side // step for side in plane.shape)
    cut = plane[: rows * step, : columns * step]
    return np.asarray(cut.reshape(rows, step, columns, step).mean(axis=(1, 3)))


def _strokes(plane: np.ndarray) -> float:
    if min(plane.shape) < HEIGHT:
        return 0.0
    core = _over_rows(plane, np.minimum)
    best = 0.0
    for side in SIDES:
        wide = np.pad(plane, ((0, 0), (side, side)), mode="edge")
        beside = np.maximum(wide[:, : -2 * side], wide[:, 2 * side :])
        best = max(best, float((core - _over_rows(beside, np.maximum)).max()))
    return best


def _over_rows(plane: np.ndarray, take: np.ufunc) -> np.ndarray:
    """The least or most of `HEIGHT` pixels above one another."""
    rows = len(plane)
    tall = np.pad(plane, ((HEIGHT // 2, HEIGHT // 2), (0, 0)), mode="symmetric")
    found = tall[:rows].copy()
    for step in range(1, HEIGHT):
        take(found, tall[step : step + rows], out=found)
    return found
