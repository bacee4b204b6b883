"""What is said of decoded pixels beyond their shape: worked out where they are, kept with them."""

from __future__ import annotations

import hashlib

import numpy as np

from medxmodal.cohort.quality.burnt_in import burnt_in_score
from medxmodal.cohort.quality.likeness import image_hash
from medxmodal.cohort.sources.decoded import Decoded

Fact = str | float | int | bool | None


def facts_of(decoded: Decoded) -> dict[str, Fact]:
    """Further facts by name, for `quality.json`: JSON values, and nothing that names anybody.

    `burnt_in`: see `burnt_in.burnt_in_score`; of 8-bit images and clips, as ultrasound comes.
    """
    pixels = decoded.array
    if decoded.affine is not None or pixels.dtype != np.uint8:
        return {}
    one = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] == 3)
    return {"burnt_in": burnt_in_score(pixels if one else pixels[len(pixels) // 2])}


def content_hash(pixels: np.ndarray, kind: str) -> str:
    """Hash of shape, type and values: equal pixels are equal whatever file they came in.

    Args:
        pixels: See `Decoded`.
        kind: `image` and `video` count with the last axis fastest; `volume` with the first, as its files
            hold it, so that nothing large is turned about.
    """
    found = hashlib.sha256(repr((pixels.shape, pixels.dtype.str)).encode())
    ordered = np.ascontiguousarray(pixels.T if kind == "volume" else pixels)
    found.update(ordered.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def perceptual_hash(pixels: np.ndarray, kind: str) -> str:
    """A hash of 256 bits as hex, few of which differ between near-identical pictures; see `likeness`.

    Args:
        pixels: See `Decoded`.
        kind: `image`, `volume` (its middle slice counts) or `video` (its middle frame).
    """
    plane = middle(pixels, kind)
    if plane.dtype != np.uint8:
        low, high = float(plane.min()), float(plane.max())
        plane = ((plane - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8)
    return image_hash(plane)


def middle(pixels: np.ndarray, kind: str) -> np.ndarray:
    """An image itself, the middle slice of a volume, the middle frame of a clip."""
    if kind == "volume":
        return np.ascontiguousarray(pixels[:, :, pixels.shape[2] // 2].T)
    return pixels[len(pixels) // 2] if kind == "video" else pixels
