"""Simulated images: the lesion is where the mask says, and can be found there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from medxmodal.cohort.demo import DemoDesign, DemoPaths, draw_truth, load_truth, write_demo
from medxmodal.cohort.simulate.draw import draw_patient
from medxmodal.cohort.simulate.lesion import draw_lesion
from medxmodal.cohort.simulate.picture import render
from medxmodal.statistics.metrics import auroc

DESIGN = DemoDesign()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoPaths:
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def truth(demo: DemoPaths) -> pd.DataFrame:
    return load_truth(demo.truth)


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    return draw_truth(patients=3000, seed=1)


def pixels_of(demo: DemoPaths, study: str) -> np.ndarray:
    return np.asarray(Image.open(demo.data / "images" / f"{study}.png"))


def mask_of(demo: DemoPaths, study: str) -> np.ndarray:
    return np.asarray(Image.open(demo.truth / "masks" / f"{study}.png")) > 0


def test_lesions_cover_two_to_ten_percent(demo, truth):
    shown = truth[truth["present.image"]]
    for _, row in shown.iterrows():
        mask = mask_of(demo, row["study_id"])
        assert mask.shape == pixels_of(demo, row["study_id"]).shape == (96, 96)
        assert mask.mean() == pytest.approx(row["lesion_area_share"])
        assert mask.any() == row["lesion_present"]
    share = shown.loc[shown["lesion_present"], "lesion_area_share"]
    assert 0.02 <= share.min() < 0.035
    assert 0.07 < share.max() <= 0.10


def test_lesions_are_as_frequent_as_designed(many):
    shown = many[many["present.image"]]
    rate = shown["lesion_present"].astype(float).groupby(shown["label"]).mean()
    assert rate.to_dict() == pytest.approx({0: 0.15, 1: 0.89}, abs=0.03)
    for what in ("lesion_area_share", "lesion_contrast", "lesion_x", "lesion_y"):
        marked = shown[shown["finding"] == "marked"]
        assert marked[what].std() > 0
        assert auroc(marked["label"], marked[what]) == pytest.approx(0.5, abs=0.09), what


def test_a_drawn_lesion_has_the_area_asked_for(rng):
    for _ in range(50):
        lesion = draw_lesion(rng, (0.02, 0.1), (0.5, 0.9))
        mask = lesion.mask(256)
        assert mask.mean() == pytest.approx(lesion.area, rel=0.02)
        assert not np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any()
        np.testing.assert_array_equal(lesion.profile(256) >= 0.5, mask)


def test_the_mask_is_where_the_lesion_darkens_the_image():
    """The same picture without its lesion differs inside the mask, and nowhere far from it."""
    site, seen = DESIGN.sites[0], 0
    for index in range(40):
        picture = draw_patient(6, index, DESIGN).picture
        if picture.lesion is None:
            continue
        with_it, without = render(picture, site, 96), render(replace(picture, lesion=None), site, 96)
        change = without.astype(int) - with_it
        inside, outside = picture.lesion.mask(96), picture.lesion.profile(96) < 1e-4
        assert np.abs(change[outside]).max() <= 1
        assert (change >= 0).all()
        assert change[inside].mean() > 15
        assert change[inside].sum() > 0.7 * change.sum()
        seen += 1
    assert seen > 10


def test_healthy_and_diseased_have_the_same_distractors(many):
    shown = many[many["present.image"]]
    count = shown["distractors"].str.count("&") + 1
    assert (count.min(), count.max()) == DESIGN.distractors
    for kind in ("line", "dots", "vessel", "shadow"):
        rate = shown["distractors"].str.contains(kind).groupby(shown["label"]).mean()
        assert rate.min() > 0.4
        assert abs(rate[0] - rate[1]) < 0.05


def test_distractors_are_visible_in_healthy_images():
    site = DESIGN.sites[0]
    for index in range(15):
        picture = replace(draw_patient(7, index, DESIGN).picture, lesion=None)
        plain = render(replace(picture, distractors=()), site, 96).astype(int)
        assert np.abs(render(picture, site, 96) - plain).max() > 25


def test_hospitals_differ_in_intensity(demo, truth):
    shown = truth[truth["present.image"]]
    mean = shown["study_id"].map(lambda study: pixels_of(demo, study).mean()).groupby(shown["site"]).mean()
    assert mean["harbour"] > mean["north"] + 15 > mean["hill"] + 30


def test_lesions_can_be_found_but_not_by_brightness(demo, truth):
    """A dark blob of a lesion's size, against the image's own contrast: no training at all."""
    shown = truth[truth["present.image"]]
    blobs, means = [], []
    for study in shown["study_id"]:
        image = Image.open(demo.data / "images" / f"{study}.png")
        fine, coarse = (
            np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=float) for radius in (3.5, 12)
        )
        inner = (coarse - fine)[14:-6, 6:-6]
        blobs.append(inner.max() / np.asarray(image).std())
        means.append(-np.asarray(image).mean())
    present = shown["lesion_present"].astype(int)
    assert auroc(present, blobs) > 0.85
    assert auroc(present, means) < 0.65
