"""Images: settings, the way to tokens, frozen encoders, and the panel."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from medxmodal.cohort.study import FileReference, Study
from medxmodal.errors import InputError, RecipeError
from medxmodal.modalities import Shown
from medxmodal.modalities.encoders import ENCODERS, choose, peak_tokens, pooled_tokens
from medxmodal.modalities.image import GRID, Image
from medxmodal.modalities.pixels import crop_to_mask, jitter, to_square, unit_range
from medxmodal.modalities.weights import EFFICIENTNET_LITE1
from medxmodal.records import HeatmapPanel

DIM = 8


class Root:
    """Files of one folder by relative path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, locator: str, sha256: str, size: int) -> Path:
        return self.folder / locator


def reference(folder: Path, name: str, pixels: np.ndarray) -> FileReference:
    Picture.fromarray(pixels).save(folder / name)
    content = (folder / name).read_bytes()
    return FileReference(name, hashlib.sha256(content).hexdigest(), len(content), "image 1", Root(folder))


def study(folder: Path, seed: int = 0, *, mask: bool = False) -> Study:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 50), dtype=np.uint8)
    fields: dict[str, FileReference] = {"file": reference(folder, f"{seed}.png", pixels)}
    if mask:
        drawn = np.zeros((40, 50), np.uint8)
        drawn[10:20, 10:30] = 255
        fields["mask"] = reference(folder, f"{seed}-mask.png", drawn)
    return Study(f"s{seed}", f"p{seed}", "a", {"scan": fields}, {"ill": seed % 2})


def built(**settings: object) -> Image:
    modality = Image(**settings)  # type: ignore[arg-type]
    modality.attach("scan", None, DIM)
    modality.build({"size": modality.size})
    return modality.eval()  # type: ignore[return-value]


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": "vit"},
        {"train": "frozen"},
        {"train": "half"},
        {"weights": "internet"},
        {"weights": "package"},
        {"roi": "guess"},
        {"size": 8},
        {"size": 10_000},
    ],
)
def test_wrong_settings_are_refused_with_what_to_use(settings: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="Use"):
        Image(**settings)  # type: ignore[arg-type]


def test_the_small_encoder_keeps_cells_for_a_map() -> None:
    modality = built(size=64)
    found = modality.visual(torch.rand(1, 1, 64, 64))
    assert min(found.shape[2:]) >= 14


def test_a_small_bright_spot_reaches_its_own_region_and_the_whole() -> None:
    cells = torch.zeros(1, 3, 16, 16)
    cells[0, 1, 5, 14] = 7.0
    peaks, means = peak_tokens(cells, GRID), pooled_tokens(cells, GRID)
    region = 1 + (5 // 4) * GRID + 14 // 4
    assert (peaks[0, :, 1] > 0).nonzero().squeeze(1).tolist() == [0, region]
    assert peaks[0, 0, 1] == peaks[0, region, 1] == 7.0
    assert means[0, region, 1] == pytest.approx(7 / 16)
    assert means.shape == peaks.shape == (1, 1 + GRID * GRID, 3)


def test_brightness_of_the_scanner_changes_little() -> None:
    """Every image is standardised by itself, so gain and offset hardly move the tokens."""
    modality = built(size=32)
    x = torch.rand(1, 1, 32, 32) * 0.5
    torch.testing.assert_close(
        modality.encode(x, None), modality.encode(x * 1.5 + 0.2, None), atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "efficientnet_lite1"])
def test_no_encoder_mixes_studies_in_training_mode(name: str) -> None:
    encoder = choose(name).make(1).train()
    x = torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x)[:1], encoder(x[:1]), atol=1e-4, rtol=1e-3)


def test_read_gives_pixels_in_one_scale_and_crops_to_the_mask(tmp_path: Path) -> None:
    one = study(tmp_path, mask=True)
    whole, cropped = built(size=32), built(size=32, roi="given")
    for modality in (whole, cropped):
        pixels = modality.read(one)
        assert pixels.shape == modality.sample_shape == (1, 32, 32)
        assert pixels.dtype == np.float32
        assert 0 <= pixels.min() <= pixels.max() <= 1
    assert not np.allclose(whole.read(one), cropped.read(one))
    assert cropped.content_key(one) != whole.content_key(one)


def test_a_study_without_the_mask_it_needs_is_a_readable_failure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"image 1.*no mask"):
        built(size=32, roi="given").read(study(tmp_path))


def test_of_several_images_the_latest_is_cropped_to_its_own_mask_only(tmp_path: Path) -> None:
    first, last = study(tmp_path, 0, mask=True), study(tmp_path, 1, mask=True)
    files, masks = ([s.inputs["scan"][field] for s in (first, last)] for field in ("file", "mask"))
    cropped = built(size=32, roi="given")

    def both(*masks: object) -> Study:
        fields = {"file": tuple(files), "mask": masks}
        return Study("s", "p", "a", {"scan": fields}, {})  # type: ignore[dict-item]

    np.testing.assert_array_equal(cropped.read(both(*masks)), cropped.read(last))
    assert cropped.content_key(both(*masks)) == cropped.content_key(last)
    with pytest.raises(InputError, match="no mask"):
        cropped.read(both(masks[0], None))


