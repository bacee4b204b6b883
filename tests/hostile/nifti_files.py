"""NIfTI files that lie, are cut short or would fill the memory; each with what its error must say."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import nibabel
import numpy as np

SHAPE = (5, 4, 3)


def volume(array: np.ndarray | None = None, affine: np.ndarray | None = None, **fields: object) -> bytes:
    """A plain .nii, with header fields overwritten as named."""
    if array is None:
        array = np.random.default_rng(4).integers(0, 900, SHAPE, dtype=np.int16)
    data = nibabel.Nifti1Image(array, np.diag([2.0, 3.0, 4.0, 1.0]) if affine is None else affine).to_bytes()
    header = nibabel.Nifti1Header(data[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock) + data[348:]


def hostile() -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and a pattern of the message."""
    whole = volume()
    packed = gzip.compress(whole, mtime=0)
    yield "empty", b"", "no NIfTI"
    yield "text", b"a,b\n1,2\n" * 100, "no NIfTI"
    yield "header_cut", whole[:200], "no NIfTI"
    yield "voxels_cut", whole[:-7], "cut short"
    yield "gzip_cut", packed[:-20], "damaged or cut short"
    yield "gzip_cut_early", packed[:60], "damaged or cut short"
    yield "gzip_flipped", packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:], "damaged or cut short"
    yield "magic", volume(magic=b"abc"), "magic is wrong"
    yield "pair", volume(magic=b"ni1"), "half of a pair"
    yield "affine_nan", volume(srow_y=[np.nan, 0, 0, 0]), "affine that is not finite"
    yield "affine_inf", volume(srow_x=[1, 0, 0, np.inf]), "affine that is not finite"
    yield "affine_flat", volume(srow_z=[0, 0, 0, 0]), "affine without volume"
    yield "pixdim_nan", volume(sform_code=0, qform_code=0, pixdim=[1, np.nan, 1, 1, 1, 1, 1, 1]), "finite"
    yield "quaternion", volume(sform_code=0, qform_code=1, quatern_b=9.0, quatern_c=9.0), "orientation|header"
    yield "huge", volume(dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]), "the limit is"
    yield "declares_much", volume(dim=[3, 630, 630, 630, 1, 1, 1, 1]), "cut short"
    yield "negative", volume(dim=[3, -5, 4, 3, 1, 1, 1, 1]), "shape|header"
    yield "flat", volume(dim=[1, 60, 1, 1, 1, 1, 1, 1]), "three axes"
    yield "series", volume(np.zeros((4, 3, 2, 6), np.int16)), "6 volumes"
    yield "vectors", volume(np.zeros((4, 3, 2, 1, 3), np.float32)), "3 volumes"
    yield "complex", volume(np.zeros(SHAPE, np.complex64)), "complex64"
    colour = np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    yield "colour", volume(colour), "colours"
    yield "type", volume(datatype=77), "unknown type|damaged"
    yield "offset_nan", volume(vox_offset=np.nan), "voxels begin at"
    yield "offset_far", volume(vox_offset=2.0**40), "voxels begin at"
    yield "slope_inf", volume(scl_slope=1.0, scl_inter=np.inf), "scaling"
    yield "voxels_inf", volume(np.full(SHAPE, np.inf, np.float32)), "not finite"
    yield "voxels_nan", volume(np.full(SHAPE, np.nan, np.float32)), "not finite"
    yield "overflow", volume(np.full(SHAPE, 1e300)), "not finite"
    yield "bomb", gzip.compress(whole + bytes(64 << 20), mtime=0), "far more than its header says"
