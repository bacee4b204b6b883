"""A file is what its bytes say."""

from __future__ import annotations

import gzip
import io

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medxmodal.cohort.decode.from_bytes import decode_bytes
from medxmodal.cohort.sources.sniff import HEAD, sniff
from medxmodal.errors import InputError

VOLUME = np.random.default_rng(3).integers(0, 900, (40, 50, 6), dtype=np.int16)
NIFTI = nibabel.Nifti1Image(VOLUME, np.eye(4)).to_bytes()


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(20, 30)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000"])
def test_pictures(kind: str) -> None:
    assert sniff(picture(kind)) == "image"


@pytest.mark.parametrize("make", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_packed_or_not_in_both_byte_orders(make: type[nibabel.Nifti1Image], order: str) -> None:
    header = make.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    data = make(VOLUME, np.eye(4), header).to_bytes()
    for whole in (data, gzip.compress(data)):
        assert sniff(whole) == sniff(whole[:HEAD]) == "nifti"


def test_dicom_with_and_without_preamble_and_behind_a_tiff() -> None:
    explicit = b"\x08\0\x05\0CS\x0a\0ISO_IR 100\x08\0\x16\0UI\x04\x001.2\0"
    implicit = b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100\x08\0\x16\0\x04\0\0\x001.2\0"
    assert sniff(bytes(128) + b"DICM" + explicit) == "dicom"
    assert sniff(picture("TIFF")[:128].ljust(128, b"\0") + b"DICM") == "dicom"
    assert sniff(explicit) == sniff(implicit) == "dicom"


def test_other_files_are_unknown() -> None:
    others = (b"", b"a,b\n1,2\n", b"{}", b"PK\x03\x04", gzip.compress(b"a,b\n" * 200), bytes(600), b"\x08\0")
    assert {sniff(data) for data in others} == {"unknown"}


@given(st.binary(max_size=700))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    assert sniff(data) in {"dicom", "nifti", "image", "unknown"}


def test_the_decoder_goes_by_content_and_says_what_does_not_fit() -> None:
    assert decode_bytes([picture("PNG")], "x", "image").array.shape == (20, 30)
    assert decode_bytes([picture("PNG")] * 2, "x", "video").array.shape == (2, 20, 30)
    assert decode_bytes([NIFTI], "x", "volume").array.shape == VOLUME.shape
    for blobs, kind, words in (
        ([picture("PNG")], "volume", "neither DICOM nor NIfTI"),
        ([NIFTI], "image", "is a NIfTI volume"),
        ([NIFTI], "video", "is a NIfTI volume"),
        ([NIFTI, picture("PNG")], "volume", "mixes NIfTI and image files"),
        ([NIFTI, NIFTI], "volume", "has 2 files"),
        ([b"nonsense"] * 2, "image", "is no image of a known format"),
        ([b"nonsense"], "image", "is no image of a known format"),
        ([NIFTI], "sound", "asked for as sound"),
    ):
        with pytest.raises(InputError, match=f"^scan 2 .*{words}"):
            decode_bytes(blobs, "scan 2", kind)
