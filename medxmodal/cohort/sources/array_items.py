"""An item of an array file as the bytes of a medical file: a volume as .nii.gz, an image as PNG."""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import Any

import numpy as np

from medxmodal.cohort.sources.image import MAX_PIXELS
from medxmodal.cohort.sources.nifti import MAX_VOXELS
from medxmodal.errors import InputError

_GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""Without a name and without a time: the same item gives the same bytes."""
_COLOURS = 3


def item_shape(shape: tuple[int, ...], kind: np.dtype[Any], shown: str) -> tuple[int, ...]:
    """The shape an item is saved with: (rows, columns[, 3]) or (x, y, z).

    Args:
        shape: Of an item as stored; a last axis of 1 is a channel and left out.
        kind: Of its numbers.
        shown: How messages name it.

    Raises:
        InputError: It is neither an image nor a volume, or too large.
    """
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if not (len(shape) in {2, 3} and min(shape) > 0) or kind.kind not in "biuf" or kind.itemsize > 8:
        raise InputError(
            f"{shown} has items of shape {shape} and type {kind}; images or volumes are expected"
        )
    limit = MAX_VOXELS if _is_volume(shape) else MAX_PIXELS
    if math.prod(shape[:3] if _is_volume(shape) else shape[:2]) > limit:
        raise InputError(f"{shown} has items of {shape}; the limit is {limit // 1_000_000} million")
    return shape


def item_bytes(pixels: np.ndarray, shown: str) -> bytes:
    """An item as a file.

    Args:
        pixels: (rows, columns[, 3]) or (x, y, z).
        shown: How messages name it.

    Raises:
        InputError: Its numbers do not fit the format.
    """
    pixels = pixels.reshape(item_shape(pixels.shape, pixels.dtype, shown))
    return _nifti(pixels, shown) if _is_volume(pixels.shape) else _png(pixels, shown)


def _is_volume(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[-1] != _COLOURS


def _nifti(pixels: np.ndarray, shown: str) -> bytes:
    import nibabel

    array = _storable(pixels, shown)
    header = nibabel.Nifti1Header(endianness="<")  # type: ignore[no-untyped-call]
    if max(array.shape) > np.iinfo(np.int16).max:
        raise InputError(f"{shown} is too long for NIfTI-1: {array.shape}")
    header.set_data_dtype(array.dtype)  # type: ignore[no-untyped-call]
    header.set_data_shape(array.shape)  # type: ignore[no-untyped-call]
    header["pixdim"][:4] = 1.0
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    voxels = np.asarray(array, array.dtype.newbyteorder("<")).tobytes(order="F")
    return _gzip(header.binaryblock + bytes(4) + voxels)


def _storable(pixels: np.ndarray, shown: str) -> np.ndarray:
    """The pixels as a type that NIfTI readers know."""
    kind = pixels.dtype
    if kind.kind == "b":
        return pixels.astype(np.uint8)
    if kind.kind == "f":
        return pixels.astype(np.float64 if kind.itemsize == 8 else np.float32)
    if kind.itemsize < 8:
        return pixels
    small = np.iinfo(np.int32)
    if pixels.min() < small.min or pixels.max() > small.max:
        raise InputError(f"{shown} has whole numbers of more than 32 bits")
    return pixels.astype(np.int32)


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    return _GZIP_HEAD + packed + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def _png(pixels: np.ndarray, shown: str) -> bytes:
    from PIL import Image

    if pixels.dtype.kind == "f":
        raise InputError(f"{shown} is an image of decimal numbers, which PNG cannot hold")
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8) * 255
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > (255 if pixels.ndim == 3 else 65535):
        raise InputError(f"{shown} is an image with values from {low} to {high}, which PNG cannot hold")
    deep = pixels.ndim == 2 and pixels.dtype.itemsize > 1
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint16 if deep else np.uint8)).save(stream, "PNG")
    return stream.getvalue()
