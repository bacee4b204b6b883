"""Burnt-in letters are found by their strokes; tissue has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from medxmodal.cohort.quality.burnt_in import SUSPECTED, burnt_in_score, suspected
from medxmodal.statistics import auroc


def tissue(rng: np.random.Generator, shape: tuple[int, int] = (300, 380)) -> np.ndarray:
    """Speckle that is smeared sideways, as a beam does."""
    from scipy.ndimage import gaussian_filter

    speckle = gaussian_filter(rng.gamma(1.0, 60.0, shape), (1.0, 3.0))
    return np.clip(speckle, 0, 255).astype(np.uint8)


def written(pixels: np.ndarray, fill: int | tuple[int, int, int] = 250) -> np.ndarray:
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).text((30, 250), "LT UOQ", fill=fill)
    return np.asarray(image)


def test_letters_are_found_and_tissue_is_not(rng: np.random.Generator) -> None:
    plain = tissue(rng)
    assert burnt_in_score(plain) < SUSPECTED <= burnt_in_score(written(plain))
    assert burnt_in_score(written(tissue(rng) // 4)) >= SUSPECTED


def test_coloured_letters_in_a_grey_image(rng: np.random.Generator) -> None:
    grey = np.repeat(tissue(rng)[..., None], 3, axis=2)
    assert burnt_in_score(grey) < SUSPECTED <= burnt_in_score(written(grey, (255, 220, 0)))


def test_more_bits_and_more_pixels_change_little(rng: np.random.Generator) -> None:
    seen = written(tissue(rng))
    assert burnt_in_score(seen.astype(np.float32) * 16 - 1024) == pytest.approx(burnt_in_score(seen), abs=0.1)
    large = seen.repeat(4, axis=0).repeat(4, axis=1)
    assert burnt_in_score(large) >= SUSPECTED
    assert burnt_in_score(tissue(rng).repeat(4, axis=0).repeat(4, axis=1)) < SUSPECTED


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (40, 40, 3)])
def test_nothing_to_see_is_zero(shape: tuple[int, ...]) -> None:
    assert burnt_in_score(np.zeros(shape, np.uint8)) == 0
    assert burnt_in_score(np.full(shape, np.nan, np.float32)) == 0


def test_the_tag_yes_settles_it_and_no_does_not() -> None:
    assert suspected(0.0, "YES ")
    assert not suspected(0.0, "NO")
    assert suspected(1.0, "NO")
    assert not suspected(0.0)


def test_cairo_against_poland(shared_data: Path) -> None:
    folders = [shared_data / name / "images" for name in ("breast_poland", "breast_cairo")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("the breast images are not here")
    scores = [
        [burnt_in_score(np.asarray(Image.open(path))) for path in sorted(folder.iterdir())[::3]]
        for folder in folders
    ]
    y = np.repeat([0, 1], [len(group) for group in scores])
    assert auroc(y, np.concatenate(scores)) > 0.75
    assert np.mean(np.array(scores[0]) >= SUSPECTED) <= 0.02
    assert np.mean(np.array(scores[1]) >= SUSPECTED) > 0.4
