"""Facts of pixels: the same pixels are the same in any memory order; near pictures have near hashes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from medxmodal.cohort.decode.facts import content_hash, middle, perceptual_hash

RNG = np.random.default_rng(12)
VOLUME = RNG.integers(0, 256, (20, 24, 5), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["image", "volume", "video"])
def test_memory_order_does_not_matter_but_values_shape_and_type_do(kind: str) -> None:
    found = content_hash(VOLUME, kind)
    assert content_hash(np.asfortranarray(VOLUME), kind) == found
    other = VOLUME.copy()
    other[3, 4, 2] ^= 1
    changed = (other, VOLUME.astype(np.int8), VOLUME.reshape(24, 20, 5), VOLUME[:, :, ::-1])
    assert len({found, *(content_hash(pixels, kind) for pixels in changed)}) == 5


def test_the_perceptual_hash_forgives_noise_and_scale_but_no_other_picture() -> None:
    coarse = Image.fromarray(RNG.integers(60, 190, (16, 16), dtype=np.uint8))
    stored = np.asarray(coarse.resize((110, 90), Image.Resampling.BICUBIC))
    noisy = stored + RNG.normal(0, 3, stored.shape)

    def differing(one: np.ndarray, two: np.ndarray) -> float:
        hashes = [perceptual_hash(pixels, "image") for pixels in (one, two)]
        return (int(hashes[0], 16) ^ int(hashes[1], 16)).bit_count() / (4 * len(hashes[0]))

    again = differing(stored, stored.astype(np.float32) * 37 - 900)
    other = differing(stored, RNG.integers(0, 256, stored.shape, dtype=np.uint8))
    assert again < 0.1
    assert differing(stored, stored) == 0
    assert differing(stored, noisy.astype(np.uint8)) < other / 2
    assert perceptual_hash(np.zeros((9, 9), np.float32), "image")


def test_the_middle_of_a_volume_is_a_slice_and_of_a_clip_a_frame() -> None:
    np.testing.assert_array_equal(middle(VOLUME, "volume"), VOLUME[:, :, 2].T)
    np.testing.assert_array_equal(middle(VOLUME, "video"), VOLUME[10])
    clip = RNG.integers(0, 256, (4, 8, 9, 3), dtype=np.uint8)
    assert perceptual_hash(clip, "video") == perceptual_hash(clip[2], "image")
