"""The recipe: how to train, adapt, score and explain, as one strict YAML of at most 60 lines.

Modality and fusion settings are the constructor arguments of the registered class, so a new
modality brings its own settings without a change here.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from medxmodal.errors import RecipeError
from medxmodal.shipped import shipped, shipped_names

SMALL_COHORT = 500
"""Fewer studies than this take the preset `small` (design: small cohorts are the normal case)."""


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(Section):
    """What is predicted. `positive` names the label's positive class, for readers."""

    name: str
    kind: str = "binary"
    positive: str = ""


class Missing(Section):
    """Modality dropout in training, and whether the model sees which table values are missing."""

    dropout: dict[str, float] = {}
    presence: Literal["visible", "hidden"] = "visible"

    @field_validator("dropout")
    @classmethod
    def _rates(cls, value: dict[str, float]) -> dict[str, float]:
        for name, rate in value.items():
            if not 0 <= rate < 1:
                raise ValueError(f"the dropout rate of '{name}' must be at least 0 and below 1, not {rate}")
        return value


class Validation(Section):
    """How out-of-fold predictions are made; the split is always by patient."""

    scheme: Literal["kfold", "site"] = "kfold"
    folds: int = Field(5, ge=2)
    repeats: int = Field(1, ge=1)
    group: Literal["patient"] = "patient"
    stratify: Literal["label", "none"] = "label"


class Decision(Section):
    """The rule of the decision threshold, applied to out-of-fold probabilities."""

    rule: Literal["sensitivity", "specificity", "youden", "net_benefit", "fixed"] = "sensitivity"
    at: float | None = None

    @model_validator(mode="after")
    def _at(self) -> Self:
        if self.rule != "youden" and (self.at is None or not 0 < self.at < 1):
            raise ValueError(f"decision rule '{self.rule}' needs `at`, a number between 0 and 1")
        return self


class Explain(Section):
    """Attribution method per modality; absent entries take the modality's own default."""

    methods: dict[str, str] = {}
    note_text: bool = False
    steps: int = Field(32, ge=4)


class Training(Section):
    """The optimiser's settings; None means the preset's own value."""

    epochs: int | None = Field(None, ge=0)
    batch_size: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    patience: int = Field(10, ge=1)
    inner_validation: float = Field(0.2, gt=0, lt=0.5)
    auxiliary: float = Field(1.0, ge=0)
    interval_draws: int = Field(1000, ge=50)
    precision: Literal["auto", "32", "bf16-mixed", "16-mixed"] = "auto"
    workers: int = Field(0, ge=0)


