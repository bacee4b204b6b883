"""Pixels as arrays: scaling, cropping, resizing, and the changes made to training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 0.2
"""A crop keeps this share of the lesion's own width and height around it on every side."""
OUTSIDE = 0.001
"""This share of the pixels of more than 8 bits may lie above, and as many below, what is scaled to 0..1."""


def unit_range(pixels: np.ndarray) -> np.ndarray:
    """Integer pixels divided by their type's largest value; floats scaled from their own range.

    The range leaves out one pixel in a thousand at each end: a single defect of a detector, or a burnt
    marker, would else leave 1 % of the contrast to a 16-bit image. What lies outside is clipped.
    """
    if np.issubdtype(pixels.dtype, np.integer):
        return np.asarray(pixels / np.iinfo(pixels.dtype).max, dtype=np.float32)
    low = float(np.nanpercentile(pixels, 100 * OUTSIDE, method="lower"))
    high = float(np.nanpercentile(pixels, 100 * (1 - OUTSIDE), method="higher"))
    if low == high:  # nearly all pixels are the same: the others are what there is to see
        low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    scaled = (np.nan_to_num(pixels, nan=low) - low) / max(high - low, 1e-12)
    return np.asarray(scaled.clip(0, 1), dtype=np.float32)


def crop_to_mask(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The box around a mask, with a margin; the whole image when the mask is empty."""
    flat = mask.max(-1) if mask.ndim == 3 else mask
    rows, columns = np.nonzero(flat)
    if len(rows) == 0:
        return pixels
    boxes = []
    for found, limit in ((rows, pixels.shape[0]), (columns, pixels.shape[1])):
        low, high = int(found.min()), int(found.max()) + 1
        pad = round(MARGIN * (high - low))
        boxes.append(slice(max(0, low - pad), min(limit, high + pad)))
    return np.asarray(pixels[boxes[0], boxes[1]])


def to_square(pixels: np.ndarray, side: int, channels: int) -> np.ndarray:
    """Resize to a square of `side` pixels, (channels, side, side), float32 in 0..1."""
    from PIL import Image

    gray = pixels if pixels.ndim == 2 else pixels[..., :3]
    if channels == 1 and gray.ndim == 3:
        gray = gray @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    planes = [gray] if gray.ndim == 2 else [gray[..., i] for i in range(gray.shape[-1])]
    resized = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR))
        for plane in planes
    ]
    stacked = np.stack(resized * channels if len(resized) == 1 else resized)
    return np.asarray(np.clip(stacked, 0.0, 1.0), dtype=np.float32)


def jitter(x: Tensor, generator: torch.Generator, shift: float = 0.1, gain: float = 0.15) -> Tensor:
    """Left-right flips, shifts by up to `shift` of the side (edges wrap), and gain, per image.

    Args:
        x: Pixels, (batch, channels, rows, columns).
        generator: Source of randomness, on the CPU.
        shift: Largest shift as a share of the side.
        gain: Largest relative change of contrast about the image's mean.
    """
    n, _, rows, columns = x.shape
    flip = torch.rand(n, generator=generator) < 0.5
    reach = torch.tensor([shift * rows, shift * columns])
    moves = ((torch.rand(n, 2, generator=generator) * 2 - 1) * reach).round().long().tolist()
    gains = (1 + (torch.rand(n, generator=generator) * 2 - 1) * gain).to(x.device)
    changed = torch.stack([
        torch.roll(torch.flip(image, (-1,)) if flipped else image, (dy, dx), (-2, -1))
        for image, flipped, (dy, dx) in zip(x, flip.tolist(), moves, strict=True)
    ])  # fmt: skip
    mean = changed.mean((1, 2, 3), keepdim=True)
    return (changed - mean) * gains[:, None, None, None] + mean
