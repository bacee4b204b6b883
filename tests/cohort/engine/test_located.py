"""Which files an input is: templates, patterns, several names in a cell, rows of tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medxmodal.cohort.engine.located import Located, Locator, several
from medxmodal.cohort.spec.cohort_spec import ImageSpec, VideoSpec, VolumeSpec
from medxmodal.errors import InputError, SpecError

KINDS = {"image": ImageSpec, "volume": VolumeSpec, "video": VideoSpec}


def put(ward: Any, *names: str) -> None:
    for name in names:
        path = ward.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def locator(ward: Any, kind: str = "image", *, masks: bool = True, **spec: Any) -> Locator:
    return Locator(KINDS[kind].model_validate({"kind": kind, **spec}), ward.folder, masks=masks)


def find(ward: Any, cells: dict[str, str], kind: str = "image", **spec: Any) -> list[tuple[str, ...]]:
    ward.records = [{"pid": "a", **cells}]
    return [located.files for located in locator(ward, kind, **spec).find(ward.case())]


def test_a_template_is_filled_without_looking(ward: Any) -> None:
    assert find(ward, {"f": "a.png"}, file="images/{f}") == [("images/a.png",)]
    assert find(ward, {"f": "a.b.png"}, file="x/{f:stem}.jpg") == [("x/a.b.jpg",)]
    assert find(ward, {"f": "", "g": "b"}, file="x/{g}/{f}") == []


def test_several_names_in_a_cell_are_inputs_each(ward: Any) -> None:
    assert find(ward, {"f": "a.png & b.png&"}, file="i/{f}", many="&") == [("i/a.png",), ("i/b.png",)]
    assert find(ward, {"f": "a&b.png"}, file="i/{f}") == [("i/a&b.png",)]
    ward.records = [{"pid": "a", "f": "a&b.png", "m": "1.png&2.png"}]
    # With masks the sign parts the masks of the one image.
    assert locator(ward, file="{f}", mask="{m}", many="&").find(ward.case()) == [
        Located(("a&b.png",), ("1.png", "2.png"))
    ]
    assert locator(ward, file="{f}", mask="{m}", many="&", masks=False).find(ward.case()) == [
        Located(("a",)), Located(("b.png",))
    ]  # fmt: skip


def test_a_pattern_finds_files_in_natural_order(ward: Any) -> None:
    put(ward, *(f"s/a/f{i}.png" for i in (10, 9, 1, 100)), "s/a/f2.PNG.txt", "s/b/f3.png", "s/a/g/f4.png")
    found = ["s/a/f1.png", "s/a/f9.png", "s/a/f10.png", "s/a/f100.png"]
    assert find(ward, {"f": "a"}, file="s/{f}/*.png") == [(name,) for name in found]
    assert find(ward, {"f": "a"}, "video", file="s/{f}/*.png") == [tuple(found)]
    assert find(ward, {"f": "a"}, file="s/{f}/**/*.png")[-1] == ("s/a/g/f4.png",)


def test_a_pattern_without_a_file_is_the_input_s_fault(ward: Any) -> None:
    put(ward, "s/a/f1.png")
    with pytest.raises(InputError, match="no file matches") as error:
        find(ward, {"f": "Kowalska"}, file="s/{f}/*.png")
    assert "Kowalska" not in str(error.value)
    assert find(ward, {"f": ""}, file="s/{f}/*.png") == []


@pytest.mark.parametrize("name", ["a[1]", "[a]", "a?", "a*", "*", "**", "a]b", "{a", "a b", "é"])
def test_signs_in_a_cell_are_part_of_the_name(ward: Any, name: str) -> None:
    """A cell with a star must not find another patient's files."""
    put(ward, "s/a1/other.png", "s/ab/other.png", f"s/{name}/own.png")
    assert find(ward, {"f": name}, "video", file="s/{f}/*.png") == [(f"s/{name}/own.png",)]
    assert find(ward, {"f": f"s/{name}/own.png"}, file="{f}") == [(f"s/{name}/own.png",)]


def test_the_sign_that_stands_for_a_star_is_none_in_a_cell(ward: Any) -> None:
    put(ward, "s/ab/other.png")
    with pytest.raises(InputError, match="no file matches"):
        find(ward, {"f": "a\x1a"}, "video", file="s/{f}/*.png")


