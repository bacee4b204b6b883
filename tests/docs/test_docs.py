"""What the documents show is true: commands parse, YAML is valid, Python compiles, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from medxmodal.cli.commands import app
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")),
         *sorted((ROOT / "reports").glob("*.md"))]  # fmt: skip
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
ids = [str(path.relative_to(ROOT)) for path in PAGES]


def blocks(path: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(path.read_text(encoding="utf-8")) if found == language]


def commands(path: Path) -> list[list[str]]:
    lines = [line for language in ("", "sh") for text in blocks(path, language) for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("medxmodal ")]


def test_there_is_something_to_check() -> None:
    assert sum(len(commands(path)) for path in PAGES) >= 15
    assert sum(len(blocks(path, "yaml")) for path in PAGES) >= 3


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_links_lead_to_files(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_commands_parse(path: Path) -> None:
    group = typer.main.get_command(app)
    known = group.commands  # type: ignore[attr-defined]
    for _, name, *words in commands(path):
        known[name].make_context(name, list(words))


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_yaml_blocks_are_specs_or_recipes(path: Path) -> None:
    for text in blocks(path, "yaml"):
        tree = yaml.safe_load(text)
        if "table" in tree:
            CohortSpec.model_validate(tree)
        else:
            Recipe.parse(tree)


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_python_blocks_compile(path: Path) -> None:
    for text in blocks(path, "python"):
        compile(text, str(path), "exec")