class Recipe(Section):
    """A whole recipe.

    Raises:
        RecipeError: From `read` and `parse`, naming key, line, what was expected and what came.
    """

    task: Task
    modalities: dict[str, dict[str, Any]] = Field(min_length=1)
    fusion: dict[str, Any] = {"name": "additive"}
    preset: Literal["auto", "small", "standard", "large"] = "auto"
    missing: Missing = Missing()
    validation: Validation = Validation()
    decision: Decision = Decision(rule="youden")
    explain: Explain = Explain()
    training: Training = Training()
    reference: bool = True
    seed: int = Field(20261124, ge=0)

    @field_validator("explain", mode="before")
    @classmethod
    def _short_explain(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        own = {key: value[key] for key in value if key in Explain.model_fields}
        methods = {key: value[key] for key in value if key not in Explain.model_fields}
        return own | {"methods": methods | own.get("methods", {})}

    @field_validator("fusion", mode="before")
    @classmethod
    def _short_fusion(cls, value: object) -> object:
        value = {"name": value} if isinstance(value, str) else value
        if isinstance(value, dict) and not isinstance(value.get("name"), str):
            raise ValueError("a fusion needs its `name`, for instance {name: additive}")
        return value

    @field_validator("modalities")
    @classmethod
    def _no_kind(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, settings in value.items():
            if "name" in settings:
                raise ValueError(
                    f"'{name}' has the setting `name`; its kind is the cohort's, so leave it out"
                )
        return value

    @model_validator(mode="after")
    def _known_modalities(self) -> Self:
        for section, named in (
            ("missing.dropout", self.missing.dropout),
            ("explain", self.explain.methods),
        ):
            for name in named:
                if name not in self.modalities:
                    raise ValueError(f"{section} names '{name}', which is no modality of this recipe")
        return self

    @classmethod
    def read(cls, path_or_name: str | Path, settings: list[str] | tuple[str, ...] = ()) -> Recipe:
        """Read a recipe by path or by shipped name, with `key=value` settings laid over it."""
        path = _find(path_or_name)
        try:
            text = path.read_text(encoding="utf-8-sig")
            _refuse_doubled(yaml.compose(text, Loader=yaml.SafeLoader), path.name)
            tree = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" line {mark.line + 1}" if mark else ""
            raise RecipeError(
                f"{path.name}{where} is not valid YAML: {getattr(error, 'problem', error)}"
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise RecipeError(f"cannot read the recipe {path}: {type(error).__name__}") from error
        if not isinstance(tree, dict):
            raise RecipeError(f"{path.name} holds no mapping", hint="Start from one in pipelines/.")
        return cls.parse(overlay(tree, settings), source=path.name, text=text)

    @classmethod
    def parse(cls, tree: dict[str, Any], *, source: str = "recipe", text: str = "") -> Recipe:
        """Check a recipe given as a mapping."""
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise RecipeError(*_readable(error, source, text)) from error

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; `parse` of it gives an equal recipe."""
        return self.model_dump(mode="json")


def _find(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise RecipeError(
                f"there is no recipe file {path}",
                hint="Check the path, or use a shipped name.",
            )
        return path
    found = shipped("pipelines", str(path_or_name))
    if found is None:
        known = shipped_names("pipelines")
        close = difflib.get_close_matches(str(path_or_name), known, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"Use a YAML path or one of: {', '.join(known)}."
        raise RecipeError(f"unknown recipe '{path_or_name}'", hint=hint)
    return found


def overlay(tree: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """A recipe's tree with `key.subkey=value` settings laid over it.

    Raises:
        RecipeError: A setting has another form, or goes below a value.
    """
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign or not key:
            raise RecipeError(f"'{setting}' is no setting", hint="Write --set key.subkey=value.")
        node = tree
        *parents, last = key.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise RecipeError(f"--set {key}: '{parent}' holds a value, not keys")
        try:
            node[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {key}: '{value}' is not valid YAML", hint="Quote the value.") from error
    return tree


def _refuse_doubled(node: yaml.Node | None, source: str) -> None:
    """Refuse a key that is there twice: YAML would drop the first one silently."""
    pending, seen = [node], set[int]()
    while pending:
        current = pending.pop()
        if id(current) in seen or not isinstance(current, yaml.MappingNode | yaml.SequenceNode):
            continue
        seen.add(id(current))
        if isinstance(current, yaml.SequenceNode):
            pending += current.value
            continue
        keys: set[str] = set()
        for key, value in current.value:
            if str(key.value) in keys:
                raise RecipeError(
                    f"{source} line {key.start_mark.line + 1}: key '{key.value}' is there twice"
                )
            keys.add(str(key.value))
            pending.append(value)


def _line(text: str, path: list[str]) -> int | None:
    """The line on which the user wrote a key, or the nearest key above it that is there."""
    node, line = yaml.compose(text, Loader=yaml.SafeLoader) if text else None, None
    for part in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if str(key.value) == part), None)
        if found is None:
            break
        node, line = found[1], found[0].start_mark.line + 1
    return line


def _readable(error: ValidationError, source: str, text: str) -> tuple[str]:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = path[-1] if path else ""
    line = _line(text, path)
    where = f"{source}{f' line {line}' if line else ''}: {'.'.join(path) or 'recipe'}"
    if first["type"] == "extra_forbidden":
        known = _keys_at(path[:-1])
        close = difflib.get_close_matches(key, known, n=1)
        meant = f"Did you mean '{close[0]}'?" if close else f"Known keys: {', '.join(known)}."
        return (f"{where}: unknown key. {meant}",)
    if first["type"] == "missing":
        return (f"{where}: this key is required.",)
    shown = "" if isinstance(first["input"], dict | list) else f" (got {first['input']!r})"
    return (f"{where}: {first['msg'].removeprefix('Value error, ')}{shown}.",)


def _keys_at(path: list[str]) -> list[str]:
    model: type[BaseModel] = Recipe
    for part in path:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
