"""`bare_dicom`: a DICOM file of pixels and what it takes to read them; nothing tells whose they are."""

from __future__ import annotations

import hashlib
import io
import struct

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID

from medxmodal.cohort.sources.dicom.file import PIXELS, UNDEFINED, DicomFile, check_pixels, open_dicom
from medxmodal.cohort.sources.dicom.limits import guarded
from medxmodal.cohort.sources.dicom.tags import IDENTIFIERS, PIXEL_TAGS

_KEPT = frozenset({*PIXEL_TAGS, "LUTDescriptor", "LUTData"}) - frozenset(IDENTIFIERS)
_LONG = {"OB", "OW", "OF", "OD"}
_ITEM = b"\xfe\xff\x00\xe0"
_LAST = b"\xfe\xff\xdd\xe0" + bytes(4)


def bare_dicom(data: bytes, shown: str) -> bytes:
    """The same pixels with the tags of `PIXEL_TAGS` alone, without ids; `decode_dicom` reads the same.

    What is drawn into the pixels, or written into the comments of a compressed frame, stays.

    Args:
        data: The file.
        shown: How messages name it.

    Raises:
        InputError: It is no DICOM file, damaged, or holds no pixels.
    """
    with guarded(shown):
        file = open_dicom(data, shown, PIXEL_TAGS)
        check_pixels(file)
        bare = _kept(file.dataset)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = file.syntax
        storage = UID(str(file.dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
        meta.MediaStorageSOPClassUID = (
            storage if storage.name != storage else UID("1.2.840.10008.5.1.4.1.1.7")
        )
        meta.MediaStorageSOPInstanceUID = UID(f"2.25.{int(hashlib.sha256(data).hexdigest()[:30], 16)}")
        bare.file_meta = meta
        implicit, little = file.syntax.is_implicit_VR, file.syntax.is_little_endian
        stream = io.BytesIO()
        dcmwrite(stream, bare, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
        return stream.getvalue() + _pixels(file, implicit=implicit, order="<" if little else ">")


def _kept(dataset: Dataset) -> Dataset:
    """The tags that may stay, of its sequences too: their items keep their places."""
    kept = Dataset()
    for element in dataset:
        if element.VR == "SQ" and not element.tag.is_private:
            items = [_kept(item) for item in element.value]
            if any(items):
                kept.add_new(element.tag, "SQ", Sequence(items))
        elif element.keyword in _KEPT:
            kept.add(element)
    return kept


def _pixels(file: DicomFile, *, implicit: bool, order: str) -> bytes:
    """The element of the pixels, as it was; what came after it is left out."""
    tag = next(tag for tag, keyword in PIXELS.items() if keyword == file.keyword)
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if not implicit:
        head += (file.vr if file.vr in _LONG else "OW").encode() + bytes(2)
    head += struct.pack(f"{order}L", file.length)
    if file.length != UNDEFINED:
        return head + file.data[file.start : file.start + file.length]
    place = file.start
    while file.data[place : place + 4] == _ITEM:
        place += 8 + int(struct.unpack_from("<L", file.data, place + 4)[0])
    return head + file.data[file.start : place] + _LAST
