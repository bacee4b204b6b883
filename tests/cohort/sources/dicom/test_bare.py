"""Bare DICOM files: read as before, and nothing planted is left in their bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from medxmodal.cohort.sources.dicom.bare import bare_dicom
from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.errors import InputError

PLANTED = b"Quackenbush"
SHIPPED = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "image_dfl.dcm",
    "JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "examples_palette.dcm", "examples_ybr_color.dcm", "rtdose.dcm",
    "liver_1frame.dcm", "liver_expb_1frame.dcm",
)  # fmt: skip
"""Of pydicom: every syntax, palettes, and places of single frames."""


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(Path(__file__).parents[3] / "hostile" / "dicom_files.py")


def plant(made: Dataset) -> None:
    """A name and ids in every place that may hold them."""
    made.PatientName = made.InstitutionName = made.PatientComments = "Quackenbush^Jane"
    made.PatientID = made.AccessionNumber = "Quackenbush-4711"
    made.add_new(0x00091001, "LO", "Quackenbush")
    made.add_new(0x00090010, "LO", "Quackenbush")
    made.add_new(0xFFFCFFFC, "OB", PLANTED + b"-")
    item = Dataset()
    item.PatientName = item.LUTExplanation = "Quackenbush"
    made.ReferencedImageSequence = Sequence([item])
    made.SharedFunctionalGroupsSequence = Sequence([item])


def same(blob: bytes) -> bytes:
    bare = bare_dicom(blob, "file")
    one, two = decode_dicom([blob], "file"), decode_dicom([bare], "bare file")
    np.testing.assert_array_equal(one.array, two.array)
    assert one.array.dtype == two.array.dtype
    assert one.spacing == two.spacing
    assert (one.affine is None) == (two.affine is None)
    if one.affine is not None:
        np.testing.assert_array_equal(one.affine, two.affine)
    assert bare_dicom(bare, "file")[200:] != b""
    return bare


@pytest.mark.parametrize("name", SHIPPED)
def test_real_files_are_read_the_same(name: str) -> None:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.fail(f"this pydicom does not ship {name}")
    blob = Path(str(path)).read_bytes()
    told = pydicom.dcmread(io.BytesIO(blob))
    bare = same(blob)
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        value = str(told.get(keyword) or "")
        assert len(value) < 4 or value.encode() not in bare
    left = pydicom.dcmread(io.BytesIO(bare))
    assert "PatientName" not in left
    assert left.file_meta.TransferSyntaxUID.is_transfer_syntax


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_what_is_planted_is_gone(made: ModuleType, syntax: str) -> None:
    pixels = np.arange(30, dtype=">u2" if syntax == ExplicitVRBigEndian else "<u2").reshape(6, 5)
    header = made.place(made.header(pixels), 3.0)
    plant(header)
    blob = made.pack(header, syntax)
    assert syntax == DeflatedExplicitVRLittleEndian or blob.count(PLANTED) > 5
    assert PLANTED not in same(blob)


def test_what_follows_compressed_pixels_is_gone(made: ModuleType) -> None:
    header = made.place(made.header(np.arange(30, dtype=np.uint16).reshape(6, 5)), 3.0)
    plant(header)
    packed = pydicom.dcmread(io.BytesIO(made.pack(header)))
    packed.compress(RLELossless, generate_instance_uid=False)
    blob = made.pack(packed, RLELossless)
    assert PLANTED in blob[-60:]
    assert PLANTED not in same(blob)


def test_tables_of_grey_values_stay(made: ModuleType) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4, 0, 16])
    table.add_new("LUTData", "US", [0, 900, 20, 65000])
    table.LUTExplanation = "window of Quackenbush"
    header = made.header(np.arange(16, dtype=np.uint16).reshape(4, 4))
    header.VOILUTSequence = Sequence([table])
    assert PLANTED not in same(made.pack(header))


def test_a_series_keeps_its_order(made: ModuleType) -> None:
    blobs = made.slices([6.0, 0.0, 4.0, 2.0])
    bare = [bare_dicom(blob, "file") for blob in blobs]
    one, two = decode_dicom(blobs, "series", kind="volume"), decode_dicom(bare, "series", kind="volume")
    np.testing.assert_array_equal(one.array, two.array)
    np.testing.assert_array_equal(one.affine, two.affine)
    assert bare == [bare_dicom(blob, "file") for blob in blobs]


def test_what_cannot_be_read_is_refused(made: ModuleType) -> None:
    blob = made.slices([0.0])[0]
    for bad in (b"", b"x" * 400, blob[:-9], blob[: len(blob) // 2]):
        with pytest.raises(InputError):
            bare_dicom(bad, "file")
