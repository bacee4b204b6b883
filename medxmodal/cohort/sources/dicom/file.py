"""`DicomFile`: the header of one DICOM file and where its pixels lie, with every length checked."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medxmodal.cohort.sources.dicom.limits import MAX_BYTES, MAX_PIXELS, check_fragments, inflated
from medxmodal.cohort.sources.sniff import sniff
from medxmodal.errors import InputError

PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
UNDEFINED = 0xFFFFFFFF
_TEXTS = {"DS", "IS", "CS", "UI"}


@dataclass(frozen=True)
class DicomFile:
    """One file, its pixels not yet unpacked.

    Args:
        dataset: Everything before the pixels.
        data: The whole file, without deflation.
        shown: How messages name it.
        keyword: Which of the three kinds of pixel data it has; empty if none.
        start: Where their value begins in `data`.
        length: Bytes they declare.
        vr: `OB` or `OW`, as the file says: bytes of `OW` are swapped in pairs where it is big-endian.
    """

    dataset: FileDataset
    data: bytes
    shown: str
    keyword: str = ""
    start: int = 0
    length: int = 0
    vr: str = "OW"

    @cached_property
    def syntax(self) -> UID:
        """The transfer syntax, as found where the file does not say."""
        named = self.dataset.file_meta.get("TransferSyntaxUID")
        if named:
            return UID(named)
        implicit, little = self.dataset.original_encoding
        if implicit:
            return ImplicitVRLittleEndian
        return ExplicitVRLittleEndian if little else ExplicitVRBigEndian

    @cached_property
    def groups(self) -> tuple[Any, Any]:
        """The functional groups of each frame, and those that all share."""
        own, shared = (f"{whose}FunctionalGroupsSequence" for whose in ("PerFrame", "Shared"))
        return take(self.dataset, own), take(self.dataset, shared)

    @cached_property
    def frames(self) -> int:
        """How many frames the header declares."""
        found = take(self.dataset, "NumberOfFrames")
        return 1 if found in (None, "") else int(found)


def take(dataset: Dataset, keyword: str) -> Any:  # noqa: ANN401 - whatever a header holds
    """A value of a header, or None.

    Numbers and codes are read from the bytes as they are, texts of numbers as texts: pydicom's own
    conversion takes longer than unpacking a slice.
    """
    tag, vr = _known(keyword)
    raw: Any = dataset.get_item(tag)  # pydicom types it as converted, but it is not until it is asked for
    if raw is None:
        return None
    if isinstance(raw, RawDataElement) and raw.value and raw.VR in (None, vr):
        if vr == "US" and len(raw.value) == 2:
            return int.from_bytes(raw.value, "little" if raw.is_little_endian else "big")
        if vr in _TEXTS:
            parts = raw.value.decode("ascii").rstrip(" \0").split("\\")
            return parts if len(parts) > 1 else parts[0].strip()
    return dataset[tag].value


@cache
def _known(keyword: str) -> tuple[BaseTag, str]:
    found = tag_for_keyword(keyword)
    if found is None:
        raise KeyError(keyword)
    return Tag(found), dictionary_VR(found)


@cache
def _tags(keywords: tuple[str, ...]) -> list[BaseTag | int]:
    return [int(_known(keyword)[0]) for keyword in keywords]  # plain numbers, which compare faster


def open_dicom(data: bytes, shown: str, keywords: Sequence[str] = ()) -> DicomFile:
    """Read a header; call it within `dicom_limits.guarded`.

    Args:
        data: The file.
        shown: How messages name it.
        keywords: Which values are wanted; all by default.

    Raises:
        InputError: It is no DICOM file, or declares a value longer than what is there.
    """
    if sniff(data) != "dicom":
        raise InputError(f"{shown} is no DICOM file" if data else f"{shown} is empty")
    data = inflated(data, shown)
    stream, size = io.BytesIO(data), len(data)
    found: list[tuple[str, int, int, str]] = []

    def stop(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in PIXELS:
            found.append((PIXELS[int(tag)], stream.tell(), length, vr or "OW"))
            return True
        if length != UNDEFINED and length > size - stream.tell():
            raise InputError(
                f"{shown} declares a value of {length} bytes and holds {size - stream.tell()}",
                hint="It was cut short: export it again.",
            )
        return False

    dataset = read_partial(stream, stop, force=True, specific_tags=_tags(tuple(keywords)))
    return DicomFile(dataset, data, shown, *(found[-1] if found else ()))


def check_pixels(file: DicomFile) -> tuple[int, int, int, int]:
    """Check that the pixels declared are of a sane size and are there, before anything is unpacked.

    Returns:
        Frames, rows, columns, samples a pixel.

    Raises:
        InputError: They are not.
    """
    shown, dataset = file.shown, file.dataset
    if not file.keyword:
        raise InputError(f"{shown} holds no pixels", hint="It is no image, or was cut short.")
    samples = int(take(dataset, "SamplesPerPixel") or 1)
    frames, rows, columns = file.frames, int(take(dataset, "Rows") or 0), int(take(dataset, "Columns") or 0)
    bits = int(
        take(dataset, "BitsAllocated")
        or {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(file.keyword, 0)
    )
    if min(frames, rows, columns) < 1:
        raise InputError(f"{shown} declares {frames} frames of {rows} x {columns} pixels")
    if samples not in (1, 3) or bits not in (1, 8, 16, 32, 64):
        raise InputError(f"{shown} has {samples} samples of {bits} bits a pixel; 1 or 3 of 1 to 64 are known")
    if rows * columns > MAX_PIXELS:
        raise InputError(
            f"{shown} has {rows} x {columns} pixels; the limit is {MAX_PIXELS // 1_000_000} million"
        )
    if frames * rows * columns * samples * max(1, bits // 8) > MAX_BYTES:
        raise InputError(f"{shown} unpacks to more than {MAX_BYTES >> 30} GiB ({frames} frames)")
    if not file.syntax.is_transfer_syntax:
        raise InputError(f"{shown} says an unknown transfer syntax", hint="Export it again.")
    if file.syntax.is_encapsulated:
        if file.length != UNDEFINED:
            raise InputError(f"{shown} says that its pixels are compressed, and they are not")
        check_fragments(file.data, file.start, frames, (rows, columns), shown)
        return frames, rows, columns, samples
    halved = take(dataset, "PhotometricInterpretation") == "YBR_FULL_422"
    needed = math.ceil(frames * rows * columns * (2 if halved else samples) * bits / 8)
    there = len(file.data) - file.start
    if file.length == UNDEFINED or file.length > there or there < needed or file.length < needed:
        raise InputError(
            f"{shown} needs {needed} bytes of pixels, declares {file.length} and holds {there}",
            hint="It was cut short, or its header is wrong: export it again.",
        )
    return frames, rows, columns, samples


def functional_group(file: DicomFile, frame: int, name: str, keyword: str) -> Any:  # noqa: ANN401
    """A value of one frame: from its own functional group, the shared one, or the plain header.

    Args:
        file: The file.
        frame: Which frame, from 0.
        name: The group's sequence, such as `PixelMeasuresSequence`.
        keyword: The value wanted.
    """
    own, shared = file.groups
    for groups, place in ((own, frame), (shared, 0)):
        if groups and place < len(groups):
            items = take(groups[place], name)
            if items and keyword in items[0]:
                return take(items[0], keyword)
    return take(file.dataset, keyword)


def numbers(value: object, count: int, keyword: str, shown: str) -> tuple[float, ...] | None:
    """A value as so many finite numbers, or None where it is absent.

    Raises:
        InputError: It is something else.
    """
    if value is None or value == "" or value == []:
        return None
    try:
        many = [value] if isinstance(value, str | int | float) else list(value)  # type: ignore[call-overload]
        found = tuple(float(part) for part in many[:count])
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) != count or not all(map(math.isfinite, found)):
        raise InputError(f"{shown}: {keyword} is not {count} finite number{'s' * (count > 1)}")
    return found
