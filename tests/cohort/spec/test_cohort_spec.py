"""Specs: strict, and every error says file, line, key, what was expected and what is closest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medxmodal.cohort import CohortSpec
from medxmodal.cohort.spec.cohort_spec import CategoryColumn, ImageSpec, NumberColumn, TabularSpec
from medxmodal.errors import SpecError
from medxmodal.shipped import shipped_names

GOOD = """\
name: clinic
ids: keep
table: {file: records.csv, patient: pid}
label: {name: illness, column: dx, positive: 1, negative: 0}
site: {value: here}
modalities:
  image: {kind: image, file: "images/{image}"}
  tabular:
    kind: tabular
    columns:
      Age: {type: number, unit: a, range: [0, 120], missing: [-9, unknown]}
      Signs: {type: category, many: "&"}
leaks: [biopsy]
"""


def read(tmp_path: Path, text: str) -> CohortSpec:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return CohortSpec.read(path)


def test_a_good_spec(tmp_path: Path) -> None:
    spec = read(tmp_path, GOOD)
    assert spec.task == "illness"
    assert (spec.label.positive, spec.label.negative) == ("1", "0")
    assert isinstance(spec.modalities["image"], ImageSpec)
    tabular = spec.modalities["tabular"]
    assert isinstance(tabular, TabularSpec)
    assert isinstance(tabular.columns["Age"], NumberColumn)
    assert isinstance(tabular.columns["Signs"], CategoryColumn)
    assert tabular.columns["Age"].missing == ["-9", "unknown"]
    assert CohortSpec.parse(spec.as_dict()) == spec
    assert CohortSpec.parse(spec.as_dict()).sha256 == spec.sha256


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("unit: a,", "unnit: a,", r"mine.yaml line 11: .*Age.unnit is an unknown key. Did you mean 'unit'"),
        ("leaks:", "leeks:", r"line 13: leeks is an unknown key. Did you mean 'leaks'"),
        ("patient: pid", "patients: pid", r"line 3: table.patient"),
        ("[0, 120]", "[120, 0]", r"line 11: .*columns.Age.range: the first number must be below"),
        ("[0, 120]", "[0, x]", r"line 11: .*range.*'x'"),
        ("type: number", "type: numbr", r"line 11: .*Age: `type` is 'numbr'; expected 'number', 'category'"),
        ("type: number,", "", r"line 11: modalities.tabular.columns.Age needs the key `type`"),
        ("kind: image", "kind: picture", r"line 7: modalities.image: `kind` is 'picture'"),
        ("images/{image}", "images/image", r"line 7: modalities.image.file: .*needs a column in braces"),
        ("{image}", "{image:upper}", r"line 7: .*the only form is"),
        ("ids: keep", "ids: maybe", r"line 2: ids: .*'keep' or 'keyed'.*'maybe'"),
        ("name: clinic", "name: My Clinic", r"line 1: name: .*pattern"),
        ("positive: 1", "positive: 0", r"line 4: label: positive and negative are both '0'"),
        ("positive: 1", "positive: yes", r"line 4: label.positive: .*in quotes"),
        ("site: {value: here}", "site: {}", r"line 5: site: give either"),
        ("site: {value: here}\n", "", r"mine.yaml: site is required and not there"),
        ("Signs:", "biopsy:", r"line 12: .*columns.biopsy: column 'biopsy' is listed in `leaks`"),
        ("Signs:", "dx:", r"line 12: .*column 'dx' is the label"),
        ("Signs:", "pid:", r"line 12: .*column 'pid' is the patient id"),
        ("leaks:", "exclude: [{where: 'Age >', reason: x}]\nleaks:", r"line 13: exclude.0.where: .*expects"),
        ("leaks:", "name: again\nleaks:", r"line 13: key 'name' is there twice"),
        ("leaks:", "exclude:\n- {where: a > 1, reason: r}\n- {from: x, where: a > 1, reason: r}\nleaks:",
         r"line 15: exclude.1.from: there is no table 'x'"),
        ("{value: here}", "here", r"line 5: site: expected keys with values \(got 'here'\)"),
        ("[0, 120]", "120", r"line 11: .*range: expected a list.*\(got 120\)"),
        ("[0, 120]", "[a, 120]", r"line 11: .*range.0: expected a number \(got 'a'\)"),
        ("[biopsy]", "biopsy", r"line 13: leaks: expected a list.*\(got 'biopsy'\)"),
        ("[biopsy]", "['']", r"line 13: leaks.0: must not be empty"),
        ("ids: keep", f"ids: {'keep' * 100}", r"line 2: ids: .*\(got '(keep)+kee\.\.\.\)$"),
        ("leaks:", "  bad\nleaks:", r"mine.yaml line 13 is not valid YAML"),
        ("ids: keep", "ids: [", r"is not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(SpecError, match=f"(?i){words}") as error:
        read(tmp_path, GOOD.replace(old, new))
    assert "\n" not in str(error.value)
    assert "pydantic" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[1]", "hello", "a: &x [1]\nb: *x\nc: !!python/object:os.system {}"])
def test_what_is_no_spec(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError):
        read(tmp_path, text)


def test_aliases_cannot_blow_up(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    with pytest.raises(SpecError, match="expands to more than"):
        read(tmp_path, bomb)


def test_files_and_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no spec file"):
        CohortSpec.read(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="Did you mean 'breast_poland'"):
        CohortSpec.read("breast_polnd")
    (tmp_path / "latin.yaml").write_bytes("name: café".encode("latin-1"))
    with pytest.raises(SpecError, match="not UTF-8"):
        CohortSpec.read(tmp_path / "latin.yaml")


@pytest.mark.parametrize("name", shipped_names("cohorts"))
def test_shipped_specs_read_and_round_trip(name: str) -> None:
    spec = CohortSpec.read(name)
    assert spec.name == name
    assert spec.title
    assert spec.licence
    assert spec.cite
    assert CohortSpec.parse(spec.as_dict()) == spec


def test_a_usual_column_that_is_cleared_stays_cleared() -> None:
    tree: dict[str, Any] = {
        "name": "scans",
        "table": {"dicom": "**/*", "study": None},
        "tables": {"series": {"dicom": "**/*", "time": None}, "dated": {"dicom": "**/*"}},
        "site": {"value": "here"},
        "modalities": {"scan": {"kind": "volume", "from": "series"}},
    }
    spec = CohortSpec.parse(tree)
    again = CohortSpec.parse(json.loads(json.dumps(spec.as_dict())))
    assert again == spec
    assert (again.table.study, again.tables["series"].time) == (None, None)
    assert again.tables["dated"].time is not None


def test_the_reading_spec_adds_columns_only() -> None:
    plain: Any = CohortSpec.read("breast_poland")
    reading: Any = CohortSpec.read("breast_poland_reading")
    before, after = plain.modalities["tabular"].columns, reading.modalities["tabular"].columns
    assert {name: after[name] for name in before} == before
    assert list(after)[len(before) :] == [
        *(
            "Shape",
            "Margin",
            "Echogenicity",
            "Posterior_features",
            "Halo",
            "Calcifications",
            "Skin_thickening",
        )
    ]
    assert (plain.leaks, plain.label, plain.exclude) == (reading.leaks, reading.label, reading.exclude)
