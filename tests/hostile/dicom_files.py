"""Small DICOM files made by code: sound series to read, and a corpus of files that must be refused.

Everything is deterministic. Nothing here is a test; `test_dicom_files.py` and the tests of the DICOM
source load it.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    generate_uid,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def uid(*words: object) -> UID:
    """A UID that is the same on every run."""
    return generate_uid(entropy_srcs=[str(word) for word in words])


def header(pixels: np.ndarray, *, series: str = "one", patient: str = "P1", number: int = 1) -> Dataset:
    """A CT slice without a place in space.

    Args:
        pixels: (rows, columns), (frames, rows, columns) or (rows, columns, 3).
        series: Names its series and study.
        patient: PatientID.
        number: InstanceNumber.
    """
    made = Dataset()
    made.SOPClassUID = CTImageStorage
    made.SOPInstanceUID = uid(series, patient, number)
    made.StudyInstanceUID, made.SeriesInstanceUID = uid("study", series), uid("series", series)
    made.PatientID, made.Modality, made.InstanceNumber = patient, "CT", number
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    shape = pixels.shape[:-1] if colour else pixels.shape
    if len(shape) == 3:
        made.NumberOfFrames = shape[0]
    made.Rows, made.Columns = shape[-2:]
    made.BitsAllocated = made.BitsStored = pixels.dtype.itemsize * 8
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OW" if pixels.dtype.itemsize > 1 else "OB"
    return made


def place(
    made: Dataset,
    depth: float,
    *,
    turned: Sequence[float] = AXIAL,
    origin: Sequence[float] = (-10.0, 20.0, 30.0),
    spacing: Sequence[float] = (0.5, 0.75),
) -> Dataset:
    """Give a slice its place: so many mm along the normal of its plane from an origin."""
    normal = np.cross(turned[:3], turned[3:])
    made.ImageOrientationPatient = [f"{value:.10g}" for value in turned]
    made.ImagePositionPatient = [f"{value:.10g}" for value in np.asarray(origin) + depth * normal]
    made.PixelSpacing = list(spacing)
    return made


def pack(made: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The bytes of a file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID") or uid("none")
    stream = io.BytesIO()
    encoding = (UID(syntax).is_implicit_VR, UID(syntax).is_little_endian)
    whole = FileDataset(stream, made, bytes(128), meta, *encoding)
    if UID(syntax).is_encapsulated and "PixelData" in made:
        whole["PixelData"].is_undefined_length = True
    whole.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def slices(
    depths: Sequence[float],
    *,
    pixels: np.ndarray | None = None,
    edit: Callable[[Dataset, int], None] | None = None,
    syntax: str = ExplicitVRLittleEndian,
    **where: Sequence[float],
) -> list[bytes]:
    """A series of CT slices, one at each depth.

    Args:
        depths: Millimetres along the normal.
        pixels: (slices, rows, columns); drawn if not given.
        edit: Changes the header of slice n before it is packed.
        syntax: Transfer syntax, uncompressed.
        where: See `place`.
    """
    if pixels is None:
        pixels = np.random.default_rng(4).integers(-900, 900, (len(depths), 6, 5), dtype=np.int16)
    made = []
    for n, depth in enumerate(depths):
        order = ">" if UID(syntax) == ExplicitVRBigEndian else "<"
        one = place(header(pixels[n].astype(pixels.dtype.newbyteorder(order)), number=n + 1), depth, **where)
        if edit is not None:
            edit(one, n)
        made.append(pack(one, syntax))
    return made


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element, explicit and little endian, with a length that may lie."""
    told = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return struct.pack("<HH2sHL", group, number, vr, 0, told) + value
    return struct.pack("<HH2sH", group, number, vr, told) + value


