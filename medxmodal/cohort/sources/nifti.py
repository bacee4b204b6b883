"""NIfTI volumes from bytes: the header is checked before anything is unpacked."""

from __future__ import annotations

import gzip
import io
import logging
import math
import zlib
from typing import Any

import numpy as np

from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.sources.sniff import GZIP
from medxmodal.errors import InputError

MAX_VOXELS = 256_000_000
"""Larger volumes are refused before they are unpacked."""
MAX_OFFSET = 16 << 20
"""Extensions between header and voxels may take so many bytes."""
LABELS = 32
"""Whole numbers below this, unscaled, are a label mask, whatever type they are stored in."""
_HEAD = 540
_MILLIMETRES = {1: 1000.0, 3: 0.001}
"""By the code of the unit: metres and microns; everything else is taken as millimetres."""
_silent = logging.Logger("nifti", logging.CRITICAL + 1)


def decode_nifti(data: bytes, shown: str) -> Decoded:
    """Unpack a NIfTI-1 or NIfTI-2 volume (.nii or .nii.gz).

    Axes stay in the order stored, (x, y, z). The affine is the sform, or the qform where there is no
    sform, or the voxel sizes alone. Free texts of the header are never read.

    Args:
        data: The file's bytes.
        shown: How messages name it.

    Returns:
        The volume: uint8 as stored (8 bits, or a label mask without scaling), else float32 with
        `scl_slope` and `scl_inter` applied; `spacing` and `affine` in millimetres.

    Raises:
        InputError: It is damaged, cut short, too large, has no place in space or is no single volume.
    """
    head = _take(data, _HEAD, shown)
    header = _header(head, shown)
    shape = _shape(header, shown)
    kind = _voxel_type(header, shown)
    offset = _offset(header, shown)
    remarks: list[str] = []
    affine = _affine(header, shown, remarks)
    needed = offset + math.prod(shape) * kind.itemsize
    raw = _take(data, needed, shown, whole=True)
    if len(raw) < needed:
        raise InputError(f"{shown} is cut short: {len(raw)} of {needed} bytes are there")
    stored = np.frombuffer(raw, kind, math.prod(shape), offset).reshape(shape, order="F")
    array = _values(stored, *_scaling(header, shown), shown, remarks)
    spacing = tuple(float(size) for size in np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))
    return Decoded(array, spacing, affine, tuple(remarks))


def _take(data: bytes, count: int, shown: str, *, whole: bool = False) -> bytes:
    """The first bytes, unpacked if need be; with `whole`, the checksum behind them is checked as well."""
    if not data.startswith(GZIP):
        return data[:count]
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            found = stream.read(count)
            if whole and len(stream.read(MAX_OFFSET)) == MAX_OFFSET:
                raise InputError(f"{shown} holds far more than its header says")
            return found
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{shown} is damaged or cut short") from error


def _header(head: bytes, shown: str) -> Any:  # noqa: ANN401 - nibabel has no types
    import nibabel
    from nibabel.spatialimages import HeaderDataError

    sizes = [int.from_bytes(head[:4], order) for order in ("little", "big")]
    header_class = nibabel.Nifti2Header if 540 in sizes else nibabel.Nifti1Header
    length = 540 if 540 in sizes else 348
    if len(head) < length or not {348, 540} & set(sizes):
        raise InputError(f"{shown} is no NIfTI file")
    try:
        header = header_class(head[:length], check=False)  # type: ignore[no-untyped-call]
        magic = bytes(header["magic"].tobytes())
        if magic.startswith((b"ni1", b"ni2")):
            raise InputError(f"{shown} is half of a pair (.hdr, .img)", hint="Save it as one .nii file.")
        if not magic.startswith((b"n+1", b"n+2")):
            raise InputError(f"{shown} is no NIfTI file: its magic is wrong", hint="Save it as .nii.")
        header.check_fix(logger=_silent, error_level=40)  # type: ignore[no-untyped-call]
    except (HeaderDataError, ValueError, OverflowError) as error:
        raise InputError(f"{shown} has a damaged NIfTI header") from error
    return header