def test_pixels_of_any_type_come_in_one_scale() -> None:
    assert unit_range(np.array([[0, 255]], np.uint8)).tolist() == [[0.0, 1.0]]
    assert unit_range(np.array([[0, 65535]], np.uint16)).max() == 1.0
    assert unit_range(np.array([[-1000.0, np.nan, 1000.0]])).tolist() == [[0.0, 0.0, 1.0]]
    assert np.isfinite(unit_range(np.full((2, 2), 3.0))).all()


def test_a_dead_pixel_does_not_take_the_contrast_of_an_image() -> None:
    pixels = np.tile(np.linspace(500, 1500, 64, dtype=np.float32), (64, 1))
    defect = pixels.copy()
    defect[0, 0], defect[9, 9] = 65535, 0
    inside = np.ones(pixels.shape, bool)
    inside[0, 0] = inside[9, 9] = False
    np.testing.assert_allclose(unit_range(defect)[inside], unit_range(pixels)[inside], atol=1e-6)
    assert (unit_range(defect).min(), unit_range(defect).max()) == (0.0, 1.0)
    spot = np.zeros((64, 64), np.float32)
    spot[3, 3] = 7
    assert unit_range(spot)[3, 3] == 1.0


def test_a_crop_keeps_a_margin_and_an_empty_mask_keeps_all() -> None:
    pixels, mask = np.ones((40, 50)), np.zeros((40, 50))
    assert crop_to_mask(pixels, mask).shape == (40, 50)
    mask[10:20, 10:30] = 1
    assert crop_to_mask(pixels, mask).shape == (10 + 2 * 2, 20 + 2 * 4)
    mask[0, 0] = 1
    assert crop_to_mask(pixels, mask).shape == (24, 36)


def test_squares_have_the_channels_asked_for() -> None:
    colour = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    assert to_square(colour, 16, 1).shape == (1, 16, 16)
    assert to_square(colour, 16, 3).shape == (3, 16, 16)
    gray = to_square(colour[..., 0], 16, 3)
    assert (gray[0] == gray[2]).all()


def test_training_changes_keep_the_mean_and_come_from_their_generator() -> None:
    x = torch.rand(4, 1, 32, 32)
    first = jitter(x, torch.Generator().manual_seed(1))
    assert torch.equal(first, jitter(x, torch.Generator().manual_seed(1)))
    assert not torch.equal(first, jitter(x, torch.Generator().manual_seed(2)))
    torch.testing.assert_close(first.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=1e-5, rtol=0)
    assert torch.equal(built(augment=False).augment(x, torch.Generator()), x)


def test_panel_shows_the_image_as_read_with_its_map(tmp_path: Path) -> None:
    modality, one = built(size=32), study(tmp_path)
    heat = np.linspace(-1, 1, 16 * 16, dtype=np.float32).reshape(16, 16)
    made = modality.panel(Shown(one, heat, "a method"))
    assert isinstance(made.panel, HeatmapPanel)
    assert (made.panel.rows, made.panel.columns) == (16, 16)
    assert made.arrays[made.panel.image].dtype == np.uint8
    np.testing.assert_array_equal(made.arrays[made.panel.heat or ""], heat)
    without = modality.panel(Shown(one, None, "a method")).panel
    assert isinstance(without, HeatmapPanel)
    assert without.heat is None


@pytest.mark.skipif(not EFFICIENTNET_LITE1.installed(), reason="needs the extra pretrained")
def test_a_frozen_encoder_is_shared_never_saved_and_never_learns(tmp_path: Path) -> None:
    settings = {"encoder": "efficientnet_lite1", "weights": "package", "train": "frozen", "size": 64}
    first = built(**settings)
    second = Image(**settings)  # type: ignore[arg-type]
    second.attach("scan", None, DIM)
    second.share(first)
    second.build({})
    assert second.visual is first.visual
    assert not [name for name in first.state_dict() if "network" in name or "visual" in name]
    assert not any(parameter.requires_grad for parameter in first.visual.parameters())
    assert first.frozen_key
    assert first.has_linear
    x = first.collate([first.read(study(tmp_path, seed)) for seed in (0, 1)])
    features = first.features(first.embed(x), x)
    assert features.shape[1:] == first.feature_shape
    assert first.encode(features, None).shape == (2, 1 + GRID * GRID, DIM)
    assert torch.equal(first.augment(x, torch.Generator()), x), "cached features cannot be of changed images"


def test_a_trained_encoder_has_no_key_to_cache_by() -> None:
    modality = built(size=32)
    assert not modality.frozen_key
    assert not modality.has_linear
    assert (modality.linear(torch.rand(2, 1, 32, 32), None) == 0).all()
    assert "random" in modality.weights_facts()["source"]