def nested(depth: int, *, defined: bool = False) -> bytes:
    """An element of sequences in sequences."""
    inner = b""
    for _ in range(depth):
        if defined:
            item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
            inner = element(0x0008, 0x1140, b"SQ", item)
        else:
            break
    if defined:
        return inner
    start = element(0x0008, 0x1140, b"SQ", b"", 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return start * depth + end * depth


def corpus() -> dict[str, dict[str, bytes]]:
    """Case -> file name -> bytes; each case must be refused, by the scan or when it is unpacked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library that is made to write impossible values
        return _corpus()


def _corpus() -> dict[str, dict[str, bytes]]:
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8)
    sound = pack(header(grey))
    cases = {
        "empty file": b"",
        "text named as DICOM": b"This is a letter, not an image.\n" * 20,
        "only a preamble": bytes(128) + b"DICM",
        "cut in the header": sound[:420],
        "cut in the pixels": sound[:-40],
        "four GiB of pixels declared": _declared(grey, 0xFFFFFFFE),
        "ten bytes of pixels": _declared(grey, 10),
        "a header value of four GiB": _before(sound, element(0x0008, 0x0001, b"UT", b"short", 0xFFFFFFF0)),
        "nested 300 deep": _before(sound, nested(300)),
        "nested 40000 deep": _before(sound, nested(40_000)),
        "a group length of five bytes": sound[:138] + b"\x05\0" + sound[140:],
        "65535 squared": _edited(grey, Rows=65535, Columns=65535),
        "no rows": _edited(grey, Rows=0),
        "two thousand million frames": _edited(grey, NumberOfFrames="2000000000"),
        "minus three frames": _edited(grey, NumberOfFrames="-3"),
        "deflate bomb": _bomb(header(grey), 136 << 20),
        "deflated and cut": pack(header(grey), DeflatedExplicitVRLittleEndian)[:-60],
        "says JPEG 2000, holds none": _declared(grey, 128, JPEG2000Lossless, grey.tobytes()),
        "says big endian, is little": sound.replace(
            ExplicitVRLittleEndian.encode() + b"\0", ExplicitVRBigEndian.encode() + b"\0"
        ),
        "an unknown transfer syntax": sound.replace(ExplicitVRLittleEndian.encode(), b"1.2.840.10008.9.9.9"),
        "zero slope": _edited(grey, RescaleSlope="0", RescaleIntercept="0"),
        "slope that is no number": _edited(grey, RescaleSlope="nan", RescaleIntercept="0"),
        "infinite window": _edited(grey, WindowCenter="1e300", WindowWidth="1e300"),
        "window that is no number": _edited(grey, WindowCenter="nan", WindowWidth="10"),
        "negative window": _edited(grey, WindowCenter="40", WindowWidth="-5"),
        "40 bits stored of 16": _edited(grey, BitsStored=40, HighBit=39),
        "seven samples": _edited(grey, SamplesPerPixel=7),
        "no photometric interpretation": _edited(grey, PhotometricInterpretation=None),
        "garbage as JPEG 2000": _coded(grey, JPEG2000Lossless, [b"\xff\x4f\xff\x51" + bytes(range(200))]),
        "noise as JPEG 2000": _coded(grey, JPEG2000Lossless, [bytes(range(1, 201))]),
        "JPEG 2000 of 60000 squared": _coded(grey, JPEG2000Lossless, [_j2k(60_000)]),
        "JPEG of 65000 squared": _coded(grey.astype(np.uint8), JPEGBaseline8Bit, [_jpeg(65_000)]),
        "noise as RLE": _coded(grey, RLELossless, [bytes(range(1, 201))]),
        "RLE that overruns": _coded(grey, RLELossless, [_rle(b"\x81\x05" * 40)]),
        "one frame of a thousand": _coded(grey, RLELossless, [bytes(64)], NumberOfFrames="1000"),
        "a fragment longer than the file": _coded(grey, RLELossless, [bytes(64)])[:-40],
        "not finite pixels": _floats(np.full((4, 4), np.nan, np.float32)),
    }  # fmt: skip
    return {name: {"file.dcm": data} for name, data in cases.items()} | _series(grey)


def _series(grey: np.ndarray) -> dict[str, dict[str, bytes]]:
    def tags(**values: object) -> Callable[[Dataset, int], None]:
        def edit(made: Dataset, n: int) -> None:
            if n == 1:
                _set(made, values)

        return edit

    depths = (0.0, 2.0, 4.0)
    flat = slices(depths)
    cases = {
        "mixed orientations": [*flat, *slices((9.0, 11.0), turned=SAGITTAL)],
        "two patients in one series": slices(depths, edit=tags(PatientID="P2")),
        "mixed sizes": [*flat, pack(place(header(grey.astype(np.int16), number=9), 6.0))],
        "mixed spacing": [*flat, *slices((6.0,), spacing=(2.0, 2.0))],
        "position that is no number": slices(depths, edit=tags(ImagePositionPatient=["nan", "0", "0"])),
        "position of two numbers": slices(depths, edit=tags(ImagePositionPatient=["1", "2"])),
        "orientation of zeros": slices(depths, edit=tags(ImageOrientationPatient=["0"] * 6)),
        "spacing of zero": slices(depths, spacing=(0.0, 0.0)),
        "negative spacing": slices(depths, spacing=(-1.0, -1.0)),
        "no spacing": slices(depths, edit=lambda made, _: made.__delattr__("PixelSpacing")),
        "shifted slices": slices(depths, edit=tags(ImagePositionPatient=["300", "20", "32"])),
        "different slices at one place": slices((0.0, 2.0, 2.0)),
    }
    return {name: {f"{n}.dcm": data for n, data in enumerate(files)} for name, files in cases.items()}


def _set(made: Dataset, values: dict[str, object]) -> None:
    for keyword, value in values.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)


def _edited(pixels: np.ndarray, **values: object) -> bytes:
    made = header(pixels)
    _set(made, values)
    return pack(made)


def _before(sound: bytes, extra: bytes) -> bytes:
    """A file with an element put first in its data set."""
    end = 144 + struct.unpack_from("<L", sound, 140)[0]
    return sound[:end] + extra + sound[end:]


def _declared(
    pixels: np.ndarray, length: int, syntax: str = ExplicitVRLittleEndian, held: bytes = bytes(10)
) -> bytes:
    """A file whose pixels declare a length, whatever is behind it."""
    made = header(pixels)
    del made.PixelData
    return pack(made, syntax) + element(0x7FE0, 0x0010, b"OW", held, length)


def _bomb(made: Dataset, size: int) -> bytes:
    """A deflated file that unpacks to so many zeros."""
    whole = pack(made, DeflatedExplicitVRLittleEndian)
    end = 144 + struct.unpack_from("<L", whole, 140)[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = bytes(1 << 20)
    body = b"".join(packer.compress(block) for _ in range(size >> 20))
    return whole[:end] + body + packer.flush()


def _coded(pixels: np.ndarray, syntax: str, frames: list[bytes], **values: object) -> bytes:
    made = header(pixels)
    made.PixelData = encapsulate(frames)
    _set(made, values)
    return pack(made, syntax)


def _j2k(side: int) -> bytes:
    """The head of a JPEG 2000 code stream that claims a size."""
    size = struct.pack(">HHLLLLLLLLH", 41, 0, side, side, 0, 0, side, side, 0, 0, 1) + bytes((15, 1, 1))
    return b"\xff\x4f\xff\x51" + size + bytes(80)


def _jpeg(side: int) -> bytes:
    """The head of a JPEG that claims a size."""
    return b"\xff\xd8\xff\xc0" + struct.pack(">HBHHBBBB", 11, 8, side, side, 1, 1, 17, 0) + bytes(80)


def _rle(packed: bytes) -> bytes:
    """Two RLE segments that unpack to more than was declared."""
    return struct.pack("<16L", 2, 64, 64 + len(packed), *[0] * 13) + packed * 2


def _floats(pixels: np.ndarray) -> bytes:
    made = header(pixels)
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, keyword)
    made.FloatPixelData = pixels.tobytes()
    return pack(made, ImplicitVRLittleEndian)