def test_a_pattern_of_masks_may_find_none(ward: Any) -> None:
    put(ward, "i/a.png", "i/b.png", "m/a_1.png", "m/a_2.png")
    ward.records = [{"pid": "a", "f": "a"}, {"pid": "b", "f": "b"}]
    a, b = ward.candidates().cases
    found = locator(ward, file="i/{f}.png", mask="m/{f}_*.png")
    assert found.find(a) == [Located(("i/a.png",), ("m/a_1.png", "m/a_2.png"))]
    assert found.find(b) == [Located(("i/b.png",))]


def test_brackets_in_the_spec_are_part_of_the_name_too(ward: Any) -> None:
    put(ward, "scan[1]/a_1.png", "scan1/a_1.png")
    assert find(ward, {"f": "a"}, file="scan[1]/{f}_*.png") == [("scan[1]/a_1.png",)]


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/passwd", "a/../../x.png", "..\\x.png", "C:/x.png", "a\0b"]
)
@pytest.mark.parametrize("file", ["{f}", "i/{f}", "{f}/*.png"])
def test_no_path_leads_out_of_the_data_folder(ward: Any, name: str, file: str) -> None:
    put(ward, "i/x.png")
    put(ward, "../x.png")
    if name[0] == "/" and file == "i/{f}":
        assert find(ward, {"f": name}, file=file) == [("i/etc/passwd",)]
    elif name == "C:/x.png" and file == "i/{f}":
        assert find(ward, {"f": name}, file=file) == [("i/C:/x.png",)]
    else:
        with pytest.raises(SpecError, match="leads out of the data folder") as error:
            find(ward, {"f": name}, file=file)
        assert name not in str(error.value)


def test_files_of_a_table_s_rows(ward: Any) -> None:
    ward.records = [{"pid": "a"}, {"pid": "b"}]
    rows = [("a", 30, "f30", "pa"), ("a", -5, "f5", "ap"), ("a", 61, "late", "pa"), ("a", 40, "", "pa")]
    ward.add(
        "films",
        [{"pid": p, "t": t, "f": f, "view": v} for p, t, f, v in rows],
        time={"column": "t", "unit": "min"},
    )
    ward.tree["index_time"] = {"after": "1 h"}
    a, b = ward.candidates().cases
    table = {"from": "films", "file": "i/{f}.png"}
    found = {
        take: [x.files[0] for x in locator(ward, take=take, **table).find(a)]
        for take in ("first", "last", "all")
    }
    assert found == {"first": ["i/f5.png"], "last": [], "all": ["i/f5.png", "i/f30.png"]}
    assert locator(ward, where="view == 'ap'", **table).find(a) == [Located(("i/f5.png",))]
    assert locator(ward, window={"from": "-45 min"}, take="all", **table).find(a) == [Located(("i/f30.png",))]
    assert locator(ward, **table).find(b) == []


def test_the_files_of_a_series_are_one_input(ward: Any) -> None:
    ward.records = [{"pid": "a"}]
    ward.add("series", [{"pid": "a", "files": "1.dcm\n2.dcm"}, {"pid": "a", "files": "3.dcm"}])
    found = locator(ward, "volume", **{"from": "series", "take": "all"}).find(ward.case())
    assert sorted(x.files for x in found) == [("1.dcm", "2.dcm"), ("3.dcm",)]


@pytest.mark.parametrize(
    ("kind", "spec", "wanted"),
    [
        ("image", {"file": "{f}"}, False),
        ("image", {"file": "{f}/*.png"}, True),
        ("image", {"file": "{f}", "many": "&"}, True),
        ("image", {"file": "{f}", "mask": "{m}", "many": "&"}, False),
        ("image", {"from": "t", "file": "{f}"}, False),
        ("image", {"from": "t", "file": "{f}", "take": "all"}, True),
        ("video", {"file": "{f}/*.png"}, False),
        ("video", {"from": "t", "file": "{f}/*.png", "take": "all"}, True),
        ("volume", {"file": "{f}/*.nii.gz"}, True),
    ],
)
def test_whether_a_study_may_have_several(kind: str, spec: dict[str, Any], wanted: bool) -> None:
    assert several(KINDS[kind].model_validate({"kind": kind, **spec})) is wanted


def test_names_alike_but_for_zeros_and_case_keep_one_order(
    ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ward, "s/a/f1.png", "s/a/f01.png", "s/a/F1.png", "s/a/f001.png")
    before = find(ward, {"f": "a"}, "video", file="s/{f}/*.png")
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda *a, **k: reversed(list(glob(*a, **k))))
    assert find(ward, {"f": "a"}, "video", file="s/{f}/*.png") == before
