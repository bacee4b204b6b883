"""What a file is, by its first bytes: a name says nothing, and may name a patient."""

from __future__ import annotations

import zlib

HEAD = 4096
"""As many first bytes are enough."""
GZIP = b"\x1f\x8b"
_IMAGES = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM",
    b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51",
    b"P1", b"P2", b"P3", b"P4", b"P5", b"P6",
)  # fmt: skip
_DICOM_GROUPS = (b"\x02\0", b"\x08\0")
_NIFTI_MAGIC = {348: (344, (b"n+1\0", b"ni1\0")), 540: (4, (b"n+2\0", b"ni2\0"))}
_CHARACTERS = range(0x41, 0x5B)


def sniff(data: bytes) -> str:
    """The kind of a file from its bytes.

    A file that is DICOM behind a TIFF preamble is DICOM.

    Args:
        data: The file, or its first `HEAD` bytes.

    Returns:
        `dicom`, `nifti`, `image` or `unknown`.

    Example:
        >>> sniff(b"GIF89a..."), sniff(bytes(128) + b"DICM"), sniff(b"a,b")
        ('image', 'dicom', 'unknown')
    """
    if data[128:132] == b"DICM":
        return "dicom"
    if _is_nifti(_unpacked(data) if data.startswith(GZIP) else data):
        return "nifti"
    if data.startswith(_IMAGES) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        return "image"
    return "dicom" if _is_bare_dicom(data) else "unknown"


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(data[:HEAD], 544)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    for order in ("little", "big"):
        place, magic = _NIFTI_MAGIC.get(int.from_bytes(head[:4], order), (0, ()))
        if magic and head[place : place + 4] in magic:
            return True
    return False


def _is_bare_dicom(data: bytes) -> bool:
    """Whether it is DICOM as before Part 10: elements from the first byte on, without a preamble."""
    if len(data) < 16 or data[:2] not in _DICOM_GROUPS:
        return False
    if data[4] in _CHARACTERS and data[5] in _CHARACTERS:  # a stated kind of value, such as UL
        return True
    length = int.from_bytes(data[4:8], "little")
    following = data[8 + length : 10 + length]
    return 0 < length <= 128 and following in _DICOM_GROUPS
