"""Notes: from a column, a file or lines of events; what names the label is blanked out."""

from __future__ import annotations

from typing import Any

import pytest

from medxmodal.cohort.engine.note_inputs import HIDDEN
from medxmodal.errors import SpecError

MINUTES = {"column": "t", "unit": "min"}


def notes(ward: Any, *rows: tuple[Any, ...], **spec: Any) -> Any:
    ward.records = [{"pid": "a", "note": "own note", "k": "k"}, {"pid": "b", "note": "", "k": "k"}]
    cells = [{"pid": "a", **dict(zip(("t", "path", "value"), row, strict=True))} for row in rows]
    ward.add("notes", cells or [{"pid": "z", "t": 0, "path": "", "value": ""}], time=MINUTES)
    ward.tree["index_time"] = {"after": "1 h"}
    ward.tree["modalities"] = {
        "text": {"kind": "text", **spec},
        "other": {"kind": "tabular", "columns": {"k": {"type": "category"}}},
    }
    return ward.build()


def text(cohort: Any, position: int = 0) -> Any:
    return cohort[position].inputs.get("text", {}).get("text")


def test_a_column_of_the_record(ward: Any) -> None:
    cohort = notes(ward, column="note")
    assert text(cohort) == "own note"
    assert not cohort[1].has("text")


@pytest.mark.parametrize(
    ("take", "wanted"), [("first", "early"), ("last", "late"), ("all", "early\n\nnoon\n\nlate")]
)
def test_a_column_of_events_oldest_first_each_note_once(ward: Any, take: str, wanted: str) -> None:
    rows = [(30, "", "late"), (-90, "", "early"), (0, "", "noon"), (10, "", "early"), (61, "", "after")]
    if take == "last":
        rows.append((10, "", ""))
    assert text(notes(ward, *rows, **{"from": "notes", "column": "value", "take": take})) == wanted


def test_lines_of_events_with_missing_columns_left_blank(ward: Any) -> None:
    rows = [
        (0, "lung", "clear"),
        (5, "heart", ""),
        (6, "", ""),
        (7, "", "alone"),
        (8, "lung", "clear"),
        (90, "x", "y"),
    ]
    cohort = notes(ward, *rows, **{"from": "notes", "line": "{path}: {value}"})
    assert text(cohort) == "lung: clear\nheart:\n: alone"
    cohort = notes(ward, *rows, **{"from": "notes", "line": "{path}", "where": "value is missing"})
    assert text(cohort) == "heart"


def test_parts_have_headings_and_at_most_so_many_lines(ward: Any) -> None:
    parts = [
        {"from": "notes", "line": "{value}", "heading": "Lungs", "where": "path == 'lung'", "most": 2},
        {"from": "notes", "line": "{value}", "heading": "Heart", "where": "path == 'heart'"},
        {"from": "notes", "line": "{path}", "window": {"from": "-10 min"}},
    ]
    rows = [(i, "lung", f"l{i}") for i in (40, 10, 20, 30)] + [(55, "skin", "s"), (61, "heart", "after")]
    cohort = notes(ward, *rows, parts=parts)
    assert text(cohort) == "Lungs\nl30\nl40\n\nskin"
    assert cohort.quality.set_to_missing["text.text"] == {"earlier lines than the latest": 2}
    assert not cohort[1].has("text")


HIDE = ["covid*", "covid-19", "flu", "rt-pcr", "acute respiratory distress", "sars cov 2", "c++"]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("COVID-19 pneumonia", f"{HIDDEN} pneumonia"),
        ("Covid 19, covid19, covid\N{EN DASH}19.", f"{HIDDEN}, {HIDDEN}, {HIDDEN}."),
        ("flu influenza fluid Flu", f"{HIDDEN} influenza fluid {HIDDEN}"),
        ("RT PCR or rt-pcr or RT\N{NON-BREAKING HYPHEN}PCR", f"{HIDDEN} or {HIDDEN} or {HIDDEN}"),
        ("acute  respiratory\ndistress", HIDDEN),
        ("SARS-CoV-2 and sars cov\n2", f"{HIDDEN} and {HIDDEN}"),
        ("acute respiratory", "acute respiratory"),
        ("grade c++ c+", f"grade {HIDDEN} c+"),
        ("postcovid covid_x", f"postcovid {HIDDEN}"),
    ],
)
def test_words_that_name_the_label_are_blanked_out_however_written(ward: Any, said: str, left: str) -> None:
    cohort = notes(ward, (0, "", said), **{"from": "notes", "column": "value", "hide": HIDE})
    assert text(cohort) == left
    counted = cohort.quality.set_to_missing.get("text.text", {})
    assert counted.get("words that name the label", 0) == left.count(HIDDEN)


def test_a_word_for_any_word_hides_nothing_between(ward: Any) -> None:
    cohort = notes(ward, (0, "", "a.b ab axb"), **{"from": "notes", "column": "value", "hide": ["a.b"]})
    assert text(cohort) == f"{HIDDEN} ab axb"


def test_note_files_in_every_usual_encoding(ward: Any) -> None:
    ward.folder.mkdir(parents=True)
    for i, encoding in enumerate(("utf-8", "utf-8-sig", "cp1252")):
        (ward.folder / f"n{i}.txt").write_bytes(" Fièvre: 39 °C\n".encode(encoding))
    (ward.folder / "n3.txt").write_bytes("Fièvre".encode("utf-16"))
    (ward.folder / "n4.txt").write_bytes(b"  \n")
    ward.records = [{"pid": f"p{i}", "n": i} for i in range(6)] + [{"pid": "q", "n": "../../etc/hostname"}]
    ward.tree["modalities"] = {
        "text": {"kind": "text", "file": "n{n}.txt"},
        "other": {"kind": "tabular", "columns": {"n": {"type": "category"}}},
    }
    cohort = ward.build()
    assert [text(cohort, i) for i in range(3)] == ["Fièvre: 39 °C"] * 3
    assert [i for i, study in enumerate(cohort) if "text" in study.problems] == [3, 5, 6]
    assert not cohort[4].has("text")
    assert "leads out of the data folder" in cohort[6].problems["text"]


def test_a_note_that_is_no_note(ward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medxmodal.cohort.engine.note_inputs.MAX_NOTE_BYTES", 10)
    ward.folder.mkdir(parents=True)
    (ward.folder / "n.txt").write_bytes(b"x" * 11)
    ward.records = [{"pid": "a", "n": "n"}]
    ward.tree["modalities"] = {
        "text": {"kind": "text", "file": "{n}.txt"},
        "other": {"kind": "tabular", "columns": {"n": {"type": "category"}}},
    }
    assert "a note is shorter" in ward.build()[0].problems["text"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "give either `column`"),
        ({"column": "note", "file": "{note}"}, "give either `column`"),
        ({"line": "{value}"}, "`line` needs `from`"),
        ({"file": "{value}", "from": "notes"}, "`file` reads the record's own"),
        ({"parts": [{"line": "{value}"}]}, "each of `parts` needs `from`"),
        ({"column": "note", "from": "nots"}, "there is no table 'nots'"),
    ],
)
def test_notes_that_are_nowhere(ward: Any, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        notes(ward, **spec)
