"""DICOM folders: what becomes a row, in which order, and that nothing but allowed tags reaches a cell."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medxmodal.cohort.cells import parse_time
from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.cohort.sources.dicom.scan import scan_dicom
from medxmodal.cohort.sources.dicom.tags import ALLOWED, COLUMNS, age, clean, moment

GREY = np.arange(64, dtype=np.uint16).reshape(8, 8)
PLANTED = ("Quackenbush", "19490711", "MRN-4711", "Elm Street", "Doctor Who", "St. Elsewhere", "555-0199")


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(Path(__file__).parents[3] / "hostile" / "dicom_files.py")


def put(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_series_is_one_row_with_its_files_in_geometric_order(made: ModuleType, tmp_path: Path) -> None:
    blobs = made.slices([0.0, 2.0, 4.0, 6.0])
    names = ("d", "a", "c", "b")  # by name they are out of order
    put(tmp_path, **{f"deep__{name}": blob for name, blob in zip(names, blobs, strict=True)})
    table = scan_dicom(tmp_path)
    assert table.columns == COLUMNS
    (row,) = table.rows
    assert row.problem == ""
    assert row.cells["kind"] == "volume"
    assert row.cells["instances"] == "4"
    files = (row.cells["files"] or "").split("\n")
    assert files == ["deep/d", "deep/a", "deep/c", "deep/b"]
    hashes = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in files]
    assert [source.sha256 for source in table.files] == hashes
    decoded = decode_dicom([(tmp_path / name).read_bytes() for name in files], row.shown, kind="volume")
    assert decoded.array.shape == (5, 6, 4)


def test_views_and_clips_are_rows_of_their_own(made: ModuleType, tmp_path: Path) -> None:
    views = [made.header(GREY, series="chest", number=n) for n in (1, 2)]
    for view, position in zip(views, ("PA", "LL"), strict=True):
        view.Modality, view.ViewPosition = "DX", position
    clip = made.header(np.zeros((3, 4, 4), np.uint8), series="echo")
    clip.Modality = "US"
    put(tmp_path, a=made.pack(views[0]), b=made.pack(views[1]), c=made.pack(clip))
    rows = scan_dicom(tmp_path).rows
    assert [(r.cells["kind"], r.cells["ViewPosition"], r.cells["Modality"]) for r in rows] == [
        ("image", "PA", "DX"), ("image", "LL", "DX"), ("video", None, "US"),
    ]  # fmt: skip
    assert [row.number for row in rows] == [1, 2, 3]
    assert [row.cells["Modality"] for row in scan_dicom(tmp_path, only=["US"]).rows] == ["US"]
    assert len(scan_dicom(tmp_path, "[ab]").rows) == 0
    assert len(scan_dicom(tmp_path, "?").rows) == 3


def test_only_files_of_the_pattern_are_read(made: ModuleType, tmp_path: Path) -> None:
    names = ("scans__x__1.dcm", "scans__1.dcm", "other__1.dcm")
    put(tmp_path, **dict(zip(names, made.slices([0.0, 1.0, 2.0]), strict=True)))
    found = scan_dicom(tmp_path, "scans/**/*.dcm").rows[0].cells["files"]
    assert found == "scans/x/1.dcm\nscans/1.dcm"
    assert scan_dicom(tmp_path, "scans/*.dcm").rows[0].cells["files"] == "scans/1.dcm"
    assert scan_dicom(tmp_path, "none/*").rows == ()


def test_two_patients_in_a_folder_are_kept_apart(made: ModuleType, tmp_path: Path) -> None:
    for patient in ("P1", "P2"):
        one = made.place(made.header(GREY, patient=patient, series=patient), 0.0)
        put(tmp_path, **{patient: made.pack(one)})
    table = scan_dicom(tmp_path)
    assert sorted(row.cells["PatientID"] or "" for row in table.rows) == ["P1", "P2"]
    assert "the files are of 2 patients, kept apart by PatientID" in table.notes
    assert not any("P1" in note for note in table.notes)


def test_two_patients_in_a_series_are_a_problem(made: ModuleType, tmp_path: Path) -> None:
    def other(one: Dataset, n: int) -> None:
        one.PatientID = f"P{n}"

    put(tmp_path, **{f"{n}": blob for n, blob in enumerate(made.slices([0.0, 1.0], edit=other))})
    (row,) = scan_dicom(tmp_path).rows
    assert row.problem == "one series holds several patients"
    assert row.shown.startswith("DICOM series 1 (first sha256 ")


def test_nothing_is_lost_in_silence(made: ModuleType, tmp_path: Path) -> None:
    report = made.header(GREY)
    report.SOPClassUID = pydicom.uid.BasicTextSRStorage
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(report, keyword)
    whole = made.pack(made.header(GREY))
    directory = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "DICOMDIR"
    put(
        tmp_path,
        **{
            "good": whole, "copy": whole, "cut": whole[:500], "letter.txt": b"Dear colleague",
            "none.dcm": b"",            "report": made.pack(report), "DICOMDIR": directory.read_bytes(),
        },
    )  # fmt: skip
    table = scan_dicom(tmp_path)
    assert len(table.rows) == 3
    assert sum(bool(row.problem) for row in table.rows) == 2
    assert all("sha256" in row.shown for row in table.rows)
    assert sorted(note.split(" ", 1)[0] for note in table.notes) == ["1", "1", "1", "1"]
    words = " ".join(table.notes)
    for said in ("no DICOM", "DICOMDIR", "reports, plans", "copies"):
        assert said in words
    assert "letter" not in words


def test_a_series_that_fits_no_stack_is_a_problem(made: ModuleType, tmp_path: Path) -> None:
    axial = made.slices([0.0, 1.0])
    turned = []
    for n, blob in enumerate(made.slices([8.0, 9.0], turned=made.SAGITTAL)):
        read = pydicom.dcmread(io.BytesIO(blob))
        read.SOPInstanceUID = made.uid("turned", n)
        stream = io.BytesIO()
        read.save_as(stream)
        turned.append(stream.getvalue())
    put(tmp_path, **{f"{n}": blob for n, blob in enumerate([*axial, *turned])})
    (row,) = scan_dicom(tmp_path).rows
    assert row.problem == "a series of 4 slices mixes slices of different orientation"
    assert row.cells["instances"] == "4"


def planted(made: ModuleType) -> bytes:
    """A slice with a name, a birth date and more wherever a file can hold them."""
    one = made.place(made.header(GREY), 0.0)
    one.PatientName, one.PatientBirthDate = "Quackenbush^Zelda", "19490711"
    one.OtherPatientIDs, one.PatientAddress = ["MRN-4711"], "7 Elm Street"
    one.ReferringPhysicianName, one.InstitutionName = "Doctor Who", "St. Elsewhere"
    one.PatientTelephoneNumbers, one.PatientComments = "555-0199", "Quackenbush called 555-0199"
    one.ImageComments, one.AdditionalPatientHistory = "MRN-4711", "lives in Elm Street"
    one.OperatorsName, one.StationName, one.AccessionNumber = "Quackenbush", "St. Elsewhere", "MRN-4711"
    one.SeriesDescription = "T1 axial QUACKENBUSH 1949-07-11"
    one.StudyDescription = "Head of Zelda, MRN-4711, 19490711"
    one.private_block(0x0019, "VENDOR", create=True).add_new(0x01, "LO", "Quackenbush 555-0199")
    inner = Dataset()
    inner.PatientName, inner.InstitutionName = "Quackenbush", "St. Elsewhere"
    inner.PatientID = "MRN-4711"
    one.RequestAttributesSequence = Sequence([inner])
    one.PatientAge, one.PatientSex, one.BodyPartExamined = "072Y", "F", "HEAD"
    return made.pack(one)


def test_planted_identifiers_reach_no_cell(made: ModuleType, tmp_path: Path) -> None:
    blob = planted(made)
    assert all(word.encode() in blob for word in PLANTED)
    put(tmp_path, one=blob, cut=blob[:-20])
    table = scan_dicom(tmp_path)
    said = "\n".join(
        [*(value or "" for row in table.rows for value in row.cells.values()), *table.notes,
         *(row.problem + row.shown for row in table.rows)]
    )  # fmt: skip
    for word in (*PLANTED, "Zelda", "1949", "4711"):
        assert word.lower() not in said.lower(), word
    (row, *_) = table.rows
    assert row.cells["SeriesDescription"] == "T1 axial [removed] [removed]"
    assert row.cells["PatientAge"] == "72"
    assert (row.cells["PatientID"], row.cells["PatientSex"], row.cells["BodyPartExamined"]) == (
        "P1", "F", "HEAD",
    )  # fmt: skip


def test_the_list_of_allowed_tags_names_no_person_and_no_free_text() -> None:
    for keyword in ALLOWED:
        tag = pydicom.datadict.tag_for_keyword(keyword)
        assert tag is not None
        vr = pydicom.datadict.dictionary_VR(tag)
        assert vr not in {"PN", "LT", "ST", "UT"}
        assert "Birth" not in keyword
        assert "Comment" not in keyword
    assert set(COLUMNS) - {"time", "instances", "kind", "files"} <= ALLOWED


def test_ages_descriptions_and_times() -> None:
    assert [age(written) for written in ("045Y", "018M", "052W", "010D", "", None, "45")] == [
        "45", "1.5", "0.9966", "0.02738", None, None, None,
    ]  # fmt: skip
    assert clean("T2 FLAIR 3D", frozenset({"doe"})) == "T2 FLAIR 3D"
    assert clean("Doe, knee 123456789", frozenset({"doe"})) == "[removed], knee [removed]"
    one = Dataset()
    assert moment(one) is None
    one.StudyDate = "20210301"
    assert moment(one) == "2021-03-01"
    one.StudyTime = "1405"
    assert moment(one) == "2021-03-01T14:05:00"
    one.SeriesDate, one.SeriesTime = "20210302", "140509.25"
    one.TimezoneOffsetFromUTC = "-0430"
    assert moment(one) == "2021-03-02T14:05:09-04:30"
    one.AcquisitionDateTime = "20210303101112.5+0100"
    assert moment(one) == "2021-03-03T10:11:12+01:00"
    assert parse_time(moment(one) or "") is not None


def test_the_time_of_a_series_is_that_of_its_last_slice(made: ModuleType, tmp_path: Path) -> None:
    def timed(one: Dataset, n: int) -> None:
        one.AcquisitionDateTime = f"2021030112{30 - n:02d}00"

    put(tmp_path, **{f"{n}": blob for n, blob in enumerate(made.slices([0.0, 1.0, 2.0], edit=timed))})
    assert scan_dicom(tmp_path).rows[0].cells["time"] == "2021-03-01T12:30:00"


def test_pydicoms_own_files_are_all_accounted_for() -> None:
    folder = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
    table = scan_dicom(folder)
    files = sum(int(row.cells["instances"] or 0) for row in table.rows)
    left_out = sum(int(note.split(" ", 1)[0]) for note in table.notes if note[0].isdigit())
    assert files + left_out == sum(path.is_file() for path in folder.rglob("*"))
    kinds = {row.cells["kind"] for row in table.rows if not row.problem}
    assert kinds == {"image", "volume"}


def test_real_series_are_four_rows(shared_data: Path) -> None:
    folder = shared_data / "dicom_brain"
    if not folder.is_dir():
        pytest.skip("no dicom_brain")
    table = scan_dicom(folder)
    assert [row.cells["SeriesDescription"] for row in table.rows] == [
        "T1post", "T1pre_reg", "FLAIR_reg", "T2_reg",
    ]  # fmt: skip
    assert {(row.cells["kind"], row.cells["instances"], row.problem) for row in table.rows} == {
        ("volume", "22", "")
    }
    for row in table.rows:
        heights = [
            float(pydicom.dcmread(folder / name, stop_before_pixels=True).ImagePositionPatient[2])
            for name in (row.cells["files"] or "").split("\n")
        ]
        assert heights == sorted(heights)
