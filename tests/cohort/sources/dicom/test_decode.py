"""DICOM to arrays: order by geometry, the affine, what values mean, and every codec against pydicom's own."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.cohort.sources.dicom.grey import window
from medxmodal.errors import InputError

BUNDLED = Path(os.path.dirname(pydicom.__file__)) / "data" / "test_files"
OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, 0.8)
GREY = [
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm", "693_J2KI.dcm",
    "JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm", "JPEG2000.dcm", "JPGExtended.dcm",
    "J2K_pixelrep_mismatch.dcm", "image_dfl.dcm", "rtdose_rle_1frame.dcm", "rtdose_expb_1frame.dcm",
    "liver_1frame.dcm",
]  # fmt: skip
COLOUR = [
    "SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_dcmtk_+eb+cy+n1.dcm", "SC_rgb_dcmtk_+eb+cy+s4.dcm", "SC_ybr_full_422_uncompressed.dcm",
    "SC_rgb_jls_lossy_line.dcm", "SC_rgb_gdcm_KY.dcm", "ExplVR_BigEnd.dcm", "examples_jpeg2k.dcm",
    "SC_rgb_small_odd_big_endian.dcm", "SC_rgb_rle_2frame.dcm", "examples_ybr_color.dcm",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(Path(__file__).parents[3] / "hostile" / "dicom_files.py")


def bare(name: str) -> SimpleNamespace:
    """What pydicom alone makes of one of its own files, by the same codec."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = pydicom.dcmread(BUNDLED / name)
        packed = read.file_meta.TransferSyntaxUID.is_encapsulated
        return SimpleNamespace(
            header=read, pixels=pixel_array(read, decoding_plugin="pylibjpeg" if packed else "")
        )


def test_an_image_of_one_bit_is_black_and_white() -> None:
    blob = (BUNDLED / "liver_1frame.dcm").read_bytes()
    mask, image = (decode_dicom([blob], "scan", kind=kind).array for kind in ("video", "image"))
    assert np.unique(image).tolist() == [0, 255]
    np.testing.assert_array_equal(image > 0, mask[0] > 0)


@pytest.mark.parametrize("name", GREY)
def test_grey_files_have_the_values_of_pydicom(name: str) -> None:
    found = decode_dicom([(BUNDLED / name).read_bytes()], "scan", kind="video").array
    wanted = bare(name)
    meant = apply_modality_lut(wanted.pixels, wanted.header) * float(wanted.header.get("DoseGridScaling", 1))
    np.testing.assert_allclose(found.reshape(meant.shape), meant, rtol=1e-6)


@pytest.mark.parametrize("name", COLOUR)
def test_colour_files_are_rgb_as_pydicom_has_them(name: str) -> None:
    found = decode_dicom([(BUNDLED / name).read_bytes()], "scan").array
    np.testing.assert_array_equal(found, bare(name).pixels)
    assert found.shape[-1] == 3


def test_lossless_variants_are_one_image() -> None:
    names = [name for name in GREY if name.startswith("MR_small")]
    arrays = [decode_dicom([(BUNDLED / name).read_bytes()], "scan").array for name in names]
    assert len(arrays) == 7
    for array in arrays[1:]:
        np.testing.assert_array_equal(array, arrays[0])


def test_a_palette_becomes_colours() -> None:
    found = decode_dicom([(BUNDLED / "examples_palette.dcm").read_bytes()], "scan").array
    assert found.shape == (350, 800, 3)
    assert found.dtype == np.uint8
    assert found.max() > 200
    assert np.ptp(found, axis=-1).max() > 50


def test_a_dose_grid_is_a_volume() -> None:
    found = decode_dicom([(BUNDLED / "rtdose.dcm").read_bytes()], "dose")
    raw = pydicom.dcmread(BUNDLED / "rtdose.dcm")
    assert found.spacing == (10.0, 10.0, 5.0)
    np.testing.assert_allclose(
        found.array.transpose(2, 1, 0), raw.pixel_array * raw.DoseGridScaling, rtol=1e-6
    )


