"""Images: pixels as stored, and damage that is always an `InputError`, whatever Pillow raises."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medxmodal.cohort.sources.image import decode_image, load_bytes
from medxmodal.errors import InputError

PIXELS = np.random.default_rng(3).integers(0, 256, (20, 24), dtype=np.uint8)


def packed(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_lossless_grey_comes_back_as_stored(kind: str) -> None:
    found = decode_image(packed(PIXELS, kind), "image")
    np.testing.assert_array_equal(found if found.ndim == 2 else found[..., 0], PIXELS)


def test_more_than_eight_bits_keep_their_values() -> None:
    deep = PIXELS.astype(np.uint16) * 200
    found = decode_image(packed(deep, "PNG"), "image")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, deep)


def test_colour_and_transparency_become_rgb() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (8, 9, 4), dtype=np.uint8)
    found = decode_image(packed(colour, "PNG"), "image")
    np.testing.assert_array_equal(found, colour[..., :3])


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    assert decode_image(packed(PIXELS, "PNG", exif=exif), "image").shape == (24, 20)


@given(
    st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"]), st.floats(0, 0.95), st.binary(max_size=4)
)
def test_a_file_cut_short_is_an_input_error_or_whole(kind: str, keep: float, tail: bytes) -> None:
    whole = packed(PIXELS, kind)
    try:
        found = decode_image(whole[: int(keep * len(whole))] + tail, "image 7")
    except InputError as error:
        said = str(error)
    else:
        assert found.shape[:2] == PIXELS.shape
        return
    assert said.startswith("image 7 is ")
    assert "\n" not in said


@given(st.binary(max_size=200))
def test_any_bytes_are_an_image_or_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^image 7 "):
        decode_image(data, "image 7")


def test_what_is_too_large_or_moves_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("medxmodal.cohort.sources.image.MAX_PIXELS", 100)
    with pytest.raises(InputError, match="24 x 20 pixels"):
        decode_image(packed(PIXELS, "PNG"), "image")
    frames = [Image.fromarray(np.full((4, 4), k, np.uint8)) for k in (0, 200)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="2 frames"):
        decode_image(stream.getvalue(), "image")
    (tmp_path / "big.png").write_bytes(packed(PIXELS, "PNG"))
    monkeypatch.setattr("medxmodal.cohort.sources.image.MAX_BYTES", 10)
    with pytest.raises(InputError, match="the limit is"):
        load_bytes(tmp_path / "big.png", "image")
    with pytest.raises(InputError, match="is not there"):
        load_bytes(tmp_path / "none.png", "image")
