"""Where DICOM frames lie in space: planes, their order, gaps between them, and the affine of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medxmodal.cohort.sources.dicom.file import DicomFile, functional_group, numbers, take
from medxmodal.errors import InputError

SAME_MM = 0.01
"""Planes closer than this lie at the same place."""
UNEVEN = 0.05
"""Gaps may differ from their median by this share before it is said."""
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Plane:
    """A frame's place in the patient (DICOM's LPS axes, mm).

    Args:
        position: Centre of its first pixel.
        along: Direction in which its columns count up (unit length).
        down: Direction in which its rows count up.
        spacing: Between rows and between columns; None where not told.
    """

    position: tuple[float, float, float]
    along: tuple[float, float, float]
    down: tuple[float, float, float]
    spacing: tuple[float, float] | None

    @property
    def normal(self) -> np.ndarray:
        """The direction in which slices are stacked."""
        return np.cross(self.along, self.down)


@dataclass(frozen=True)
class Stack:
    """Planes in order.

    Args:
        places: For each slice the frames that lie there: the first is used, others are duplicates.
        affine: (4, 4), index (column, row, slice) to RAS+ mm.
        spacing: Between columns, rows and slices.
        remarks: Gaps and the like.
    """

    places: tuple[tuple[int, ...], ...]
    affine: np.ndarray
    spacing: tuple[float, float, float]
    remarks: tuple[str, ...]


def planes_of(file: DicomFile) -> tuple[Plane, ...] | None:
    """The planes of a file's frames, or None where it has no place in space.

    Raises:
        InputError: A position, orientation or spacing is no finite number, or impossible.
    """
    frames, shown = file.frames, file.shown
    offsets = numbers(take(file.dataset, "GridFrameOffsetVector"), frames, "GridFrameOffsetVector", shown)
    found: list[Plane] = []
    for frame in range(frames):
        plane = _plane(file, frame)
        if plane is None:
            return None
        if offsets is not None and frames > 1:  # a dose grid: relative to the first, or along z itself
            shift = plane.normal * (offsets[frame] - offsets[0])
            moved = np.asarray(plane.position) + shift
            plane = Plane(
                (float(moved[0]), float(moved[1]), float(moved[2])), plane.along, plane.down, plane.spacing
            )
        found.append(plane)
    if frames > 1 and len({plane.position for plane in found}) == 1:
        return None  # a clip taken at one place
    return tuple(found)


def _plane(file: DicomFile, frame: int) -> Plane | None:
    position = numbers(
        functional_group(file, frame, "PlanePositionSequence", "ImagePositionPatient"),
        3, "ImagePositionPatient", file.shown,
    )  # fmt: skip
    turned = numbers(
        functional_group(file, frame, "PlaneOrientationSequence", "ImageOrientationPatient"),
        6, "ImageOrientationPatient", file.shown,
    )  # fmt: skip
    if position is None or turned is None:
        return None
    axes = np.asarray(turned).reshape(2, 3)
    lengths = np.linalg.norm(axes, axis=1)
    if (np.abs(lengths - 1) > 0.01).any() or abs(axes[0] @ axes[1]) > 0.01:
        raise InputError(f"{file.shown}: ImageOrientationPatient is not two unit vectors at a right angle")
    along, down = (axes / lengths[:, None]).tolist()
    spacing = pixel_spacing(file, frame)
    return Plane(position, tuple(along), tuple(down), spacing)  # type: ignore[arg-type]


def pixel_spacing(file: DicomFile, frame: int) -> tuple[float, float] | None:
    """Millimetres between rows and between columns; at the detector where the patient's are unknown.

    Raises:
        InputError: They are not two positive numbers.
    """
    value = functional_group(file, frame, "PixelMeasuresSequence", "PixelSpacing")
    found = numbers(value or take(file.dataset, "ImagerPixelSpacing"), 2, "PixelSpacing", file.shown)
    if found is not None and not all(1e-4 <= size <= 1e4 for size in found):
        raise InputError(f"{file.shown}: PixelSpacing is not two positive numbers of millimetres")
    return None if found is None else (found[0], found[1])


def stack(planes: Sequence[Plane], shown: str, thickness: float | None = None) -> Stack:
    """Order planes along their common normal, whatever order they came in.

    Args:
        planes: One or more.
        shown: How messages name them.
        thickness: Millimetres along the normal where only one plane is left.

    Raises:
        InputError: They are not parallel, not of one spacing, or shifted against each other.
    """
    first = planes[0]
    turned = np.array([plane.along + plane.down for plane in planes])
    if np.abs(turned - turned[0]).max() > 1e-3:
        raise InputError(f"{shown} mixes slices of different orientation", hint="Choose a series of one.")
    if first.spacing is None or any(plane.spacing is None for plane in planes):
        raise InputError(f"{shown} has slices without PixelSpacing")
    if not np.allclose([plane.spacing for plane in planes], first.spacing, rtol=1e-3, atol=0):  # type: ignore[arg-type]
        raise InputError(f"{shown} mixes slices of different PixelSpacing", hint="Choose a series of one.")
    positions = np.array([plane.position for plane in planes])
    depth = positions @ first.normal
    places: list[list[int]] = []
    for index in np.argsort(depth, kind="stable").tolist():
        if places and depth[index] - depth[places[-1][0]] < SAME_MM:
            places[-1].append(index)
        else:
            places.append([index])
    ordered = positions[[place[0] for place in places]]
    remarks: list[str] = []
    step = _step(ordered, first, thickness, shown, remarks)
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(first.along) * first.spacing[1]
    affine[:3, 1] = np.asarray(first.down) * first.spacing[0]
    affine[:3, 2], affine[:3, 3] = step, ordered[0]
    affine[:3] = _LPS_TO_RAS @ affine[:3]
    spacing = (first.spacing[1], first.spacing[0], float(np.linalg.norm(step)))
    return Stack(tuple(map(tuple, places)), affine, spacing, tuple(remarks))


def _step(
    ordered: np.ndarray, first: Plane, thickness: float | None, shown: str, remarks: list[str]
) -> np.ndarray:
    """From one slice to the next: the mean where gaps are even, the median where slices are missing."""
    if len(ordered) == 1:
        return first.normal * (thickness or 1.0)
    depth = (ordered - ordered[0]) @ first.normal
    gaps = np.diff(depth)
    usual = float(np.median(gaps))
    line: np.ndarray = (ordered[-1] - ordered[0]) / depth[
        -1
    ]  # mm of way for a mm of depth; oblique if the gantry tilts
    aside = np.linalg.norm(ordered - ordered[0] - depth[:, None] * line, axis=1)
    if aside.max() > max(first.spacing or (1.0,)):
        raise InputError(f"{shown} has slices that are shifted against each other", hint="Is it one series?")
    off = np.abs(gaps - usual) > max(SAME_MM, UNEVEN * usual)
    if not off.any():
        usual = float(gaps.mean())
        even: np.ndarray = np.multiply(line, usual)
        return even
    missing = int((np.round(gaps / usual) - 1).clip(0).sum())
    if missing:
        remarks.append(f"{missing} slice{'s' * (missing > 1)} missing, by the gaps between {len(ordered)}")
    if (np.abs(gaps / usual - np.round(gaps / usual)) > UNEVEN).any():
        remarks.append(f"slices {gaps.min():.2f} to {gaps.max():.2f} mm apart; {usual:.2f} is taken")
    step: np.ndarray = np.multiply(line, usual)
    return step
