"""Paths into resources: one walk for all columns gives what each path gives alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from medxmodal.cohort.sources.fhir.errors import BadResource
from medxmodal.cohort.sources.fhir.paths import Context, compile_path, parse_path
from medxmodal.cohort.sources.fhir.privacy import check_private
from medxmodal.cohort.sources.fhir.tree import Cells, compile_columns
from medxmodal.cohort.sources.fhir.types import R4_TYPES
from medxmodal.cohort.sources.fhir.views import _VIEWS, default_view

RESOURCE: dict[str, Any] = {
    "status": "final",
    "flag": True,
    "code": {
        "coding": [{"system": "a", "code": "1"}, {"system": "b", "code": "2", "display": "two"}],
        "text": "t",
    },
    "category": [{"coding": [{"code": "x"}]}, {"coding": [{"code": "y"}, {"code": "z"}]}, {}],
    "words": ["one", "two"],
    "period": {"start": "2020-02"},
    "encounter": {"reference": "Encounter/e7"},
}


def both(paths: list[str], resource: dict[str, Any]) -> Cells:
    """The cells of one walk, which must be those of each path alone."""
    context = Context()
    cells: Cells = [None] * len(paths)
    compile_columns(paths, context, 0)(resource, cells)
    assert cells == [compile_path(path, context)(resource) if path else None for path in paths]
    return cells


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", "final"),
        ("flag", "true"),
        ("code.coding[0].code", "1"),
        ("code.coding[1].display", "two"),
        ("code.coding[2].display", None),
        ("code.coding[*].code", "1|2"),
        ("code.coding[system=b].code", "2"),
        ("code.coding[system=c].code | code.text", "t"),
        ("code.coding[0].display | code.text | status", "t"),
        ("category[*].coding[*].code", "x|y|z"),
        ("category[1].coding[0].code", "y"),
        ("words[*]", "one|two"),
        ("words[1]", "two"),
        ("period.start", "2020-02"),
        ("period.end", None),
        ("encounter.$reference", "e7"),
        ("absent.coding[0].code", None),
    ],
)
def test_known_values(path: str, value: str | None) -> None:
    assert both([path], RESOURCE) == [value]


def test_all_columns_in_one_walk() -> None:
    paths = ["code.coding[*].code", "code.coding[0].code", "code.text", "", "status", "period.start"]
    assert both(paths, RESOURCE) == ["1|2", "1", "t", None, "final", "2020-02"]


@pytest.mark.parametrize(
    "path", ["status.code", "code.coding.code", "category.coding[0].code", "words", "code[0].text", "period"]
)
def test_another_shape_is_bad_in_both_ways(path: str) -> None:
    with pytest.raises(BadResource, match=path.split(".")[0].split("[")[0]):
        compile_path(path, Context())(RESOURCE)
    with pytest.raises(BadResource):
        compile_columns([path], Context(), 0)(RESOURCE, [None])


@pytest.mark.parametrize("kind", sorted(_VIEWS))
def test_default_views_are_paths_without_identifiers(kind: str) -> None:
    assert kind in R4_TYPES
    for path in default_view(kind).columns.values():
        parse_path(path)
        check_private(kind, path)


def test_one_walk_over_real_resources(shared_data: Path) -> None:
    seen = 0
    for path in sorted((shared_data / "fhir_synthea").glob("*.json.gz"))[:3]:
        with gzip.open(path) as stream:
            entries = json.load(stream)["entry"]
        for entry in entries:
            resource = entry["resource"]
            if resource["resourceType"] in _VIEWS:
                cells = both(list(default_view(resource["resourceType"]).columns.values()), resource)
                seen += any(cells)
    assert seen > 300
