"""DICOM pixels as stored: unpacked by any codec, unused bits cleared, colours as RGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import RLELossless

from medxmodal.cohort.sources.dicom.file import DicomFile, check_pixels, take
from medxmodal.errors import InputError

_GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class Pixels:
    """Frames as stored.

    Args:
        array: (frames, rows, columns) or (frames, rows, columns, 3); colours are RGB.
        grey: Whether a pixel is one brightness, to be rescaled and shown through a window.
        inverted: Whether high values are dark.
    """

    array: np.ndarray
    grey: bool
    inverted: bool


def unpack(file: DicomFile) -> Pixels:
    """Unpack the pixels of a file; call it within `dicom_limits.guarded`.

    Raises:
        InputError: They are not there, too large, of an unknown kind, or their codec is not installed.
    """
    shape = check_pixels(file)
    photometric = str(take(file.dataset, "PhotometricInterpretation") or "")
    if not photometric:
        raise InputError(f"{file.shown} does not say what its pixel values mean (PhotometricInterpretation)")
    array = _native(file, shape) if photometric in _GREY and shape[3] == 1 else None
    if array is None:
        array = _decoded(file, shape)
    if photometric == "PALETTE COLOR":
        array = apply_color_lut(array, file.dataset)[..., :3]
        array = (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else array
    return Pixels(array, array.ndim == 3, photometric == "MONOCHROME1")


def _native(file: DicomFile, shape: tuple[int, int, int, int]) -> np.ndarray | None:
    """Uncompressed grey pixels, without a copy; None where bytes need more than a look at them."""
    if file.syntax.is_encapsulated:
        return None
    order = "<" if file.syntax.is_little_endian else ">"
    if file.keyword != "PixelData":
        kind = np.dtype(f"{order}f{4 if file.keyword == 'FloatPixelData' else 8}")
        return np.frombuffer(file.data, kind, np.prod(shape), file.start).reshape(shape[:3])
    bits = int(take(file.dataset, "BitsAllocated"))
    if bits < 8 or (bits == 8 and order == ">"):  # packed, or bytes swapped in pairs
        return None
    kind = np.dtype(f"{order}{'i' if take(file.dataset, 'PixelRepresentation') == 1 else 'u'}{bits // 8}")
    array = np.frombuffer(file.data, kind, np.prod(shape), file.start).reshape(shape[:3])
    return _without_unused_bits(array, file)


def _decoded(file: DicomFile, shape: tuple[int, int, int, int]) -> np.ndarray:
    syntax = file.syntax
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise InputError(
            f"{file.shown} is packed in a way that cannot be read ({syntax.name})",
            hint="Export it uncompressed.",
        ) from None
    if not decoder.is_available:
        raise InputError(
            f"{file.shown} is packed as {syntax.name}, and no codec for it is installed",
            hint="Install medxmodal[dicom].",
        )
    packed = syntax.is_encapsulated
    end = len(file.data) if packed else file.start + file.length
    held = DataElement("PixelData", file.vr, file.data[file.start : end])
    held.is_undefined_length = packed
    file.dataset.add(held)
    chosen = "pylibjpeg" if packed and "pylibjpeg" in decoder.available_plugins else ""
    try:
        array, _ = decoder.as_array(file.dataset, decoding_plugin=chosen)
    finally:
        del file.dataset.PixelData
    array = array.reshape(shape[:3] if shape[3] == 1 else shape)
    return _without_unused_bits(array, file) if syntax == RLELossless and shape[3] == 1 else array


def _without_unused_bits(array: np.ndarray, file: DicomFile) -> np.ndarray:
    """Only the bits stored: others may hold an overlay or anything else."""
    whole = array.dtype.itemsize * 8
    used = int(take(file.dataset, "BitsStored") or whole)
    high = int(take(file.dataset, "HighBit") or used - 1)
    if not 0 < used <= high + 1 <= whole:
        raise InputError(f"{file.shown}: BitsStored is {used} and HighBit {high} of {whole} bits")
    if used == whole:
        return array
    if array.dtype.kind == "u" and high + 1 == used:
        low: np.ndarray = array & array.dtype.type((1 << used) - 1)
        return low
    shifted: np.ndarray = (array << (whole - high - 1)) >> (whole - used)
    return shifted
