"""From the bytes of one input to `Decoded`, whatever kind of file it is. Runs in a worker."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from medxmodal.cohort.sources.clip import decode_clip
from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.sources.image import decode_image
from medxmodal.cohort.sources.sniff import sniff
from medxmodal.errors import InputError

KINDS = ("image", "volume", "video")
_NOUNS = {"dicom": "DICOM", "nifti": "NIfTI", "image": "image", "unknown": "other"}


def decode_bytes(blobs: Sequence[bytes], shown: str, kind: str) -> Decoded:
    """Unpack one input; what its files are is told by their bytes.

    Args:
        blobs: Its files in order: one, or the slices of a series, or the frames of a clip. Several
            pictures as one `image` are the masks of several lesions, and become their union.
        shown: How messages name it.
        kind: `image`, `volume` or `video`: what is expected.

    Raises:
        InputError: It is damaged, too large, or of another kind.
    """
    if kind not in KINDS:
        raise InputError(f"{shown} is asked for as {kind}", hint=f"Use one of: {', '.join(KINDS)}.")
    formats = {sniff(data) for data in blobs}
    if len(formats) > 1:
        raise InputError(f"{shown} mixes {' and '.join(sorted(_NOUNS[f] for f in formats))} files")
    if formats == {"dicom"}:
        from medxmodal.cohort.sources.dicom.decode import decode_dicom

        return decode_dicom(blobs, shown, kind=kind)
    if kind == "video" and formats != {"nifti"}:
        return decode_clip(blobs, shown)
    if kind == "image" and formats in ({"image"}, {"unknown"}):
        return _union([decode_image(data, shown) for data in blobs], shown)
    if len(blobs) != 1:
        raise InputError(f"{shown} has {len(blobs)} files; one {kind} is expected")
    if kind == "volume" and formats == {"nifti"}:
        from medxmodal.cohort.sources.nifti import decode_nifti

        return decode_nifti(blobs[0], shown)
    if kind == "volume":
        raise InputError(f"{shown} is neither DICOM nor NIfTI", hint="A volume is one of these.")
    raise InputError(f"{shown} is a NIfTI volume; {kind} is expected", hint="Declare it as kind: volume.")


def _union(pictures: list[np.ndarray], shown: str) -> Decoded:
    """One picture, or the brightest of several pixel by pixel."""
    if len({picture.shape for picture in pictures}) > 1:
        raise InputError(f"the {len(pictures)} pictures of {shown} differ in size")
    return Decoded(functools.reduce(np.maximum, pictures))
