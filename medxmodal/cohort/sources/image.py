"""2D images: PNG, JPEG, TIFF, BMP and their like, checked against what the cohort recorded."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from medxmodal.errors import InputError

MAX_BYTES = 512 << 20
"""Larger files are refused before they are read."""
MAX_PIXELS = 64_000_000
"""Larger images are refused before they are unpacked."""
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
DAMAGED = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's readers raise on damaged files."""


def load_bytes(path: Path, shown: str) -> bytes:
    """The bytes of a file that is not yet part of a cohort.

    Raises:
        InputError: The file is missing, unreadable, empty or too large.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{shown} is not a file")
        if size > MAX_BYTES:
            raise InputError(f"{shown} has {size >> 20} MiB; the limit is {MAX_BYTES >> 20}")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{shown} is not there") from error
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}") from error
    if not data:
        raise InputError(f"{shown} is empty")
    return data


def decode_image(data: bytes, shown: str) -> np.ndarray:
    """Unpack an image.

    Args:
        data: The file's bytes.
        shown: How messages name it.

    Returns:
        (rows, columns) or (rows, columns, 3): uint8 as stored, or float32 where the file holds more
        than 8 bits (values as stored, not scaled).

    Raises:
        InputError: It is damaged, too large or no 2D image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise InputError(
                        f"{shown} has {image.width} x {image.height} pixels; the limit is "
                        f"{MAX_PIXELS // 1_000_000} million"
                    )
                frames = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
                if frames > 1:  # a phone's MPO is a JPEG with previews behind it
                    raise InputError(f"{shown} holds {frames} frames; a single image is expected")
                image.load()
                return _array(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise InputError(f"{shown} is no image of a known format ({', '.join(FORMATS)})") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{shown} has more than {MAX_PIXELS // 1_000_000} million pixels") from error
    except DAMAGED as error:
        raise InputError(f"{shown} is damaged or cut short") from error


def _array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        pixels = np.asarray(image).astype(np.float32)
        if not np.isfinite(pixels).all():
            raise ValueError("not finite")
        return pixels
    if image.mode in {"1", "L"}:
        return np.array(image.convert("L"))
    if image.mode in {"LA", "La"}:
        return np.array(image.getchannel("L"))
    return np.array(image.convert("RGB"))
