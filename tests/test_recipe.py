"""Recipes: strict, read by name or path, laid over by settings, and readable when wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medxmodal.errors import RecipeError
from medxmodal.recipe import Recipe
from medxmodal.shipped import shipped_names

TEXT = """task: {name: ill}
modalities:
  image: {encoder: small, size: 32}
  labs: {}
fusion: {name: additive}
missing:
  dropout: {image: 0.2}
decision: {rule: sensitivity, at: 0.9}
training:
  epochs: 4
"""


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", shipped_names("pipelines"))
def test_shipped_recipes_read_and_come_back_the_same(name: str) -> None:
    recipe = Recipe.read(name)
    assert Recipe.parse(recipe.as_dict()) == recipe
    assert recipe.modalities


def test_a_path_reads_with_defaults(written: Any) -> None:
    recipe = Recipe.read(written(TEXT))
    assert (recipe.preset, recipe.validation.folds, recipe.training.patience) == ("auto", 5, 10)
    assert Recipe.parse({"task": {"name": "ill"}, "modalities": {"labs": {}}}).decision.rule == "youden"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "  epochs: 4",
            "  epoch: 4",
            "mine.yaml line 10: training.epoch: unknown key. Did you mean 'epochs'",
        ),
        ("missing:", "mising:", "mine.yaml line 6: mising: unknown key. Did you mean 'missing'"),
        ("fusion:", "zzz:", "line 5: zzz: unknown key. Known keys: task, modalities"),
        ("epochs: 4", "epochs: many", r"line 10: training.epochs: .*integer.* \(got 'many'\)"),
        ("epochs: 4", "epochs: -1", r"line 10: training.epochs: .*greater than or equal to 0 \(got -1\)"),
        (", at: 0.9", "", "line 8: decision: decision rule 'sensitivity' needs `at`"),
        ("at: 0.9", "at: 95", "needs `at`, a number between 0 and 1"),
        ("rule: sensitivity", "rule: best", r"line 8: decision.rule: .*'youden'.* \(got 'best'\)"),
        ("image: 0.2}", "image: 1.5}", "dropout rate of 'image' must be at least 0 and below 1, not 1.5"),
        ("{image: 0.2}", "{ecg: 0.2}", "missing.dropout names 'ecg', which is no modality of this recipe"),
        ("  labs: {}", "  labs:", "line 4: modalities.labs: .*dictionary"),
        ("  labs: {}", "  labs: {name: text}", "line 2: modalities: 'labs' has the setting `name`"),
        ("{name: additive}", "{}", "line 5: fusion: a fusion needs its `name`"),
        ("task: {name: ill}", "seed: 1", "task: this key is required"),
        ("fusion:", "task:", "line 5: key 'task' is there twice"),
        ("size: 32", "size: 32, size: 64", "line 3: key 'size' is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(written: Any, old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(RecipeError, match=words) as caught:
        Recipe.read(written(TEXT.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


def test_the_line_is_the_key_s_own_and_not_the_first_that_looks_alike(written: Any) -> None:
    text = TEXT.replace("size: 32", "resize: 3, image: 2") + "explain: {image: grad_cam, image_: x}\n"
    with pytest.raises(RecipeError, match="explain names 'image_'"):
        Recipe.read(written(text))
    with pytest.raises(RecipeError, match=r"line 11: training\.workers"):
        Recipe.read(written(TEXT + "  workers: -3  # the key 'workers:' is here\n"))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: [1", "a: b: c", "\t: x", "a: 0x\x00"])
def test_what_is_no_recipe_is_one_readable_line(written: Any, text: str) -> None:
    with pytest.raises(RecipeError, match=r"mine\.yaml") as caught:
        Recipe.read(written(text))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00\x81task")
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        Recipe.read(path)


def test_missing_files_and_wrong_names(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no recipe file .*gone\.yaml"):
        Recipe.read(tmp_path / "gone.yaml")
    with pytest.raises(RecipeError, match=r"unknown recipe 'breast_fuse'.*Did you mean 'breast_fused'"):
        Recipe.read("breast_fuse")
    with pytest.raises(RecipeError, match=r"Use a YAML path or one of: .*demo"):
        Recipe.read("../pipelines/demo")


def test_settings_lie_over_the_file(written: Any) -> None:
    path = written(TEXT)
    recipe = Recipe.read(
        path,
        [
            "training.epochs=9",
            "validation.folds=3",
            "fusion={name: late}",
            "modalities.image.size=64",
            "seed=5",
        ],
    )
    assert (recipe.training.epochs, recipe.validation.folds, recipe.seed) == (9, 3, 5)
    assert recipe.fusion == {"name": "late"}
    assert recipe.modalities["image"] == {"encoder": "small", "size": 64}
    assert Recipe.read(path, ["fusion=late"]).fusion == {"name": "late"}
    assert Recipe.read(path).training.epochs == 4


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seed", "'seed' is no setting. Write --set key.subkey=value"),
        ("=3", "'=3' is no setting"),
        ("training.epochs.more=3", "--set training.epochs.more: 'epochs' holds a value, not keys"),
        ("training.epoks=3", "training.epoks: unknown key. Did you mean 'epochs'"),
        ("training.epochs=lots", "training.epochs: .*integer"),
        ("fusion={name: late", "--set fusion: '{name: late' is not valid YAML"),
    ],
)
def test_a_wrong_setting_is_said(written: Any, setting: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        Recipe.read(written(TEXT), [setting])


def test_explain_takes_methods_beside_its_own_keys() -> None:
    tree = {"task": {"name": "ill"}, "modalities": {"image": {}, "labs": {}}}
    explain = Recipe.parse(tree | {"explain": {"image": "grad_cam", "steps": 8}}).explain
    assert (explain.methods, explain.steps) == ({"image": "grad_cam"}, 8)
    with pytest.raises(RecipeError, match="explain names 'imag'"):
        Recipe.parse(tree | {"explain": {"imag": "grad_cam"}})


def test_no_modality_is_no_recipe() -> None:
    with pytest.raises(RecipeError, match=r"modalities: .*at least 1"):
        Recipe.parse({"task": {"name": "ill"}, "modalities": {}})
