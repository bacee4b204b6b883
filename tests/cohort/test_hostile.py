"""Whatever stands in a table: every record ends as a study, excluded or failed, and loads as it was built."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medxmodal.cohort import Cohort, CohortSpec
from medxmodal.errors import MedxmodalError

COLUMNS = ("pid", "dx", "site", "when", "image", "CRP", "unit", "signs", "note")
USUAL = {
    "pid": ["a", "b", "c", "a-2", "row-3"],
    "dx": ["ill", "well", "ill", "well", "normal"],
    "site": ["north", "south"],
    "when": ["2021-03-01", "2020-02-29T23:59:59.999999", "9999-12-31"],
    "image": ["good.png", "cut.png", "lost.png", "../good.png"],
    "CRP": ["1.5", "0", "-0", "1e308", "1e-320", "inf", "n/a"],
    "unit": ["mg/L", "mg/dL", "spoons"],
    "signs": ["pain", "pain&fever", "&", " & pain", "fever&&fever"],
    "note": ["short note", "\N{SNOWMAN} <b>", '"quoted", and more'],
}
TREE: dict[str, Any] = {
    "name": "hostile",
    "table": {"file": "t.csv", "patient": "pid"},
    "index_time": {"column": "when"},
    "exclude": [{"where": "dx == 'normal' or CRP > 1000", "reason": "no lesion"}],
    "label": {"name": "illness", "column": "dx", "positive": "ill", "negative": "well"},
    "site": {"column": "site"},
    "modalities": {
        "image": {"kind": "image", "file": "{image}", "mask": "masks/{image}"},
        "tabular": {
            "kind": "tabular",
            "columns": {
                "CRP": {"type": "number", "unit": "mg/L", "unit_column": "unit", "missing": ["n/a"]},
                "signs": {"type": "category", "many": "&"},
            },
        },
        "text": {"kind": "text", "column": "note"},
    },
}


def cell(column: str) -> st.SearchStrategy[str]:
    odd = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
    return st.one_of(st.sampled_from(USUAL[column]), st.sampled_from([*USUAL[column], ""]), odd)


rows = st.lists(st.tuples(*map(cell, COLUMNS)), min_size=1, max_size=6)


@pytest.mark.parametrize("ids", ["keep", "keyed"])
@given(table=rows)
@settings(max_examples=50)
def test_any_table_builds_whole_or_is_one_readable_error(ids: str, table: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = folder / "data"
        data.mkdir()
        Image.new("L", (6, 6), 90).save(data / "good.png")
        (data / "cut.png").write_bytes((data / "good.png").read_bytes()[:50])
        with (data / "t.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *table])
        keys = {"keys": folder / "keys"} if ids == "keyed" else {}
        try:
            cohort = Cohort.from_spec(CohortSpec.parse(TREE | {"ids": ids}), data, **keys)
        except MedxmodalError as error:
            said = str(error)
        else:
            said = ""
        assert said.isprintable()
        if said:
            return
        flow = cohort.flow
        assert flow.found == len(cohort) + flow.excluded + len(cohort.failed)
        again = Cohort.load(cohort.save(folder / "c"))
        assert again.studies == cohort.studies
        assert again.failed == cohort.failed
        ids = [entry.study_id for entry in (*cohort, *cohort.failed)]
        assert len(set(ids)) == len(ids)
        assert again.describe() == cohort.describe()
        assert all(failed.reason and failed.reason.isprintable() for failed in cohort.failed)
        assert all(problem.reason.isprintable() for problem in cohort.quality.problems)
