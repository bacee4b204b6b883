"""From stored grey values to what they mean (rescale) and to what is seen (window, polarity)."""

from __future__ import annotations

import math

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from medxmodal.cohort.sources.dicom.file import DicomFile, functional_group, numbers, take
from medxmodal.cohort.sources.dicom.pixels import Pixels
from medxmodal.errors import InputError

WHITE = 255.0
"""What a window makes of its upper end; its lower end becomes 0."""
_RESCALE, _WINDOW = "PixelValueTransformationSequence", "FrameVOILUTSequence"


def rescale(file: DicomFile, frame: int) -> tuple[float, float]:
    """Slope and intercept of a frame; 1 and 0 where there are none.

    Raises:
        InputError: They are no finite numbers, or the slope is zero.
    """
    found: list[float] = []
    for keyword, usual in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
        value = functional_group(file, frame, _RESCALE, keyword)
        if keyword == "RescaleSlope" and value is None:
            value = take(file.dataset, "DoseGridScaling")
        number = numbers(value, 1, keyword, file.shown)
        found.append(usual if number is None else number[0])
    if found[0] == 0 or max(map(abs, found)) > 1e15:
        raise InputError(f"{file.shown}: RescaleSlope or RescaleIntercept is impossible")
    return found[0], found[1]


def is_plain(file: DicomFile, pixels: Pixels) -> bool:
    """Whether values stay uint8 as stored: 8 bits, unsigned, and no rescale in any frame."""
    if pixels.array.dtype != np.uint8:
        return False
    if not pixels.grey:
        return True
    if take(file.dataset, "ModalityLUTSequence"):
        return False
    return all(rescale(file, frame) == (1.0, 0.0) for frame in range(len(pixels.array)))


def values(file: DicomFile, pixels: Pixels, frame: int, out: np.ndarray) -> None:
    """Write what a frame's values mean: rescaled, and inverted where high values are dark.

    Args:
        file: The file.
        pixels: Its pixels.
        frame: Which one, from 0.
        out: (rows, columns), uint8 or float32.

    Raises:
        InputError: The rescale is impossible, or values are not finite.
    """
    stored = pixels.array[frame]
    if take(file.dataset, "ModalityLUTSequence"):
        out[...] = apply_modality_lut(stored, file.dataset)
        total = float(out.min()) + float(out.max())
    else:
        slope, intercept = rescale(file, frame)
        if stored.dtype.itemsize > 2 and (slope, intercept) != (1.0, 0.0):
            out[...] = (
                stored * slope + intercept
            )  # float32 holds 16 bits, but not these before they are scaled
        else:
            out[...] = stored
            if slope != 1:
                out *= slope
            if intercept:
                out += intercept
        if stored.dtype.kind == "f" and not np.isfinite(out).all():
            raise InputError(f"{file.shown} holds values that are not finite")
        total = _ends(file.dataset, stored) * slope + 2 * intercept if pixels.inverted else 0.0
    if pixels.inverted:
        np.subtract(total, out, out=out, casting="unsafe")


def _ends(dataset: Dataset, stored: np.ndarray) -> float:
    """Lowest plus highest value that may be stored, about whose middle a frame is inverted."""
    if stored.dtype.kind == "f":
        return float(stored.min()) + float(stored.max())
    bits = int(take(dataset, "BitsStored") or stored.dtype.itemsize * 8)
    return -1.0 if stored.dtype.kind == "i" else float((1 << bits) - 1)


def displayed(file: DicomFile, pixels: Pixels, remarks: list[str]) -> np.ndarray | None:
    """The first frame as a radiologist sees it, 0 to 255 unrounded; None where the file has no window.

    Args:
        file: A grey image of more than 8 bits.
        pixels: Its pixels.
        remarks: Takes what was odd.

    Raises:
        InputError: The window is no finite numbers, or negative.
    """
    upright = Pixels(pixels.array, True, inverted=False)
    meant = np.empty(pixels.array.shape[1:], np.float32)
    table = take(file.dataset, "VOILUTSequence")
    if table:
        values(file, upright, 0, meant)
        shown = _through_table(meant, table[0], file)
    else:
        ends = [functional_group(file, 0, _WINDOW, f"Window{end}") for end in ("Center", "Width")]
        center, width = (numbers(end, 1, "WindowCenter or WindowWidth", file.shown) for end in ends)
        if center is None or width is None:
            return None
        function = str(functional_group(file, 0, _WINDOW, "VOILUTFunction") or "LINEAR")
        if width[0] < 0 or max(abs(center[0]), width[0]) > 1e9:
            raise InputError(f"{file.shown}: WindowCenter or WindowWidth is impossible")
        if width[0] < (1 if function == "LINEAR" else 1e-6):
            remarks.append("a window of no width was left out")
            return None
        values(file, upright, 0, meant)
        shown = window(meant, center[0], width[0], function)
    return WHITE - shown if pixels.inverted else shown


def window(meant: np.ndarray, center: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Show values through a window: below it black (0), above it white (255).

    LINEAR: y = 255 ((x - (c - 0.5)) / (w - 1) + 0.5); LINEAR_EXACT: y = 255 ((x - c) / w + 0.5);
    SIGMOID: y = 255 / (1 + exp(-4 (x - c) / w)).

    Args:
        meant: Values, rescaled.
        center: Of the window.
        width: Of the window; above 0, and at least 1 for LINEAR.
        function: As DICOM names it.

    Returns:
        float32, not rounded.

    References:
        DICOM PS3.3, C.11.2.1.2.

    Example:
        >>> window(np.array([0.0, 50.0, 100.0]), 50, 100, "LINEAR_EXACT").tolist()
        [0.0, 127.5, 255.0]
    """
    x = np.asarray(meant, np.float32)
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return np.asarray(WHITE / (1 + np.exp(-4 * (x - center) / width)), np.float32)
    if function == "LINEAR_EXACT":
        unit = (x - center) / width + 0.5
    elif width <= 1:
        unit = (x > center - 0.5).astype(np.float32)
    else:
        unit = (x - (center - 0.5)) / (width - 1) + 0.5
    return np.asarray(unit.clip(0, 1) * WHITE, np.float32)


def _through_table(meant: np.ndarray, item: Dataset, file: DicomFile) -> np.ndarray:
    """Values looked up in a VOI table, scaled so that its last possible entry is white."""
    described = numbers(take(item, "LUTDescriptor"), 3, "LUTDescriptor", file.shown)
    data = take(item, "LUTData")
    if described is None or data is None:
        raise InputError(f"{file.shown}: its VOI table is incomplete")
    count, first, bits = int(described[0]) or 65536, int(described[1]), int(described[2])
    order = "<" if file.syntax.is_little_endian else ">"
    entries = np.frombuffer(data, f"{order}u2") if isinstance(data, bytes) else np.atleast_1d(data)
    if not 8 <= bits <= 16 or len(entries) < count:
        raise InputError(f"{file.shown}: its VOI table holds {len(entries)} of {count} entries")
    if first > 32767 and math.isfinite(first) and meant.min() < 0:
        first -= 65536  # signed values: the descriptor means a negative one
    index = np.clip(np.rint(meant) - first, 0, count - 1).astype(np.intp)
    return np.asarray(entries[index] * (WHITE / ((1 << bits) - 1)), np.float32).clip(0, WHITE)