@pytest.mark.parametrize("turned", [None, "SAGITTAL", OBLIQUE])
def test_order_and_place_come_from_geometry(
    made: ModuleType, turned: object, rng: np.random.Generator
) -> None:
    axes = made.AXIAL if turned is None else made.SAGITTAL if turned == "SAGITTAL" else turned
    depths = [0.0, 3.0, 6.0, 9.0]
    pixels = rng.integers(0, 500, (4, 6, 5), dtype=np.int16)
    pixels[2, 4, 1] = 3000  # the marker: slice 2, row 4, column 1
    blobs = made.slices(depths, pixels=pixels, turned=axes)
    # Instance numbers lie, and files come in any order.
    for n, blob in enumerate(blobs):
        read = pydicom.dcmread(io.BytesIO(blob))
        read.InstanceNumber = 40 - n
        stream = io.BytesIO()
        read.save_as(stream)
        blobs[n] = stream.getvalue()
    found = decode_dicom([blobs[n] for n in (2, 0, 3, 1)], "scan")
    assert found.affine is not None
    np.testing.assert_array_equal(found.array, pixels.transpose(2, 1, 0))
    assert found.spacing == pytest.approx((0.75, 0.5, 3.0))
    index = np.unravel_index(found.array.argmax(), found.array.shape)
    assert index == (1, 4, 2)
    # DICOM PS3.3, C.7.6.2.1.1: the marker's place in the patient, by the header alone.
    header = pydicom.dcmread(io.BytesIO(blobs[2]))
    along, down = np.array(header.ImageOrientationPatient).reshape(2, 3).astype(float)
    lps = np.array(header.ImagePositionPatient, float) + along * 0.75 * 1 + down * 0.5 * 4
    written = nibabel.Nifti1Image(found.array, found.affine).to_bytes()
    again = nibabel.Nifti1Image.from_bytes(written)
    world = nibabel.affines.apply_affine(again.affine, index)
    np.testing.assert_allclose(world, lps * [-1, -1, 1], atol=1e-4)
    assert np.linalg.det(found.affine[:3, :3]) == pytest.approx(0.75 * 0.5 * 3.0, rel=1e-5)


def test_a_tilted_gantry_gives_a_sheared_affine(made: ModuleType) -> None:
    def lean(one: Dataset, n: int) -> None:
        one.ImagePositionPatient = ["0", f"{0.2 * n:.3f}", f"{2.0 * n:.3f}"]

    found = decode_dicom(made.slices([0.0] * 4, edit=lean), "scan")
    assert found.affine is not None
    np.testing.assert_allclose(found.affine[:3, 2], [0, -0.2, 2.0], atol=1e-6)


def test_missing_slices_are_counted_and_uneven_ones_told(made: ModuleType) -> None:
    gap = decode_dicom(made.slices([0.0, 2.0, 4.0, 10.0, 12.0]), "scan")
    assert gap.remarks == ("2 slices missing, by the gaps between 5",)
    assert gap.spacing == pytest.approx((0.75, 0.5, 2.0))
    uneven = decode_dicom(made.slices([0.0, 2.0, 4.0, 6.6, 8.6]), "scan")
    assert uneven.remarks == ("slices 2.00 to 2.60 mm apart; 2.00 is taken",)
    assert decode_dicom(made.slices([0.0, 2.0, 4.0]), "scan").remarks == ()


def test_the_same_slice_twice_is_one_and_different_ones_are_refused(made: ModuleType) -> None:
    pixels = np.arange(4 * 30, dtype=np.int16).reshape(4, 6, 5)
    pixels[3] = pixels[1]
    found = decode_dicom(made.slices([0.0, 2.0, 4.0, 2.0], pixels=pixels), "scan")
    np.testing.assert_array_equal(found.array, pixels[:3].transpose(2, 1, 0))
    assert found.remarks == ("1 slice twice, with the same pixels",)
    pixels[3, 0, 0] += 1
    with pytest.raises(InputError, match="several different slices at the same place"):
        decode_dicom(made.slices([0.0, 2.0, 4.0, 2.0], pixels=pixels), "scan")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_encoding_gives_the_same_values(made: ModuleType, syntax: str) -> None:
    one, other = made.slices([0.0, 1.0]), made.slices([0.0, 1.0], syntax=syntax)
    np.testing.assert_array_equal(decode_dicom(one, "s").array, decode_dicom(other, "s").array)


