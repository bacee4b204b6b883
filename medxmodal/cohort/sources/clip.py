"""Clips: the frames of a video, as single images or as one animated file."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.sources.image import DAMAGED, FORMATS, MAX_PIXELS, decode_image
from medxmodal.errors import InputError

MAX_CLIP_PIXELS = 512_000_000
"""Longer clips are refused before they are unpacked."""
_DIGITS = re.compile(r"([0-9]+)")


def natural_order(names: Iterable[str]) -> list[str]:
    """Names in the order a reader expects: numbers in them count as numbers.

    Example:
        >>> natural_order(["frame_10.png", "frame_2.png", "frame_1.png"])
        ['frame_1.png', 'frame_2.png', 'frame_10.png']
    """
    return sorted(names, key=_key)


def decode_clip(blobs: Sequence[bytes], shown: str) -> Decoded:
    """Unpack a clip.

    Args:
        blobs: One file a frame in order of time, or one animated file (GIF, TIFF, WEBP).
        shown: How messages name it.

    Returns:
        (frames, rows, columns) or (frames, rows, columns, 3), uint8.

    Raises:
        InputError: A frame is damaged, of another shape or deeper than 8 bits, or the clip is too long.
    """
    if not blobs:
        raise InputError(f"{shown} has no frames")
    if len(blobs) == 1:
        frames = _animation(blobs[0], shown)
    else:
        frames = _joined((_frame(data, f"{shown}, frame {n}") for n, data in enumerate(blobs, 1)), shown)
    return Decoded(frames)


def _key(name: str) -> tuple[list[tuple[int, str]], str]:
    """What `natural_order` sorts by."""
    parts = _DIGITS.split(name)  # texts and numbers take turns, so equal places hold equal kinds
    return [
        (int(part), "") if part.isdecimal() and i % 2 else (0, part) for i, part in enumerate(parts)
    ], name


def _frame(data: bytes, shown: str) -> np.ndarray:
    pixels = decode_image(data, shown)
    if pixels.dtype != np.uint8:
        raise InputError(f"{shown} has more than 8 bits; frames of a clip have 8")
    return pixels


def _joined(frames: Iterator[np.ndarray], shown: str) -> np.ndarray:
    """The frames as one array; each must look like the first."""
    kept: list[np.ndarray] = []
    for number, frame in enumerate(frames, 1):
        if kept and frame.shape != kept[0].shape:
            raise InputError(
                f"{shown}, frame {number} has the shape {frame.shape}, the first {kept[0].shape}",
                hint="Save all frames with one size, all grey or all coloured.",
            )
        if number * frame.shape[0] * frame.shape[1] > MAX_CLIP_PIXELS:
            raise InputError(
                f"{shown} has more than {MAX_CLIP_PIXELS // 1_000_000} million pixels in all frames",
                hint="Save a shorter part of it.",
            )
        kept.append(frame)
    return np.stack(kept)


def _animation(data: bytes, shown: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if int(getattr(image, "n_frames", 1)) == 1:
                    return _frame(data, shown)[None]
                if image.width * image.height > MAX_PIXELS:
                    raise InputError(
                        f"{shown} has frames of more than {MAX_PIXELS // 1_000_000} million pixels"
                    )
                clip = _joined(_pages(image, shown), shown)
    except UnidentifiedImageError as error:
        raise InputError(f"{shown} is no clip of a known format ({', '.join(FORMATS)})") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{shown} has more than {MAX_PIXELS // 1_000_000} million pixels a frame") from error
    except DAMAGED as error:
        raise InputError(f"{shown} is damaged or cut short") from error
    grey = (clip[..., 0] == clip[..., 1]).all() and (clip[..., 0] == clip[..., 2]).all()
    return np.ascontiguousarray(clip[..., 0]) if grey else clip  # a GIF has no grey, only grey colours


def _pages(image: Image.Image, shown: str) -> Iterator[np.ndarray]:
    for number, page in enumerate(ImageSequence.Iterator(image), 1):
        if page.mode.startswith("I") or page.mode == "F":
            raise InputError(f"{shown}, frame {number} has more than 8 bits; frames of a clip have 8")
        yield np.array(page.convert("RGB"))
