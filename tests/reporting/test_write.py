"""A report from a folder of records: one damaged record costs one study, and nobody's files are lost."""

from __future__ import annotations

import json

import pytest

from medxmodal.errors import ReportError
from medxmodal.reporting import Identity, write_report


def test_every_study_has_a_page_or_a_reason(explain, tmp_path) -> None:
    seen = []
    out = tmp_path / "report"
    made = write_report(explain, out, progress=lambda *said: seen.append(said))
    assert sorted(made.pages) == ["S-1", "S-2", "S-3"]
    assert set(made.failed) == {"S-4", "S-5"}
    assert made.failed["S-4"].startswith("image: the file is cut off")
    assert "were changed" in made.failed["S-5"]
    assert sorted(path.name for path in out.iterdir()) == ["S-1.html", "S-2.html", "S-3.html", "index.html"]
    assert seen[-1] == ("writing pages", 5, 5)


def test_the_index_lists_the_likeliest_first_and_the_failures_with_reason(explain, tmp_path) -> None:
    index = write_report(explain, tmp_path / "report").index.read_text(encoding="utf-8")
    at = [index.index(f'href="{name}.html"') for name in ("S-3", "S-1", "S-2")]
    assert at == sorted(at)
    assert 'href="S-4.html"' not in index
    assert "image: the file is cut off" in index
    assert "without Text" in index
    assert "Simulated patients: nobody here is real." in index
    assert "Research use, not a diagnosis." in index
    assert "0.80 to 0.90" in index
    assert "<script" not in index


def test_pages_lead_back_to_the_index(explain, tmp_path) -> None:
    made = write_report(explain, tmp_path / "report")
    assert 'href="index.html"' in made.pages["S-1"].read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"record_version": 99}', ""])
def test_a_damaged_record_fails_alone(explain, tmp_path, damage) -> None:
    (explain / "S-1.json").write_text(damage)
    made = write_report(explain, tmp_path / "report")
    assert sorted(made.pages) == ["S-2", "S-3"]
    assert "S-1" in made.failed


def test_a_record_about_another_study_or_outside_its_folder_is_refused(explain, tmp_path) -> None:
    index = json.loads((explain / "index.json").read_text())
    index["entries"][0]["file"] = "S-2.json"
    index["entries"][1]["file"] = "../explain/../secret.json"
    (explain / "index.json").write_text(json.dumps(index))
    made = write_report(explain, tmp_path / "report")
    assert "another study" in made.failed["S-1"]
    assert "outside its folder" in made.failed["S-2"]


def test_an_earlier_report_is_replaced_whole(explain, tmp_path) -> None:
    out = tmp_path / "report"
    write_report(explain, out)
    (explain / "S-2.json").unlink()
    write_report(explain, out)
    assert sorted(path.name for path in out.iterdir()) == ["S-1.html", "S-3.html", "index.html"]
    (out / "index.html").unlink()
    assert write_report(explain, out).index.is_file()


@pytest.mark.parametrize("name", ["notes.txt", "index.html", "thesis.html"])
def test_a_folder_with_anything_else_is_left_alone(explain, tmp_path, name) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / name).write_text("years of work")
    with pytest.raises(ReportError, match="already holds"):
        write_report(explain, out)
    assert [path.name for path in out.iterdir()] == [name]
    with pytest.raises(ReportError, match="is a file"):
        write_report(explain, out / name)


def test_what_others_put_beside_a_report_stays(explain, tmp_path) -> None:
    out = tmp_path / "report"
    write_report(explain, out)
    (out / "notes.txt").write_text("mine")
    write_report(explain, out)
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("fmt", "words"),
    [("pdf", "print it to PDF"), ("dicom", "writes html"), ("fhir", "writes html"), ("x", "unknown")],
)
def test_other_formats_are_refused_before_anything_is_written(explain, tmp_path, fmt, words) -> None:
    with pytest.raises(ReportError, match=words):
        write_report(explain, tmp_path / "report", fmt=fmt)
    assert not (tmp_path / "report").exists()


def test_no_explanations_are_said_to_be_missing(tmp_path) -> None:
    with pytest.raises(ReportError, match=r"index\.json is missing"):
        write_report(tmp_path, tmp_path / "report")


def test_keys_name_patients_on_pages_but_not_in_file_names(explain, tmp_path) -> None:
    known = {
        name: Identity(study_id=f"ACC-{name}", patient_id="Jane Roe") for name in ("S-1", "S-2", "S-4", "S-5")
    }
    made = write_report(explain, tmp_path / "report", identities=known)
    assert sorted(made.pages) == ["S-1", "S-2"]
    assert "the keys do not know this study" in made.failed["S-3"]
    assert made.pages["S-1"].name == "S-1.html"
    assert "Jane Roe" in made.pages["S-1"].read_text(encoding="utf-8")
    index = made.index.read_text(encoding="utf-8")
    assert "ACC-S-1" in index
    assert "ACC-S-4" in index
    assert "Re-identified" in index


def test_hostile_ids_make_safe_names(explain, tmp_path, study, arrays) -> None:
    index = json.loads((explain / "index.json").read_text())
    hostile = "../../<b>x\u202e"
    record = study(hostile)
    record.write(explain / "odd.json")
    index["entries"] = [{**index["entries"][0], "study_id": hostile, "file": "odd.json"}]
    (explain / "index.json").write_text(json.dumps(index))
    made = write_report(explain, tmp_path / "report")
    assert not made.pages
    record.model_copy(update={"panels": []}).write(explain / "odd.json")
    (page,) = write_report(explain, tmp_path / "report").pages.values()
    assert page.parent == tmp_path / "report"
    assert "<b>x" not in page.read_text(encoding="utf-8")