def test_rescale_is_applied_and_eight_plain_bits_stay(made: ModuleType) -> None:
    pixels = np.arange(3 * 30, dtype=np.uint8).reshape(3, 6, 5)
    plain = decode_dicom(made.slices([0.0, 1.0, 2.0], pixels=pixels), "scan")
    assert plain.array.dtype == np.uint8

    def hounsfield(one: Dataset, n: int) -> None:
        one.RescaleSlope, one.RescaleIntercept = 2, -1024 - n

    scaled = decode_dicom(made.slices([0.0, 1.0, 2.0], pixels=pixels, edit=hounsfield), "scan")
    assert scaled.array.dtype == np.float32
    wanted = pixels * 2.0 - 1024 - np.arange(3)[:, None, None]
    np.testing.assert_array_equal(scaled.array, wanted.transpose(2, 1, 0))


def test_a_slice_with_rescale_among_plain_ones_keeps_all_values(made: ModuleType) -> None:
    pixels = np.arange(3 * 30, dtype=np.uint8).reshape(3, 6, 5)

    def last(one: Dataset, n: int) -> None:
        if n == 2:
            one.RescaleSlope, one.RescaleIntercept = 10, 0

    found = decode_dicom(made.slices([0.0, 1.0, 2.0], pixels=pixels, edit=last), "scan").array
    np.testing.assert_array_equal(found[..., :2], pixels[:2].transpose(2, 1, 0))
    np.testing.assert_array_equal(found[..., 2], pixels[2].T * 10.0)


@pytest.mark.parametrize(("kind", "low"), [(np.uint16, 0), (np.int16, -2048)])
@pytest.mark.parametrize("packed", [False, True])
def test_unused_bits_are_cleared(made: ModuleType, kind: type, low: int, packed: bool) -> None:
    values = np.linspace(low, low + 4095, 64).astype(kind).reshape(8, 8)
    dirty = ((values.view(np.uint16) & 0x0FFF) | 0x5000).view(kind)
    header = made.header(dirty)
    if packed:
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.compress(RLELossless, dirty, generate_instance_uid=False)
    header.BitsStored, header.HighBit = 12, 11
    blob = made.pack(header, RLELossless if packed else "1.2.840.10008.1.2.1")
    np.testing.assert_array_equal(decode_dicom([blob], "scan").array, values)


def test_dark_is_turned_to_bright(made: ModuleType) -> None:
    pixels = np.array([[0, 1000], [2000, 4095]], np.uint16)
    header = made.header(pixels)
    header.PhotometricInterpretation, header.BitsStored, header.HighBit = "MONOCHROME1", 12, 11
    np.testing.assert_array_equal(decode_dicom([made.pack(header)], "s").array, 4095.0 - pixels)
    header.WindowCenter, header.WindowWidth = 2048, 4096
    shown = decode_dicom([made.pack(header)], "s").array
    assert shown[0, 0] == 255
    assert shown[1, 1] == 0
    small = made.header(np.array([[0, 255], [7, 9]], np.uint8))
    small.PhotometricInterpretation = "MONOCHROME1"
    found = decode_dicom([made.pack(small)], "s").array
    assert found.dtype == np.uint8
    assert found.tolist() == [[255, 0], [248, 246]]


