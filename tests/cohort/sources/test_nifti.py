"""NIfTI volumes: values, axes and place in space as nibabel reads them; what is odd is remarked."""

from __future__ import annotations

import gzip
import logging

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.sources.nifti import decode_nifti
from medxmodal.errors import InputError

AFFINE = np.array([[0, -2.0, 0, 10], [1.5, 0, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])
VALUES = np.random.default_rng(2).integers(-500, 900, (4, 5, 6), dtype=np.int16)


def saved(image: nibabel.Nifti1Image, packed: bool = True) -> bytes:
    data = bytes(image.to_bytes())
    return gzip.compress(data) if packed else data


@pytest.mark.parametrize("make", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("packed", [True, False])
def test_values_axes_and_affine_are_as_stored(make: type[nibabel.Nifti1Image], packed: bool) -> None:
    found = decode_nifti(saved(make(VALUES, AFFINE), packed), "scan")
    assert found.array.dtype == np.float32
    np.testing.assert_array_equal(found.array, VALUES)
    np.testing.assert_allclose(found.affine, AFFINE)
    np.testing.assert_allclose(found.spacing, (1.5, 2.0, 3.0))
    assert found.remarks == ()
    assert found.array.flags.f_contiguous, "as in the file"


@pytest.mark.parametrize("kind", ["<i2", ">i2", "<u2", "<i4", "<f4", ">f4", "<f8", "<i8", "<i1"])
def test_every_number_type_and_byte_order(kind: str) -> None:
    values = VALUES.clip(-100, 100).astype(kind) if kind[1] != "u" else abs(VALUES).astype(kind)
    header = nibabel.Nifti1Header(endianness=kind[0])
    header.set_data_dtype(values.dtype)
    found = decode_nifti(saved(nibabel.Nifti1Image(values, AFFINE, header)), "scan")
    np.testing.assert_array_equal(found.array, values.astype(np.float32))


def test_scaling_is_applied_as_nibabel_does() -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(0.37, -1024.0)
    image = nibabel.Nifti1Image(np.linspace(-1024, -930, 60).reshape(3, 4, 5), AFFINE, header)
    image.header.set_slope_inter(0.37, -1024.0)
    data = saved(image)
    expected = nibabel.Nifti1Image.from_bytes(gzip.decompress(data)).get_fdata().astype(np.float32)
    found = decode_nifti(data, "scan").array
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(60, dtype=np.uint8) * 4, np.uint8),
        ((np.arange(60) % 3).astype(np.int16), np.uint8),
        ((np.arange(60) % 3).astype(np.int64), np.uint8),
        ((np.arange(60) % 40).astype(np.int16), np.float32),
        ((np.arange(60) % 3 - 1).astype(np.int16), np.float32),
        ((np.arange(60) % 3).astype(np.float32), np.float32),
    ],
)
def test_eight_bits_and_label_masks_stay_bytes(values: np.ndarray, kind: type) -> None:
    image = nibabel.Nifti1Image(values.reshape(3, 4, 5), AFFINE, dtype=values.dtype)
    found = decode_nifti(saved(image), "mask").array
    assert found.dtype == kind
    np.testing.assert_array_equal(found, values.reshape(3, 4, 5))


def test_the_sform_comes_first_then_the_qform_then_the_voxel_sizes() -> None:
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    shifted = AFFINE.copy()
    shifted[0, 3] += 50
    image.set_sform(shifted, 1)
    image.set_qform(AFFINE, 1)
    both = decode_nifti(saved(image), "scan")
    np.testing.assert_allclose(both.affine, shifted)
    assert "disagree" in both.remarks[0]
    image.set_sform(None, 0)
    np.testing.assert_allclose(decode_nifti(saved(image), "scan").affine, AFFINE, atol=1e-5)
    image.set_qform(None, 0)
    neither = decode_nifti(saved(image), "scan")
    np.testing.assert_allclose(neither.affine, np.diag([1.5, 2, 3, 1]))
    assert "no orientation" in neither.remarks[0]


def test_metres_and_microns_become_millimetres() -> None:
    for unit, factor in (("meter", 1000.0), ("micron", 0.001)):
        image = nibabel.Nifti1Image(VALUES, AFFINE)
        image.header.set_xyzt_units(unit)
        found = decode_nifti(saved(image), "scan")
        np.testing.assert_allclose(found.spacing, np.array([1.5, 2, 3]) * factor)
        np.testing.assert_allclose(found.affine[:3], AFFINE[:3] * factor)


def test_axes_of_one_are_left_out_and_a_slice_is_a_volume() -> None:
    assert decode_nifti(saved(nibabel.Nifti1Image(VALUES[..., None], AFFINE)), "scan").array.shape == (
        4,
        5,
        6,
    )
    assert decode_nifti(saved(nibabel.Nifti1Image(VALUES[:, :, 0], AFFINE)), "scan").array.shape == (4, 5, 1)


def test_a_background_of_nan_is_set_to_zero_and_remarked() -> None:
    values = VALUES.astype(np.float32)
    values[0] = np.nan
    found = decode_nifti(saved(nibabel.Nifti1Image(values, AFFINE)), "scan")
    assert "30 of 120 voxels" in found.remarks[0]
    np.testing.assert_array_equal(found.array[0], 0)
    np.testing.assert_array_equal(found.array[1:], VALUES[1:])


@given(st.integers(0, 347), st.binary(min_size=1, max_size=8))
def test_any_header_is_a_volume_or_an_input_error(place: int, noise: bytes) -> None:
    data = bytearray(saved(nibabel.Nifti1Image(VALUES, AFFINE), packed=False))
    data[place : place + len(noise)] = noise
    try:
        found = decode_nifti(bytes(data), "scan 7")
    except InputError as error:
        said = str(error)
    else:
        assert np.isfinite(found.array).all()
        assert np.isfinite(found.affine).all()
        return
    assert said.startswith("scan 7 ")


def test_names_in_the_header_go_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    image.header["descrip"] = b"Doe^Jane 1970"
    image.header["pixdim"][0] = 5  # nibabel would log about it
    with caplog.at_level(logging.DEBUG):
        found = decode_nifti(saved(image), "scan")
    assert "Doe" not in repr(found.remarks) + caplog.text
