"""From DICOM bytes to an image, a volume or a clip, with its place in space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.sources.dicom.file import DicomFile, functional_group, numbers, open_dicom, take
from medxmodal.cohort.sources.dicom.geometry import Plane, Stack, pixel_spacing, planes_of, stack
from medxmodal.cohort.sources.dicom.grey import displayed, is_plain, values
from medxmodal.cohort.sources.dicom.limits import MAX_BYTES, guarded
from medxmodal.cohort.sources.dicom.pixels import Pixels, unpack
from medxmodal.cohort.sources.dicom.tags import PIXEL_TAGS
from medxmodal.errors import InputError

KINDS = ("image", "volume", "video")
_SAME = {"PatientID": "patients", "SeriesInstanceUID": "series"}


def decode_dicom(blobs: Sequence[bytes], shown: str, *, kind: str | None = None) -> Decoded:
    """Unpack the files of one DICOM series, or a single file.

    Slices are ordered by their place in the patient, never by file name or instance number where they
    have one. Slices at the same place are one slice if their pixels are the same. Values are rescaled
    (Hounsfield units, dose and so on) to float32; 8 bits without rescale stay uint8. Where high values
    are dark (MONOCHROME1) they are turned about, so that high is bright. Only an image, grey and of more
    than 8 bits, goes through the window or VOI table that its file holds, to 0..255 as float32 without
    rounding: a model then sees what the radiologist saw; one of a single bit becomes 0 and 255. Volumes and
    clips keep the values meant.

    Args:
        blobs: The files' bytes, in any order.
        shown: How messages name them.
        kind: `image`, `volume` or `video`; None takes what is found.

    Returns:
        See `Decoded` for the order of axes.

    Raises:
        InputError: A file is damaged, too large, of another patient or series, or they fit no stack.
    """
    if not blobs or kind not in (None, *KINDS):
        raise InputError(f"{shown}: {len(blobs)} files cannot be read as {kind}")
    names = [shown if len(blobs) == 1 else f"{shown}, file {n}" for n in range(1, len(blobs) + 1)]
    with guarded(shown):
        files = [open_dicom(data, name, PIXEL_TAGS) for data, name in zip(blobs, names, strict=True)]
        _check_same(files, shown)
        planes = [planes_of(file) for file in files]
        found = kind or kind_found([file.frames for file in files], planes)
        if found == "volume":
            return _volume(files, planes, shown)
        return _image(files, shown) if found == "image" else _video(files, shown)


def kind_found(frames: Sequence[int], planes: Sequence[tuple[Plane, ...] | None]) -> str:
    """What files hold, by their headers: frames at several places in space are a volume.

    Args:
        frames: Of each file.
        planes: Of each file, None where it has no place in space.
    """
    if sum(frames) == 1:
        return "image"
    places = {plane.position for of_file in planes if of_file for plane in of_file}
    return "volume" if len(places) > 1 and all(planes) else "video"


def _check_same(files: Sequence[DicomFile], shown: str) -> None:
    for keyword, words in _SAME.items():
        if len({str(take(file.dataset, keyword)) for file in files}) > 1:
            raise InputError(f"{shown} mixes several {words}", hint="Choose the files of one series.")


def _image(files: Sequence[DicomFile], shown: str) -> Decoded:
    if len(files) > 1 or files[0].frames > 1:
        raise InputError(f"{shown} holds {sum(file.frames for file in files)} frames; one image is expected")
    file, remarks = files[0], list[str]()
    pixels = unpack(file)
    array = displayed(file, pixels, remarks) if pixels.grey and pixels.array.dtype.itemsize > 1 else None
    if array is None:
        array = _meant(file, pixels)[0]
    if take(file.dataset, "BitsAllocated") == 1:  # black and white, as Pillow reads it
        array *= 255
    return Decoded(array, pixel_spacing(file, 0), None, tuple(remarks))


def _video(files: Sequence[DicomFile], shown: str) -> Decoded:
    ordered = sorted(files, key=lambda file: int(take(file.dataset, "InstanceNumber") or 0))
    clips = [_meant(file, unpack(file)) for file in ordered]
    if len({clip.shape[1:] for clip in clips}) > 1:
        raise InputError(f"{shown} mixes frames of different sizes")
    return Decoded(clips[0] if len(clips) == 1 else np.concatenate(clips), pixel_spacing(files[0], 0))


def _meant(file: DicomFile, pixels: Pixels) -> np.ndarray:
    """All frames of a file with the values meant."""
    plain = is_plain(file, pixels)
    if not pixels.grey or (plain and not pixels.inverted):
        return np.array(pixels.array, np.uint8 if plain else np.float32)
    out = np.empty(pixels.array.shape, np.uint8 if plain else np.float32)
    for frame in range(len(out)):
        values(file, pixels, frame, out[frame])
    return out


def _volume(files: Sequence[DicomFile], planes: Sequence[tuple[Plane, ...] | None], shown: str) -> Decoded:
    if not all(planes):
        raise InputError(
            f"{shown} has frames without a place in space (ImagePositionPatient, ImageOrientationPatient)",
            hint="They cannot be stacked; read them as images or as a video.",
        )
    index = [(n, frame) for n, file in enumerate(files) for frame in range(file.frames)]
    every = [plane for of_file in planes for plane in of_file or ()]
    stacked = stack(every, shown, _thickness(files[0]))
    slices, same = _slices(files, index, stacked, shown)
    remarks = list(stacked.remarks)
    if same:
        remarks.append(f"{same} slice{'s' * (same > 1)} twice, with the same pixels")
    return Decoded(slices.transpose(2, 1, 0), stacked.spacing, stacked.affine, tuple(remarks))


def _thickness(file: DicomFile) -> float | None:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        value = functional_group(file, 0, "PixelMeasuresSequence", keyword)
        found = numbers(value, 1, keyword, file.shown)
        if found is not None and found[0] > 0:
            return found[0]
    return None


def _slices(
    files: Sequence[DicomFile], index: Sequence[tuple[int, int]], stacked: Stack, shown: str
) -> tuple[np.ndarray, int]:
    """(slices, rows, columns), and how many were there twice."""
    where = {frame: z for z, place in enumerate(stacked.places) for frame in place}
    out: np.ndarray | None = None
    filled, same, at = set[int](), 0, 0
    for file in files:
        pixels = unpack(file)
        if not pixels.grey:
            raise InputError(f"{file.shown} is in colour; a volume of grey values is expected")
        plain = is_plain(file, pixels)
        if out is None:
            out = _empty(len(stacked.places), pixels, plain, shown)
        if out.shape[1:] != pixels.array.shape[1:]:
            raise InputError(f"{shown} mixes slices of different sizes", hint="Choose a series of one.")
        if out.dtype == np.uint8 and not plain:
            out = out.astype(np.float32)
        for frame in range(len(pixels.array)):
            z = where[at + frame]
            if z not in filled:
                values(file, pixels, frame, out[z])
                filled.add(z)
                continue
            again = np.empty_like(out[z])
            values(file, pixels, frame, again)
            if not np.array_equal(again, out[z]):
                raise InputError(
                    f"{shown} has several different slices at the same place",
                    hint="They are of several times, echoes or phases: choose one of these.",
                )
            same += 1
        at += len(pixels.array)
    assert out is not None
    return out, same


def _empty(slices: int, pixels: Pixels, plain: bool, shown: str) -> np.ndarray:
    rows, columns = pixels.array.shape[1:]
    if slices * rows * columns * 4 > MAX_BYTES:
        raise InputError(f"{shown} unpacks to more than {MAX_BYTES >> 30} GiB ({slices} slices)")
    return np.empty((slices, rows, columns), np.uint8 if plain else np.float32)