def test_only_an_image_goes_through_its_window(made: ModuleType) -> None:
    def soft(one: Dataset, _: int) -> None:
        one.RescaleSlope, one.RescaleIntercept = 1, -1000
        one.WindowCenter, one.WindowWidth = [40, 300], [400, 1500]

    pixels = np.linspace(-500, 2000, 60).astype(np.int16).reshape(2, 6, 5)[::-1]
    pixels[0, 0, 0] = -500
    blobs = made.slices([0.0, 1.0], pixels=pixels, edit=soft)
    whole, image = decode_dicom(blobs, "scan"), decode_dicom(blobs[:1], "view")
    meant = whole.array[..., 0].T
    assert meant.min() < -1000
    np.testing.assert_array_equal(image.array, window(meant, 40, 400))
    read = pydicom.dcmread(io.BytesIO(blobs[0]))
    displayed = pydicom.pixels.apply_voi_lut(apply_modality_lut(read.pixel_array, read), read)
    unit = (displayed - displayed.min()) / np.ptp(displayed)
    np.testing.assert_allclose(image.array / 255, unit, atol=1e-4)
    assert image.spacing == (0.5, 0.75)
    assert image.affine is None


def test_windows_by_formula() -> None:
    x = np.array([-1000.0, 39.5, 240.0, 1000.0])
    linear = window(x, 40, 400)
    assert linear[0] == 0
    assert linear[1] == pytest.approx(127.5)
    assert linear[3] == 255
    assert window(np.array([40.0]), 40, 400, "SIGMOID")[0] == pytest.approx(127.5)
    assert window(np.array([0.0, 1.0]), 1.0, 1.0).tolist() == [0.0, 255.0]


def test_a_voi_table_goes_before_the_window(made: ModuleType) -> None:
    pixels = np.array([[0, 1], [2, 900]], np.uint16)
    header = made.header(pixels)
    header.WindowCenter, header.WindowWidth = 1, 2
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4, 0, 16], [0, 65535, 13107, 32768]
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "US"
    header.VOILUTSequence = Sequence([table])
    found = decode_dicom([made.pack(header)], "view").array
    np.testing.assert_allclose(found, [[0, 255], [51, 127.5]], atol=0.01)


def test_a_window_of_no_width_is_left_out(made: ModuleType) -> None:
    header = made.header(np.arange(64, dtype=np.uint16).reshape(8, 8))
    header.WindowCenter, header.WindowWidth = 40, 0
    found = decode_dicom([made.pack(header)], "view")
    assert found.array.max() == 63
    assert found.remarks == ("a window of no width was left out",)


def test_float_pixels_keep_their_values(made: ModuleType) -> None:
    values = np.array([[0.25, -3.5], [1e5, 0]], np.float32)
    np.testing.assert_array_equal(decode_dicom([made._floats(values)], "map").array, values)


def test_a_clip_is_a_video_and_an_enhanced_file_a_volume(made: ModuleType) -> None:
    frames = np.arange(4 * 6 * 5, dtype=np.uint16).reshape(4, 6, 5)
    clip = decode_dicom([made.pack(made.header(frames))], "clip")
    np.testing.assert_array_equal(clip.array, frames)
    assert clip.affine is None
    enhanced = made.header(frames)
    shared, order = Dataset(), (3, 0, 2, 1)  # frames are stored in any order
    shared.PlaneOrientationSequence = Sequence([_item(ImageOrientationPatient=list(made.AXIAL))])
    shared.PixelMeasuresSequence = Sequence([_item(PixelSpacing=[0.5, 0.75], SliceThickness=2)])
    enhanced.SharedFunctionalGroupsSequence = Sequence([shared])
    per_frame = []
    for n in order:
        own = Dataset()
        own.PlanePositionSequence = Sequence([_item(ImagePositionPatient=[0, 0, 2.5 * n])])
        rescale = _item(RescaleSlope=n + 1, RescaleIntercept=-n)
        own.PixelValueTransformationSequence = Sequence([rescale])
        per_frame.append(own)
    enhanced.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
    found = decode_dicom([made.pack(enhanced)], "scan")
    wanted = np.stack([frames[order.index(n)] * (n + 1.0) - n for n in range(4)])
    np.testing.assert_array_equal(found.array, wanted.transpose(2, 1, 0))
    assert found.spacing == pytest.approx((0.75, 0.5, 2.5))
    forced = decode_dicom([made.pack(enhanced)], "scan", kind="video")
    assert forced.array.shape == (4, 6, 5)


