"""What is said of decoded pixels beyond their shape: worked out where they are, kept with them."""

from __future__ import annotations

import hashlib

import numpy as np

from medxmodal.cohort.sources.decoded import Decoded

Fact = str | float | int | bool | None


def facts_of(decoded: Decoded) -> dict[str, Fact]:
    """Further facts by name, for `quality.json`: JSON values, and nothing that names anybody."""
    del decoded
    return {}


def content_hash(pixels: np.ndarray) -> str:
    """Hash of shape, type and values: equal pixels are equal whatever file they came in."""
    found = hashlib.sha256(repr((pixels.shape, pixels.dtype.str)).encode())
    found.update(np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def perceptual_hash(pixels: np.ndarray, kind: str) -> str:
    """A difference hash, 64 bits as hex: few bits differ between near-identical pictures.

    Args:
        pixels: See `Decoded`.
        kind: `image`, `volume` (its middle slice counts) or `video` (its middle frame).
    """
    import imagehash
    from PIL import Image

    plane = middle(pixels, kind)
    if plane.dtype != np.uint8:
        low, high = float(plane.min()), float(plane.max())
        plane = ((plane - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8)
    return str(imagehash.dhash(Image.fromarray(plane)))


def middle(pixels: np.ndarray, kind: str) -> np.ndarray:
    """An image itself, the middle slice of a volume, the middle frame of a clip."""
    if kind == "volume":
        return np.ascontiguousarray(pixels[:, :, pixels.shape[2] // 2].T)
    return pixels[len(pixels) // 2] if kind == "video" else pixels