def _shape(header: Any, shown: str) -> tuple[int, int, int]:  # noqa: ANN401
    shape = [int(size) for size in header.get_data_shape()]
    if len(shape) < 2 or min(shape) < 1:
        raise InputError(f"{shown} has the shape {shape}; a volume has three axes of at least 1")
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) > 3:
        raise InputError(
            f"{shown} holds {math.prod(shape[3:])} volumes ({len(shape)} axes); one is expected",
            hint="Save the one that matters on its own.",
        )
    shape += [1] * (3 - len(shape))
    if math.prod(shape) > MAX_VOXELS:
        raise InputError(
            f"{shown} declares {' x '.join(map(str, shape))} voxels; the limit is "
            f"{MAX_VOXELS // 1_000_000} million"
        )
    return shape[0], shape[1], shape[2]


def _voxel_type(header: Any, shown: str) -> np.dtype[Any]:  # noqa: ANN401
    from nibabel.spatialimages import HeaderDataError

    try:
        kind: np.dtype[Any] = np.dtype(header.get_data_dtype())
    except HeaderDataError as error:
        raise InputError(f"{shown} has voxels of an unknown type") from error
    if kind.kind not in "iuf" or kind.itemsize > 8:
        words = "colours" if kind.names else f"the type {kind.name}"
        raise InputError(f"{shown} has voxels of {words}; whole or decimal numbers are expected")
    return kind


def _offset(header: Any, shown: str) -> int:  # noqa: ANN401
    offset, least = float(header["vox_offset"]), header.single_vox_offset
    if (
        not math.isfinite(offset)
        or offset != int(offset)
        or not (offset == 0 or least <= offset < MAX_OFFSET)
    ):
        raise InputError(f"{shown} has a damaged NIfTI header: its voxels begin at {offset:g}")
    return int(offset) or int(least)


def _affine(header: Any, shown: str, remarks: list[str]) -> np.ndarray:  # noqa: ANN401
    from nibabel.spatialimages import HeaderDataError

    by_s, by_q = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    try:
        if by_s:
            affine = np.array(header.get_sform(), np.float64)
        elif by_q:
            affine = np.array(header.get_qform(), np.float64)
        else:
            affine = np.diag([*(float(size) for size in header["pixdim"][1:4]), 1.0])
            remarks.append("no orientation is stated; the axes are taken to point right, forward and up")
        other = np.array(header.get_qform(), np.float64) if by_s and by_q else affine
    except (HeaderDataError, ValueError) as error:
        raise InputError(f"{shown} has a damaged orientation") from error
    if not np.isfinite(affine).all():
        raise InputError(f"{shown} has an affine that is not finite", hint="Export it again.")
    if not 1e-12 < abs(np.linalg.det(affine[:3, :3])) < 1e12:
        raise InputError(f"{shown} has an affine without volume", hint="Export it again.")
    if not np.allclose(other, affine, rtol=1e-3, atol=1e-2):
        remarks.append("sform and qform disagree; the sform is taken")
    affine[:3] *= _MILLIMETRES.get(int(header["xyzt_units"]) % 8, 1.0)
    return affine


def _scaling(header: Any, shown: str) -> tuple[float, float]:  # noqa: ANN401
    from nibabel.spatialimages import HeaderDataError

    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise InputError(f"{shown} has a scaling that is not finite") from error
    return (1.0 if slope is None else float(slope)), (0.0 if intercept is None else float(intercept))


def _values(stored: np.ndarray, slope: float, intercept: float, shown: str, remarks: list[str]) -> np.ndarray:
    if (slope, intercept) == (1.0, 0.0):
        low, high = (int(stored.min()), int(stored.max())) if stored.dtype.kind in "iu" else (-1, -1)
        if stored.dtype == np.uint8 or (low >= 0 and high < LABELS):
            return np.array(stored, np.uint8, order="F")
    array = np.empty(stored.shape, np.float32, order="F")
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(stored.shape[2]):  # slice by slice: in double precision, but never all at once
            array[:, :, k] = stored[:, :, k] * np.float64(slope) + intercept
    if np.isfinite(array).all():
        return array
    lost = np.isnan(array)
    if lost.all() or not np.isfinite(array[~lost]).all():
        raise InputError(f"{shown} has voxels that are not finite", hint="Export it again.")
    array[lost] = 0.0
    remarks.append(f"{int(lost.sum())} of {array.size} voxels are no numbers and were set to 0")
    return array