def _item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def test_frames_at_one_place_are_a_clip_in_the_order_taken(made: ModuleType) -> None:
    pixels = np.arange(3 * 30, dtype=np.int16).reshape(3, 6, 5)
    blobs = made.slices([5.0, 5.0, 5.0], pixels=pixels)
    found = decode_dicom([blobs[n] for n in (1, 2, 0)], "heart")
    np.testing.assert_array_equal(found.array, pixels)


def test_what_does_not_fit_is_refused(made: ModuleType) -> None:
    blobs = made.slices([0.0, 1.0])
    with pytest.raises(InputError, match="one image is expected"):
        decode_dicom(blobs, "scan", kind="image")
    with pytest.raises(InputError, match="cannot be read as mesh"):
        decode_dicom(blobs, "scan", kind="mesh")
    with pytest.raises(InputError, match="0 files"):
        decode_dicom([], "scan")
    flat = [made.pack(made.header(np.zeros((4, 4), np.uint16), number=n)) for n in (1, 2)]
    with pytest.raises(InputError, match="without a place in space"):
        decode_dicom(flat, "scan", kind="volume")
    other = made.pack(made.place(made.header(np.zeros((6, 5), np.int16), series="two"), 5.0))
    with pytest.raises(InputError, match="several series"):
        decode_dicom([*blobs, other], "scan")
    single = decode_dicom(blobs[:1], "scan", kind="volume")
    assert single.array.shape == (5, 6, 1)


def test_a_missing_codec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "medxmodal.cohort.sources.dicom.pixels.get_decoder", lambda _: SimpleNamespace(is_available=False)
    )
    with pytest.raises(InputError, match=r"JPEG-LS.*no codec.*Install medxmodal\[dicom\]"):
        decode_dicom([(BUNDLED / "MR_small_jpeg_ls_lossless.dcm").read_bytes()], "scan")


def test_damage_tells_no_values(made: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    header = made.header(np.zeros((4, 4), np.uint16), patient="CANARY-77")
    header.PatientName = "Canary^Bird"
    whole = made.pack(header)
    at = whole.index(b"CANARY-77")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cut in range(at, len(whole), 7):
            with pytest.raises(InputError) as caught:
                decode_dicom([whole[:cut]], "scan 7")
            assert "anary" not in str(caught.value).lower()
        bad = whole.replace(b"DS", b"IS")
        bad = made.pack(header).replace(b"IS\x02\x00" + b"1 ", b"IS\x02\x00" + b"xA")
        with pytest.raises(InputError, match="scan 7 is damaged"):
            decode_dicom([bad], "scan 7", kind="video")
    assert caplog.text == ""


def test_four_real_series(shared_data: Path) -> None:
    folder = shared_data / "dicom_brain"
    if not folder.is_dir():
        pytest.skip("no dicom_brain")
    for series in sorted(folder.iterdir()):
        files = sorted(series.glob("*.dcm"))
        found = decode_dicom([path.read_bytes() for path in files], "scan")
        assert found.affine is not None
        assert found.array.shape == (280, 320, 22)
        assert found.remarks == ()
        assert found.spacing == pytest.approx((0.6875, 0.6875, 6.5), abs=1e-4)
        assert nibabel.aff2axcodes(found.affine) == ("L", "P", "S")
        headers = sorted(map(pydicom.dcmread, files), key=lambda h: float(h.ImagePositionPatient[2]))
        for z in (0, 11, 21):
            np.testing.assert_array_equal(found.array[..., z].T, headers[z].pixel_array)
            start = np.array(headers[z].ImagePositionPatient, float) * [-1, -1, 1]
            np.testing.assert_allclose(found.affine @ [0, 0, z, 1], [*start, 1], atol=1e-3)
