"""The published JSON Schema: current, in the words of the docstrings, and as strict as the spec itself."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from medxmodal.cohort import CohortSpec
from medxmodal.errors import SpecError

jsonschema: Any = pytest.importorskip("jsonschema")  # notebooks bring it

ROOT = Path(__file__).resolve().parents[2]
COHORTS = sorted((ROOT / "cohorts").glob("*.yaml"))
MINIMAL: dict[str, Any] = {
    "name": "a",
    "table": {"file": "t.csv", "patient": "id"},
    "site": {"value": "here"},
    "modalities": {"text": {"kind": "text", "column": "note"}},
}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_schema", ROOT / "tools" / "schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def validator(tool: ModuleType) -> Any:
    tree = json.loads(tool.FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(tree)
    return jsonschema.Draft202012Validator(tree)


def test_the_published_schema_is_current(tool: ModuleType) -> None:
    assert tool.FILE.read_text(encoding="utf-8") == tool.text(), "run: python tools/schema.py"


@pytest.mark.parametrize("path", COHORTS, ids=lambda path: path.stem)
def test_every_shipped_spec_fits(path: Path, validator: Any) -> None:
    errors = [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text("utf-8")))]
    assert errors == []


@pytest.mark.parametrize(
    "change",
    [
        {"tabel": {}},
        {"table": {"file": "t.csv", "patient": "id", "sheets": 1}},
        {"site": {"value": "here", "colum": "x"}},
        {"modalities": {"text": {"kind": "text", "column": "note", "hides": ["x"]}}},
        {"modalities": {"text": {"kind": "poem", "column": "note"}}},
        {"modalities": {}},
        {"tables": {"a b": {"file": "t.csv", "key": "id"}}},
        {"ids": "open"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_spec_refuses_the_schema_refuses(change: dict[str, Any], validator: Any) -> None:
    assert validator.is_valid(MINIMAL)
    CohortSpec.parse(MINIMAL)
    assert not validator.is_valid(MINIMAL | change)
    with pytest.raises(SpecError):
        CohortSpec.parse(MINIMAL | change)


def test_what_validators_tolerate_is_no_error_in_an_editor(
    validator: Any,
) -> None:
    label = {"name": "ill", "column": "dx", "positive": 1, "negative": 0}
    tables = {name: {"file": "v.csv", "key": "id", "time": time} for name, time in (
        ("one", "at"), ("two", ["at", "entered"]), ("three", {"column": "offset", "unit": "min"}),
    )}  # fmt: skip
    tree = MINIMAL | {"label": label, "tables": tables, "table": {"fhir": "Patient"}}
    CohortSpec.parse(tree)
    assert validator.is_valid(tree)


def test_keys_are_explained_in_the_words_of_the_docstrings(tool: ModuleType) -> None:
    tree = tool.schema()
    assert "$id" not in tree
    table = tree["$defs"]["TableSpec"]["properties"]
    assert table["patient"]["description"].startswith("Column of the patient id")
    assert table["file"]["description"].startswith("CSV, TSV")  # of the class it derives from
    assert tree["$defs"]["Window"]["properties"]["from"]["description"].startswith("Begin")  # by its alias
    assert not any("Args:" in part.get("description", "") for part in tree["$defs"].values())


def test_arguments_of_a_docstring(tool: ModuleType) -> None:
    lines = ["Sum.", "", "    Args:", "        one: First", "            number.", "        two: Second.", ""]
    lines += ["    Raises:", "        ValueError: Never."]
    assert tool.arguments("\n".join(lines)) == {"one": "First number.", "two": "Second."}
