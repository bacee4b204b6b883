"""`Decoded`: what a file of pixels or voxels becomes, with its place in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Decoded:
    """Pixels, voxels or frames with their geometry.

    Axis order, everywhere in the toolkit:

    - image: (rows, columns) or (rows, columns, 3);
    - volume: (x, y, z) as in NIfTI and MONAI: `affine` maps an index (i, j, k) to RAS+ millimetres. A
      DICOM series has x along its columns, y along its rows and z along its slices;
    - video: (frames, rows, columns) or (frames, rows, columns, 3).

    Args:
        array: uint8 as stored, or float32 where more than 8 bits are (rescaled values, such as HU).
        spacing: Millimetres along the spatial axes of `array`, in their order; None where unknown.
        affine: (4, 4) float64, index to RAS+ mm, for volumes; None for images and video.
        remarks: What the reader found odd though usable, such as missing slices; no identifiers.
    """

    array: np.ndarray
    spacing: tuple[float, ...] | None = None
    affine: np.ndarray | None = None
    remarks: tuple[str, ...] = ()
