"""Pictures: an image and the map over it, as PNG inside the page, bounded in size.

The colours are told apart by colour-blind readers (orange for, blue against), and lines say the same
without colour: full around what speaks for, dotted around what speaks against.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxmodal.errors import ReportError

Pixels = NDArray[np.uint8]
Heat = NDArray[np.float64]

FOR, AGAINST = (240, 133, 32), (58, 147, 230)
FAINT = 0.15
"""Below this fraction of the strongest value the map is transparent."""
STRONGEST_COVER = 0.6
SIDES = (480, 400, 320, 256, 192)
SMALLEST = 320
BUDGET = 260_000
"""Bytes of an image and its overlay."""
MOST_PIXELS = 64_000_000


@dataclass(frozen=True)
class Pictures:
    """An image and its overlay as data URIs.

    Args:
        plain: The image as the model saw it.
        overlay: The same with the map, or None when there is no map or it is zero everywhere.
        width: Pixels across, of the image in the record.
        height: Pixels down, of the image in the record.
        flat: Whether there is a map and it is zero everywhere.
        peak: Sign and place (row, column, both 0 to 1) of the strongest value.
    """

    plain: str
    overlay: str | None
    width: int
    height: int
    flat: bool = False
    peak: tuple[int, float, float] | None = None


def pictures(image: NDArray[np.generic], heat: NDArray[np.generic] | None, budget: int = BUDGET) -> Pictures:
    """Draw an image with the map over it.

    Args:
        image: uint8, (height, width) or (height, width, 3).
        heat: (rows, columns) of any resolution, positive for and negative against; None: no map.
        budget: Bytes of both pictures together as PNG; the first side that keeps it is taken.

    Raises:
        ReportError: The arrays are no image or no map.
    """
    pixels, values = _image(image), _heat(heat)
    height, width = pixels.shape[:2]
    strongest = float(np.abs(values).max()) if values is not None else 0.0
    for side in SIDES:
        shown = _fit(pixels, side)
        plain = _png(shown)
        over = _png(_overlay(shown, values / strongest)) if values is not None and strongest > 0 else b""
        if len(plain) + len(over) <= budget:
            break
    return Pictures(
        plain=_uri(plain),
        overlay=_uri(over) if over else None,
        width=width,
        height=height,
        flat=values is not None and strongest == 0,
        peak=_peak(values) if values is not None and strongest > 0 else None,
    )


def _image(array: NDArray[np.generic]) -> Pixels:
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))
    if array.dtype != np.uint8 or not shaped or not 0 < array.size <= MOST_PIXELS:
        raise ReportError(
            f"an image must be uint8 (height, width) or (height, width, 3), got {array.dtype} {array.shape}",
            hint="Explain the study again.",
        )
    pixels = np.asarray(array, dtype=np.uint8)
    return pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


def _heat(array: NDArray[np.generic] | None) -> Heat | None:
    if array is None:
        return None
    numeric = np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    if not numeric or array.ndim != 2 or not 0 < array.size <= MOST_PIXELS:
        raise ReportError(
            f"a map must be numbers (rows, columns), got {array.dtype} {array.shape}",
            hint="Explain the study again.",
        )
    values = np.asarray(array, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ReportError("a map holds values that are not finite", hint="Explain the study again.")
    return values


def _fit(pixels: Pixels, side: int) -> Pixels:
    """Shrink to `side`, or draw a small image larger so that the map's lines are fine."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    scale = min(side, max(longest, SMALLEST)) / longest
    if scale == 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).resize(size, how), dtype=np.uint8)


def _overlay(shown: Pixels, heat: Heat) -> Pixels:
    """The map over the image; `heat` is between -1 and 1."""
    height, width = shown.shape[:2]
    soft = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    value = np.clip(np.asarray(soft, dtype=np.float64), -1, 1)
    base = np.repeat(shown[:, :, None], 3, axis=2) if shown.ndim == 2 else shown
    cover = STRONGEST_COVER * np.clip((np.abs(value) - FAINT) / (1 - FAINT), 0, 1)[:, :, None]
    colour = np.where(value[:, :, None] >= 0, np.array(FOR, float), np.array(AGAINST, float))
    mixed = base * (1 - cover) + colour * cover
    dotted = (np.add.outer(np.arange(height), np.arange(width)) // 4) % 2 == 0
    for inside, ink, keep in ((value >= 0.5, FOR, True), (value <= -0.5, AGAINST, dotted)):
        line = _edge(inside)
        halo = _grow(line)
        mixed[halo & keep] = mixed[halo & keep] * 0.35
        mixed[line & keep] = ink
    return np.clip(mixed.round(), 0, 255).astype(np.uint8)


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a region that touch its outside, two deep."""
    core = ~_grow(~inside)
    return np.asarray(inside & ~core, dtype=bool)


def _grow(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A region and its direct neighbours; beyond the picture's border nothing counts as outside."""
    grown = region.copy()
    grown[1:] |= region[:-1]
    grown[:-1] |= region[1:]
    grown[:, 1:] |= region[:, :-1]
    grown[:, :-1] |= region[:, 1:]
    return grown


def _peak(heat: Heat) -> tuple[int, float, float]:
    row, column = np.unravel_index(int(np.abs(heat).argmax()), heat.shape)
    rows, columns = heat.shape
    sign = 1 if heat[row, column] > 0 else -1
    return sign, (float(row) + 0.5) / rows, (float(column) + 0.5) / columns


def _png(pixels: Pixels) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, format="PNG", compress_level=6)
    return held.getvalue()


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
