"""Building: what is right gets in, what is wrong is named, nothing is dropped silently."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from medxmodal.errors import CohortError, SpecError


def balanced(cohort: Any) -> bool:
    flow = cohort.flow
    assert flow.studies == len(cohort)
    assert flow.failed == len(cohort.failed)
    assert flow.steps[0].remaining - sum(step.removed for step in flow.steps) == flow.steps[-1].remaining
    return flow.found == flow.studies + flow.excluded + flow.failed


def test_a_whole_clinic(clinic: Any) -> None:
    cohort = clinic.build()
    assert len(cohort) == 12
    assert balanced(cohort)
    assert not cohort.quality.problems
    assert cohort.labels().sum() == 4
    study = cohort[2]
    assert (study.study_id, study.patient_id, study.site) == ("id2", "id2", "south")
    assert study.inputs["tabular"] == {"Age": 32.0, "CRP": 3.5, "Signs": ("fever", "pain")}
    assert study.inputs["text"] == {"text": "short note 2"}
    assert study.inputs["image"]["mask"].locator == "masks/scan2_mask.png"
    assert study.index_time.isoformat() == "2021-03-15T00:00:00"
    assert set(cohort.period) == {2021}
    assert cohort.quality.leak_columns_found == ["biopsy"]


def test_progress_counts_to_the_end(clinic: Any) -> None:
    seen: list[tuple[int, int]] = []
    clinic.build(progress=lambda done, of: seen.append((done, of)))
    assert seen == [(i, 12) for i in range(1, 13)]


def test_an_empty_cell_means_the_modality_is_absent(clinic: Any) -> None:
    clinic.rows[0]["image"] = ""
    clinic.rows[1]["note"] = "  "
    clinic.rows[2] |= {"Age": "unknown", "CRP": "", "Signs": "unknown"}
    cohort = clinic.build()
    assert [cohort[0].has("image"), cohort[1].has("text"), cohort[2].has("tabular")] == [False] * 3
    assert not cohort.quality.problems
    assert cohort.usable() == tuple(range(12))


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "text", "folder"])
def test_an_image_that_cannot_be_read_is_a_problem_of_its_study_only(clinic: Any, damage: str) -> None:
    path = clinic.folder / "images" / "scan3.png"
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}[damage])
    cohort = clinic.build()
    assert len(cohort) == 12
    assert balanced(cohort)
    assert list(cohort[3].problems) == ["image"]
    assert not cohort[3].has("image")
    assert cohort[3].has("tabular")
    assert cohort.usable() == (0, 1, 2, *range(4, 12))
    (problem,) = cohort.quality.problems
    assert (problem.study_id, problem.modality, problem.field) == ("id3", "image", "file")
    assert "row 5" in problem.reason
    assert "scan3.png" in problem.reason


def test_a_damaged_mask_leaves_the_image_usable(clinic: Any) -> None:
    (clinic.folder / "masks" / "scan1_mask.png").unlink()
    Image.new("L", (5, 5)).save(clinic.folder / "masks" / "scan2_mask.png")
    cohort = clinic.build()
    assert cohort.usable() == tuple(range(12))
    assert cohort[1].inputs["image"].get("mask") is None
    assert [(p.study_id, p.field) for p in cohort.quality.problems] == [("id1", "mask"), ("id2", "mask")]


def test_a_file_name_may_not_leave_the_data_folder(clinic: Any) -> None:
    Image.new("L", (4, 4)).save(clinic.folder.parent / "outside.png")
    clinic.rows[0]["image"] = "../../outside.png"
    cohort = clinic.build()
    assert "out of the data folder" in cohort[0].problems["image"]


def test_text_in_a_numeric_column_is_recorded_with_its_row(clinic: Any) -> None:
    clinic.rows[4]["Age"] = "about forty"
    cohort = clinic.build()
    assert cohort[4].inputs["tabular"]["Age"] is None
    assert cohort[4].inputs["tabular"]["CRP"] == 6.5
    assert cohort[4].problems == {"tabular": "row 6, column 'Age': 'about forty' is not a number"}


def test_a_mistyped_column_is_the_spec_s_fault(clinic: Any) -> None:
    for row in clinic.rows[:7]:
        row["Age"] = "adult"
    with pytest.raises(SpecError, match=r"column 'Age' is declared a number, but 7 of its 12.*'adult'"):
        clinic.build()


def test_missing_words_do_not_count_as_mistyped(clinic: Any) -> None:
    for row in clinic.rows[:10]:
        row["Age"] = "unknown"
    assert not clinic.build().quality.problems


def test_infinite_and_impossible_numbers_become_missing_and_are_counted(clinic: Any) -> None:
    clinic.rows[0]["CRP"] = "inf"
    clinic.rows[1]["Age"] = "999"
    clinic.rows[2]["Age"] = "-1"
    cohort = clinic.build()
    assert cohort[0].inputs["tabular"]["CRP"] is None
    assert cohort[1].inputs["tabular"]["Age"] is None
    assert cohort.usable() == tuple(range(12))
    assert cohort.quality.set_to_missing == {
        "tabular.Age": {"outside [0, 120]": 2},
        "tabular.CRP": {"not finite": 1},
    }


def test_units_are_converted_and_unknown_ones_recorded(clinic: Any) -> None:
    clinic.rows[1]["unit"] = "mg/dL"
    clinic.rows[2]["unit"] = "spoons"
    clinic.rows[3]["unit"] = ""
    clinic.rows[4]["unit"] = "kg"
    cohort = clinic.build()
    assert cohort[1].inputs["tabular"]["CRP"] == 20.0
    for position, words in (
        (2, "'spoons' of 'CRP' is not known"),
        (3, "no unit"),
        (4, "cannot be converted"),
    ):
        assert words in cohort[position].problems["tabular"]
        assert cohort[position].inputs["tabular"]["CRP"] is None
    assert len(cohort.usable()) == 9


def test_units_that_mostly_measure_something_else_are_refused(clinic: Any) -> None:
    for row in clinic.rows:
        row["unit"] = "mmol/L"
    with pytest.raises(SpecError, match=r"column 'CRP'.*'unit'.*'mg/L'.*'mmol/L'"):
        clinic.build()


def test_a_value_outside_a_closed_list(clinic: Any) -> None:
    clinic.tree["modalities"]["tabular"]["columns"]["Signs"]["values"] = ["no", "pain", "fever"]
    clinic.rows[5]["Signs"] = "pain&rash"
    cohort = clinic.build()
    assert cohort[5].inputs["tabular"]["Signs"] is None
    assert "'rash' is none of the allowed values" in cohort[5].problems["tabular"]


def test_a_record_with_no_modality_at_all_fails_and_is_listed(clinic: Any) -> None:
    clinic.rows[6] |= {"image": "", "Age": "", "CRP": "", "Signs": "", "note": ""}
    cohort = clinic.build()
    assert len(cohort) == 11
    assert balanced(cohort)
    (failed,) = cohort.failed
    assert failed.study_id == "id6"
    assert "no modality at all" in failed.reason


def test_a_label_that_is_neither_class_fails_unless_excluded(clinic: Any) -> None:
    clinic.rows[1]["dx"] = "maybe"
    cohort = clinic.build()
    assert [failed.study_id for failed in cohort.failed] == ["id1"]
    assert "'maybe' is neither 'ill' nor 'well'" in cohort.failed[0].reason
    clinic.tree["exclude"] = [{"where": "dx == 'maybe'", "reason": "unclear"}]
    cohort = clinic.build()
    assert not cohort.failed
    assert cohort.flow.excluded == 1
    assert balanced(cohort)


def test_a_label_column_with_other_words_is_the_spec_s_fault(clinic: Any) -> None:
    clinic.tree["label"]["positive"], clinic.tree["label"]["negative"] = "sick", "fine"
    with pytest.raises(SpecError, match=r"neither 'sick' nor 'fine'; it holds 'well', 'ill'"):
        clinic.build()


def test_an_empty_label_is_unknown_and_stays(clinic: Any) -> None:
    clinic.rows[1]["dx"] = ""
    cohort = clinic.build()
    assert cohort[1].labels == {"illness": None}
    assert len(cohort) == 12
    assert "1 of 12 studies have no label" in cohort.quality.notes


def test_rules_say_who_left_and_why(clinic: Any) -> None:
    clinic.rows[3]["Age"] = "unknown"
    clinic.tree["include"] = [{"where": "Age >= 35", "reason": "adults"}]
    clinic.tree["exclude"] = [{"where": "hospital == 'north' and Age > 38", "reason": "another study"}]
    cohort = clinic.build()
    assert cohort.patients == ("id5", "id6", "id7", "id8", "id10")
    assert [(s.removed, s.reason) for s in cohort.flow.steps[1:]] == [(5, "adults"), (2, "another study")]
    assert balanced(cohort)


def test_repeats_of_a_patient_get_numbered_studies(clinic: Any) -> None:
    clinic.rows[1]["pid"] = clinic.rows[2]["pid"] = "id0"
    clinic.rows[3]["pid"] = "id0-2"
    cohort = clinic.build()
    assert [study.study_id for study in cohort][:4] == ["id0", "id0-3", "id0-4", "id0-2"]
    assert cohort.patients[:4] == ("id0", "id0", "id0", "id0-2")


def test_doubled_study_ids_are_refused(clinic: Any) -> None:
    for i, row in enumerate(clinic.rows):
        row["exam"] = f"e{i}"
    clinic.rows[7]["exam"] = "e2"
    clinic.tree["table"]["study"] = "exam"
    with pytest.raises(CohortError, match=r"rows 4 and 9 have the same study id 'e2'"):
        clinic.build()


def test_a_record_without_patient_fails(clinic: Any) -> None:
    clinic.rows[0]["pid"] = ""
    cohort = clinic.build()
    assert cohort.failed[0].reason == "row 2 has no patient id"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (
            lambda t: t["modalities"]["tabular"]["columns"].update(Agee={"type": "number"}),
            "modalities.tabular",
        ),
        (lambda t: t["modalities"]["text"].update(column="nota"), "modalities.text.column"),
        (lambda t: t["modalities"]["image"].update(file="images/{imag}"), "modalities.image.file"),
        (lambda t: t["modalities"]["image"].update(mask="{imag}"), "modalities.image.mask"),
        (lambda t: t["label"].update(column="dxx"), "label.column"),
        (lambda t: t["site"].update(column="hospitall"), "site.column"),
        (lambda t: t["table"].update(patient="pidd"), "table.patient"),
        (lambda t: t["index_time"].update(column="whenn"), "index_time.column"),
        (lambda t: t.update(exclude=[{"where": "Agge > 3", "reason": "x"}]), "exclude.where"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_its_nearest(clinic: Any, change: Any, key: str) -> None:
    change(clinic.tree)
    with pytest.raises(
        SpecError, match=r"names the column '\w+', which records.csv does not have. Closest: "
    ) as e:
        clinic.build()
    assert e.value.message.startswith(key)


def test_nothing_to_build_from(clinic: Any) -> None:
    header = clinic.rows
    clinic.tree["include"] = [{"where": "Age > 500", "reason": "nobody"}]
    with pytest.raises(CohortError, match=r"no study is left of 12 records: 12 excluded"):
        clinic.build()
    clinic.write()
    (clinic.folder / "records.csv").write_text(",".join(header[0]) + "\n")
    from medxmodal.cohort import Cohort

    with pytest.raises(CohortError, match="no records below its header"):
        Cohort.from_spec(clinic.spec(), clinic.folder)
    with pytest.raises(CohortError, match="there is no data folder"):
        Cohort.from_spec(clinic.spec(), clinic.folder / "nowhere")


def test_unlabelled_does_without_label_leaks_rules_and_masks(clinic: Any) -> None:
    clinic.tree["exclude"] = [
        {"where": "dx == 'maybe'", "reason": "unclear"},
        {"where": "Age > 40", "reason": "young only"},
    ]
    clinic.tree["modalities"]["image"]["mask"] = "masks/{outline}"
    for row in clinic.rows:
        del row["dx"], row["biopsy"]
    with pytest.raises(SpecError, match=r"'dx'.*--unlabelled"):
        clinic.build()
    cohort = clinic.build(unlabelled=True)
    assert cohort.flow.excluded == 1
    assert balanced(cohort)
    assert all(study.labels == {"illness": None} for study in cohort)
    assert cohort.quality.skipped_exclusions == ["exclude dx == 'maybe' (unclear): no column dx"]
    assert any("no masks" in note for note in cohort.quality.notes)


def test_the_same_pixels_under_two_patients_are_reported(clinic: Any) -> None:
    image = Image.open(clinic.folder / "images" / "scan1.png")
    image.save(clinic.folder / "images" / "scan8.png", compress_level=1)
    cohort = clinic.build()
    assert cohort.quality.duplicate_inputs == [["id1", "id8"]]
    clinic.rows[8]["pid"] = "id1"
    assert clinic.build().quality.duplicate_inputs == []


def test_notes_from_files(clinic: Any) -> None:
    (clinic.folder / "notes").mkdir()
    for i, row in enumerate(clinic.rows):
        row["note"] = f"n{i}.txt"
        (clinic.folder / "notes" / f"n{i}.txt").write_bytes(f"café {i}".encode("cp1252" if i else "utf-8"))
    (clinic.folder / "notes" / "n5.txt").unlink()
    (clinic.folder / "notes" / "n6.txt").write_bytes(b"\x00\x01")
    clinic.tree["modalities"]["text"] = {"kind": "text", "file": "notes/{note}"}
    cohort = clinic.build()
    assert [cohort[i].inputs["text"]["text"] for i in (0, 1)] == ["café 0", "café 1"]
    assert [i for i, study in enumerate(cohort) if study.problems] == [5, 6]


def test_a_time_that_is_none_is_recorded_and_blocks_nothing(clinic: Any) -> None:
    clinic.rows[0]["when"] = "15.1.2021"
    cohort = clinic.build()
    assert cohort[0].index_time is None
    assert cohort.quality.problems[0].field == "index_time"
    assert cohort.usable() == tuple(range(12))


def test_a_constant_column_is_named(clinic: Any) -> None:
    for row in clinic.rows:
        row["Age"] = "50"
    assert clinic.build().quality.constant_columns == ["tabular.Age"]


def test_line_breaks_and_control_signs_of_cells_never_reach_a_message(clinic: Any) -> None:
    clinic.rows[1] |= {"Age": "forty\nyears \x1b[2J", "dx": "may\r\nbe", "image": "a\nb.png"}
    clinic.rows[2] |= {"Age": "old\nman"}
    cohort = clinic.build()
    said = [p.reason for p in cohort.quality.problems] + [f.reason for f in cohort.failed]
    assert len(said) >= 2
    assert all(text.isprintable() for text in said)
    for row in clinic.rows:
        row["Age"] = "old\nman"
    with pytest.raises(SpecError, match="most often 'old man'") as error:
        clinic.build()
    assert str(error.value).isprintable()
