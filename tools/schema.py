"""Writes `docs/cohort.schema.json`: what a cohort spec may hold, for editors that complete and check YAML.

Name it in the first line of a spec: `# yaml-language-server: $schema=<path>/cohort.schema.json`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from medxmodal.cohort.spec import base as spec_base
from medxmodal.cohort.spec import cohort_spec as specs
from medxmodal.cohort.spec import columns as spec_columns
from medxmodal.cohort.spec import modalities as spec_modalities
from medxmodal.cohort.spec import rules as spec_rules
from medxmodal.cohort.spec import tables as spec_tables

FILE = Path(__file__).resolve().parents[1] / "docs" / "cohort.schema.json"
MODULES = (spec_base, spec_columns, spec_modalities, spec_rules, spec_tables, specs)
_ARGUMENT = re.compile(r"^ {8}(\w+): (.*)$")


def main() -> int:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")
    return 0


def text() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The schema of `CohortSpec`, with the words of its docstrings and all that its validators accept."""
    tree = specs.CohortSpec.model_json_schema(by_alias=True)
    models = {name: found for module in MODULES for name, found in vars(module).items() if _is_section(found)}
    for name, part in [("CohortSpec", tree), *tree["$defs"].items()]:
        if name in models:
            _describe(part, models[name])
    _tolerate(tree)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "medxmodal cohort spec",
        **{key: value for key, value in tree.items() if key not in {"title", "$id", "$schema"}},
    }


def _is_section(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


def _describe(part: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the summary and the `Args:` of a class, and of those it derives from, into its schema."""
    part["description"] = " ".join((model.__doc__ or "").strip().split("\n\n")[0].split())
    told: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel):
            told |= arguments(base.__dict__.get("__doc__") or "")
    for name, field in model.model_fields.items():
        known = part.get("properties", {}).get(field.alias or name)
        if known is not None and name in told:
            known["description"] = told[name]


def arguments(docstring: str) -> dict[str, str]:
    """The `Args:` of a Google docstring, each in one line."""
    found: dict[str, str] = {}
    inside, current = False, ""
    for line in docstring.splitlines():
        if line.strip() == "Args:":
            inside = True
            continue
        if not inside:
            continue
        match = _ARGUMENT.match(line)
        if match:
            current = match[1]
            found[current] = match[2].strip()
        elif current and line.startswith(" " * 12):
            found[current] += f" {line.strip()}"
        elif line.strip():
            break
    return found


def _tolerate(tree: Any) -> None:  # noqa: ANN401 - any part of a JSON tree
    """Say what validators accept besides: a number for a text, one value for a list, a column for a time."""
    if isinstance(tree, list):
        for part in tree:
            _tolerate(part)
        return
    if not isinstance(tree, dict):
        return
    for part in tree.values():
        _tolerate(part)
    if tree.get("type") == "array" and tree.get("items", {}).get("minLength") and "minItems" in tree:
        one = tree["items"]
        tree["anyOf"] = [{"type": "array", "items": one, "minItems": tree.pop("minItems")}, dict(one)]
        del tree["type"], tree["items"]
    free = tree.get("type") == "string" and not {"enum", "const", "pattern"} & set(tree)
    if free and ("minLength" in tree or "default" not in tree):  # a text, and none of the titles
        tree["type"] = ["string", "number"]
    if tree.get("$ref") == "#/$defs/Time":
        del tree["$ref"]
        tree["anyOf"] = [
            {"$ref": "#/$defs/Time"},
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        ]
    if "patternProperties" in tree:
        tree["additionalProperties"] = False
    patient = tree.get("properties", {}).get("patient")
    if patient is not None:  # there is a default for all kinds of tables but a file
        tree["required"] = [name for name in tree.get("required", []) if name != "patient"]


if __name__ == "__main__":
    sys.exit(main())
