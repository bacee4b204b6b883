"""What is checked before DICOM pixels are unpacked: sizes, declared lengths, and the codecs' own headers."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.errors import BytesLengthException, InvalidDicomError

from medxmodal.errors import InputError

MAX_BYTES = 2 << 30
"""Larger files are refused before they are read; so are larger headers and pixels, unpacked."""
MAX_PIXELS = 64_000_000
"""Larger frames are refused before they are unpacked."""
MAX_INFLATED = 128 << 20
"""A deflated file that unpacks to more is refused."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_PLAIN = b"1.2.840.10008.1.2.1\0\0\0"
_DAMAGED = (
    OSError, ValueError, TypeError, LookupError, AttributeError, NameError, EOFError, ArithmeticError,
    MemoryError, RuntimeError, StopIteration, AssertionError, InvalidDicomError, BytesLengthException,
    struct.error, zlib.error,
)  # fmt: skip
"""What pydicom, its values and its codecs raise on damaged files.

A codec written in Rust that gives up raises a PanicException, which is no Exception and has no home that
could be imported: it is known by its name.
"""
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_NO_FRAME_HEADER = {0xC4, 0xC8, 0xCC}


@contextmanager
def guarded(shown: str) -> Iterator[None]:
    """Whatever pydicom meets in a damaged file is an `InputError`, and what it would tell of it is not told.

    Its warnings, its log and its exceptions quote values, which may be names.

    Args:
        shown: How messages name the file.
    """
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except RecursionError:
        raise InputError(f"{shown} nests its sequences too deep to be read") from None
    except BaseException as error:
        if isinstance(error, _DAMAGED) or type(error).__name__ == "PanicException":
            raise InputError(f"{shown} is damaged or cut short", hint="Export it again.") from None
        raise
    finally:
        logger.disabled = before


def inflated(data: bytes, shown: str) -> bytes:
    """The same file without deflation, so that nothing unpacks it without a limit.

    Raises:
        InputError: It is damaged, or unpacks to more than `MAX_INFLATED`.
    """
    if data[128:132] != b"DICM":
        return data
    start = _meta_end(data)
    if _DEFLATED not in data[:start]:
        return data
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    body = unpacker.decompress(data[start:], MAX_INFLATED)
    if unpacker.unconsumed_tail:
        raise InputError(f"{shown} unpacks to more than {MAX_INFLATED >> 20} MiB")
    return data[:start].replace(_DEFLATED, _PLAIN) + body


def _meta_end(data: bytes) -> int:
    """Where the file meta information (group 0002, explicit, little endian) ends."""
    place = 132
    while data[place : place + 2] == b"\x02\x00":
        if data[place + 4 : place + 6] in {b"OB", b"UN", b"UT", b"SQ"}:
            place += 12 + struct.unpack_from("<L", data, place + 8)[0]
        else:
            place += 8 + struct.unpack_from("<H", data, place + 6)[0]
    return place


def check_fragments(data: bytes, start: int, frames: int, size: tuple[int, int], shown: str) -> None:
    """Check compressed pixels: every fragment is there, there are enough, and each is of the right size.

    Args:
        data: The file.
        start: Where the value of its pixel data begins.
        frames: How many the header declares.
        size: Rows and columns, as the header declares.
        shown: How messages name it.

    Raises:
        InputError: They are not.
    """
    place, found = start, -1  # the first item is a table of offsets
    while data[place : place + 4] == _ITEM and place + 8 <= len(data):
        length = struct.unpack_from("<L", data, place + 4)[0]
        place += 8
        if length > len(data) - place:
            raise InputError(f"{shown} declares a frame of {length} bytes and holds {len(data) - place}")
        inside = None if found < 0 else coded_size(data, place, length)
        if inside is not None and inside != size:
            raise InputError(
                f"{shown} declares {size[0]} x {size[1]} pixels, but a frame holds {inside[0]} x {inside[1]}"
            )
        place += length
        found += 1
    if place < len(data) and data[place : place + 4] != _END:
        raise InputError(f"{shown} has compressed pixels that are damaged or cut short")
    if found < frames:
        raise InputError(f"{shown} declares {frames} frames and holds {max(found, 0)}")


def coded_size(data: bytes, start: int, length: int) -> tuple[int, int] | None:
    """Rows and columns by the codec's own header: JPEG, JPEG-LS or JPEG 2000; None for others.

    Args:
        data: The file.
        start: Where the fragment begins.
        length: Its bytes.
    """
    end = start + length
    if data.startswith(b"\0\0\0\x0cjP", start):  # a JP2 file around the code stream
        start = data.find(b"\xff\x4f\xff\x51", start, min(end, start + 4096))
        if start < 0:
            return None
    if data.startswith(b"\xff\x4f\xff\x51", start) and start + 24 <= end:
        across, down, left, top = struct.unpack_from(">4L", data, start + 8)
        return down - top, across - left
    if not data.startswith(b"\xff\xd8", start):
        return None
    place = start + 2
    while place + 9 <= end and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a filling byte
            place += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADER):
            rows, columns = struct.unpack_from(">HH", data, place + 5)
            return rows, columns
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None
