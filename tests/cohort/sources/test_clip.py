"""Clips: the same frames from single images and from animated files; what does not fit is said."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medxmodal.cohort.sources.clip import decode_clip, natural_order
from medxmodal.errors import InputError

RNG = np.random.default_rng(21)
GREY = RNG.integers(0, 256, (4, 10, 12), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (3, 10, 12, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def animated(frames: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    first, *rest = (Image.fromarray(frame) for frame in frames)
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(stream, kind, save_all=True, append_images=rest, **options)
    return stream.getvalue()


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["frame_10.png", "frame_2.png", "b1", "a", "frame_1.png", "10", "9", "", "٣", "007", "7"]
    assert natural_order(names) == [
        "", "007", "7", "9", "10", "a", "b1", "frame_1.png", "frame_2.png", "frame_10.png", "٣"
    ]  # fmt: skip


@given(st.lists(st.text(max_size=6)))
def test_any_names_have_one_order(names: list[str]) -> None:
    assert natural_order(names) == natural_order(reversed(names))


@pytest.mark.parametrize("frames", [GREY, COLOUR])
def test_single_images_become_frames_in_the_order_given(frames: np.ndarray) -> None:
    found = decode_clip([png(frame) for frame in frames], "clip")
    np.testing.assert_array_equal(found.array, frames)
    assert found.array.dtype == np.uint8
    assert (found.affine, found.spacing) == (None, None)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG"])
def test_an_animated_file_is_a_clip(kind: str) -> None:
    np.testing.assert_array_equal(decode_clip([animated(GREY, kind)], "clip").array, GREY)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP"])
def test_colours_stay(kind: str) -> None:
    np.testing.assert_array_equal(decode_clip([animated(COLOUR, kind)], "clip").array, COLOUR)


def test_one_image_is_a_clip_of_one_frame() -> None:
    np.testing.assert_array_equal(decode_clip([png(GREY[0])], "clip").array, GREY[:1])


def test_what_does_not_fit_is_said_with_its_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(words: str, *blobs: bytes) -> None:
        with pytest.raises(InputError, match=rf"^clip 3.*{words}"):
            decode_clip(blobs, "clip 3")

    refused("no frames")
    refused(r"frame 2 has the shape \(8, 12\), the first \(10, 12\)", png(GREY[0]), png(GREY[1][:8]))
    refused("frame 2 has the shape", png(GREY[0]), png(COLOUR[0]))
    refused("frame 2 has more than 8 bits", png(GREY[0]), png(GREY[1].astype(np.uint16) * 200))
    refused("frame 2 is damaged", png(GREY[0]), png(GREY[1])[:-30])
    refused("is no clip of a known format", b"nonsense")
    refused("is damaged or cut short", animated(GREY, "TIFF")[:-200])
    refused("frame 3 holds 4 frames", png(GREY[0]), png(GREY[1]), animated(GREY, "TIFF"))
    monkeypatch.setattr("medxmodal.cohort.sources.clip.MAX_CLIP_PIXELS", 300)
    refused("million pixels in all frames", *map(png, GREY))
    refused("million pixels in all frames", animated(GREY, "GIF"))


@given(st.floats(0, 0.99), st.sampled_from(["GIF", "TIFF", "WEBP", "PNG"]))
def test_a_file_cut_short_is_frames_or_an_input_error(keep: float, kind: str) -> None:
    whole = animated(GREY, kind)
    try:
        found = decode_clip([whole[: int(keep * len(whole))]], "clip 3")
    except InputError as error:
        said = str(error)
    else:
        assert found.array.shape[1:3] == (10, 12)
        return
    assert said.startswith("clip 3")


def test_a_public_clip_has_its_frames(shared_data: Path) -> None:
    folder = next(iter(sorted((shared_data / "lung_ultrasound" / "frames").iterdir())))
    names = natural_order(path.name for path in folder.iterdir())
    clip = decode_clip([(folder / name).read_bytes() for name in names], "clip").array
    assert len(clip) == len(names)
    assert clip.dtype == np.uint8
