"""DICOMweb servers: the same cells as from files, files bit for bit, and what happens when it goes wrong."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest

from medxmodal.cohort.sources.dicom.scan import scan_dicom
from medxmodal.cohort.sources.dicom.tags import COLUMNS
from medxmodal.cohort.sources.dicom.web import dicomweb_server, query_dicomweb
from medxmodal.cohort.sources.dicom.web_fetch import fetch_all, fetch_series
from medxmodal.cohort.sources.rows import Row, Table
from medxmodal.cohort.sources.server import Patience, Server
from medxmodal.errors import InputError, SpecError

STUDY, SERIES = "1.2.840.4711", "1.2.840.4711.1"
FROM_FILES_ONLY = {"time", "kind", "files"}
Reply = tuple[int, dict[str, str], bytes]


class Pacs:
    """DICOM files behind QIDO-RS and WADO-RS, as far as this project asks; tests spoil its answers."""

    def __init__(self, blobs: list[bytes]) -> None:
        self.blobs = blobs
        self.headers = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(blob)) for blob in blobs]
        self.fetched = 0
        self.spoil: Callable[[Reply], Reply] = lambda reply: reply
        self.ignores: set[str] = set()

    def __call__(self, path: str, query: dict[str, str]) -> Reply:
        if "/instances/" in path:
            self.fetched += 1
            uid = path.rpartition("/")[2]
            found = [b for b, h in zip(self.blobs, self.headers, strict=True) if uid == h.SOPInstanceUID]
            return self.spoil(multipart(found[0]))
        chosen = [h for h in self.headers if all(self._fits(h, *pair) for pair in query.items())]
        if path.endswith("/series"):
            items = list({h.SeriesInstanceUID: self._described(h) for h in chosen}.values())
        else:
            uid = path.split("/")[-2]
            items = [{"00080018": {"vr": "UI", "Value": [h.SOPInstanceUID]}} for h in chosen
                     if uid == h.SeriesInstanceUID]  # fmt: skip
        at = 0 if "offset" in self.ignores else int(query["offset"])
        page = items[at : at + int(query["limit"])]
        return (200, {}, json.dumps(page).encode()) if page else (204, {}, b"")

    def _fits(self, header: pydicom.Dataset, name: str, value: str) -> bool:
        if name in {"limit", "offset", "includefield"} | self.ignores:
            return True
        if name == "StudyDate":
            first, _, last = value.partition("-")
            return bool((first or "0") <= header.StudyDate <= (last or "9"))
        return bool(value == header.get(name))

    def _described(self, header: pydicom.Dataset) -> dict[str, Any]:
        same = [h for h in self.headers if h.SeriesInstanceUID == header.SeriesInstanceUID]
        told = pydicom.Dataset()
        told.update({element.tag: element for element in header if element.tag < 0x00280000})
        told.NumberOfSeriesRelatedInstances = len(same)
        return dict(told.to_json_dict())


def multipart(*parts: bytes, end: bytes = b"\r\n--b o--\r\n") -> Reply:
    head = b"--b o\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"\r\n".join(head + part for part in parts) + end
    return 200, {"Content-Type": 'multipart/related; type="application/dicom"; boundary="b o"'}, body


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(Path(__file__).parents[3] / "hostile" / "dicom_files.py")


@pytest.fixture
def pacs(made: ModuleType, web: Any) -> Pacs:
    """Two patients: a volume of four slices each, and an X-ray of the first."""
    blobs = []
    for number in (0, 1):
        study = f"1.2.840.{number}"
        ids = {"PatientID": f"P{number + 1}", "StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
        for n, blob in enumerate(made.slices([6.0, 0.0, 4.0, 2.0])):
            ids |= {"SOPInstanceUID": f"{study}.1.{n}", "StudyDate": f"202{number}0101"}
            blobs.append(edited(made, blob, PatientAge="045Y", **ids))
    chest = edited(made, blobs[0], SeriesInstanceUID="1.2.840.3", SOPInstanceUID="1.2.840.3.1", Modality="DX")
    web.respond = Pacs([*blobs, edited(made, chest, SeriesDescription="Chest of Quackenbush")])
    found: Pacs = web.respond
    return found


def edited(made: ModuleType, blob: bytes, **values: str) -> bytes:
    header = pydicom.dcmread(pydicom.filebase.DicomBytesIO(blob))
    for name, value in values.items():
        setattr(header, name, value)
    header.PatientName = "Quackenbush^Jane"
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    return bytes(made.pack(header))


@pytest.fixture
def server(web: Any) -> Server:
    return dicomweb_server(f"{web.base}/rs", patience=Patience(pause=0))


@contextmanager
def refused(says: str, wrong: type[Exception] = InputError) -> Iterator[None]:
    with pytest.raises(wrong, match=says) as error:
        yield
    assert not re.search(r"Quackenbush|1\.2\.8|\bP1\b", str(error.value))


@pytest.mark.parametrize("page", [1, 2, 3, 500])
def test_cells_are_those_of_the_files_themselves(
    pacs: Pacs, server: Server, tmp_path: Path, page: int
) -> None:
    for number, blob in enumerate(pacs.blobs):
        (tmp_path / f"{number}.dcm").write_bytes(blob)
    table = query_dicomweb(server, page=page)
    assert table.columns == COLUMNS
    assert len(table.rows) == 3
    assert "Quackenbush" not in str(table)

    def told(found: Table) -> list[list[tuple[str, str | None]]]:
        return sorted(
            sorted((k, v) for k, v in row.cells.items() if k not in FROM_FILES_ONLY) for row in found.rows
        )

    assert told(table) == told(scan_dicom(tmp_path))
    assert [row.cells["time"] for row in table.rows] == ["2020-01-01", "2020-01-01", "2021-01-01"]
    assert query_dicomweb(server, page=page).sha256 == table.sha256
    pacs.blobs, pacs.headers = pacs.blobs[::-1], pacs.headers[::-1]
    assert query_dicomweb(server).sha256 == table.sha256


@pytest.mark.parametrize("ignores", [set(), {"Modality", "StudyDate", "PatientID", "StudyInstanceUID"}])
def test_filters_hold_even_where_the_server_ignores_them(
    pacs: Pacs, server: Server, ignores: set[str]
) -> None:
    pacs.ignores = ignores
    study = str(pacs.headers[0].StudyInstanceUID)

    def found(**filters: Any) -> list[tuple[str | None, str | None]]:
        rows = query_dicomweb(server, **filters).rows
        return sorted((row.cells["PatientID"], row.cells["Modality"]) for row in rows)

    assert found(modality="CT") == [("P1", "CT"), ("P2", "CT")]
    assert found(patients=["P1", "none", "P1"]) == [("P1", "CT"), ("P1", "DX")]
    assert found(patients=["*"]) == []
    assert found(studies=[study], modality="DX") == [("P1", "DX")]
    assert found(dates=("2020-06-01", "")) == [("P2", "CT")]
    assert found(dates=("", "2020-06-01"), patients=["P2"]) == []


def test_a_server_without_paging_either_gave_all_or_is_an_error(pacs: Pacs, server: Server) -> None:
    pacs.ignores = {"offset"}
    assert len(query_dicomweb(server, page=4).rows) == 3
    with refused(r"same page again \(search for series, page 2\)"):
        query_dicomweb(server, page=2)


def test_a_server_that_says_there_is_more_and_does_not_give_it(pacs: Pacs, web: Any, server: Server) -> None:
    pacs.ignores = {"offset"}
    said = "299 pacs: There are 12 additional results that can be requested"

    def respond(path: str, query: dict[str, str]) -> Reply:
        status, headers, body = pacs(path, query)
        return status, headers | {"Warning": said}, body

    web.respond = respond
    with refused("same page again"):
        query_dicomweb(server)


def test_filters_that_will_not_do(server: Server, web: Any) -> None:
    with refused("no dates", SpecError):
        query_dicomweb(server, dates=("20200101", ""))
    with refused("digits and dots", SpecError):
        query_dicomweb(server, studies=["1.2/../../patients"])
    with refused("digits and dots", SpecError):
        fetch_series(server, "1.2", "", Path("nowhere"))
    with refused("empty PatientID", SpecError):
        query_dicomweb(server, patients=[""])
    assert web.asked == []


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>Quackenbush"), "no JSON .*base of a DICOMweb"),
        ((200, {}, b'{"PatientName": "Quackenbush"}'), "no list of DICOM JSON"),
        ((200, {}, b'["Quackenbush"]'), "no list of DICOM JSON"),
        ((400, {}, b"unknown field Quackenbush"), "answers 400"),
    ],
)
def test_what_is_no_answer_to_a_query(web: Any, server: Server, reply: Reply, says: str) -> None:
    web.respond = lambda path, query: reply
    with refused(says):
        query_dicomweb(server)


@pytest.mark.parametrize("item", ['{"Quackenbush": {"vr": "UI"}}', '{"00100020": "Quackenbush"}'])
def test_a_damaged_series_is_a_row_with_its_problem(pacs: Pacs, web: Any, server: Server, item: str) -> None:
    def respond(path: str, query: dict[str, str]) -> Reply:
        status, headers, body = pacs(path, query)
        return status, headers, body.replace(b"[{", f"[{item}, {{".encode(), 1)

    web.respond = respond
    table = query_dicomweb(server)
    assert [row.problem for row in table.rows] == [
        "what the DICOMweb server says of it is damaged",
        "",
        "",
        "",
    ]
    assert "Quackenbush" not in str(table)


def test_a_series_without_uid_is_left_out_and_said(web: Any, server: Server) -> None:
    item = b'[{"00100020": {"vr": "LO", "Value": ["P1"]}}]'
    web.respond = lambda path, query: (200, {}, item if query["offset"] == "0" else b"[]")
    table = query_dicomweb(server)
    assert table.rows == ()
    assert table.notes == ("1 series of the server have no SeriesInstanceUID and were left out",)


def fetch(server: Server, pacs: Pacs, into: Path, **limits: Any) -> list[Path]:
    first = pacs.headers[0]
    return fetch_series(server, first.StudyInstanceUID, first.SeriesInstanceUID, into, **limits)


def test_files_come_bit_for_bit_and_are_named_by_content(pacs: Pacs, server: Server, tmp_path: Path) -> None:
    files = fetch(server, pacs, tmp_path / "in")
    assert sorted(path.read_bytes() for path in files) == sorted(pacs.blobs[:4])
    assert [path.stem for path in files] == sorted(hashlib.sha256(b).hexdigest() for b in pacs.blobs[:4])
    assert (tmp_path / "in").stat().st_mode & 0o077 == 0
    left = {path.name for path in (tmp_path / "in").iterdir()} - {path.name for path in files}
    assert all(re.fullmatch(r"series-[0-9a-f]{64}\.jsonl", name) for name in left)


def test_a_stopped_fetch_goes_on_where_it_was(pacs: Pacs, server: Server, tmp_path: Path) -> None:
    pacs.spoil = lambda reply: reply if pacs.fetched < 3 else (404, {}, b"")
    with refused(r"answers 404 \(instance 3 of 4\)"):
        fetch(server, pacs, tmp_path)
    assert not list(tmp_path.glob("*.part"))
    pacs.spoil = lambda reply: reply
    assert len(fetch(server, pacs, tmp_path)) == 4
    assert pacs.fetched == 3 + 2
    assert len(fetch(server, pacs, tmp_path)) == 4
    assert pacs.fetched == 5
    damaged, gone, *_ = sorted(tmp_path.glob("*.dcm"))
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    gone.unlink()
    with next(tmp_path.glob("*.jsonl")).open("ab") as stream:
        stream.write(b'\n["half a li')
    assert sorted(path.read_bytes() for path in fetch(server, pacs, tmp_path)) == sorted(pacs.blobs[:4])
    assert pacs.fetched == 7


def test_bare_files_hold_no_ids_and_lie_beside_the_whole_ones(
    pacs: Pacs, server: Server, tmp_path: Path
) -> None:
    whole, bare = fetch(server, pacs, tmp_path), fetch(server, pacs, tmp_path, bare=True)
    assert fetch(server, pacs, tmp_path, bare=True) == bare
    assert pacs.fetched == 8
    assert not {*whole} & {*bare}
    assert all(b"Quackenbush" in path.read_bytes() for path in whole)
    assert not any(re.search(b"Quackenbush|1.2.840.0", path.read_bytes()) for path in bare)


def cut(reply: Reply) -> Reply:
    return reply[0], reply[1], reply[2][: len(reply[2]) // 2]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut, "cut short"),
        (lambda reply: (200, reply[1] | {"Content-Length": str(len(reply[2]) + 9)}, reply[2]), "cut short"),
        (lambda reply: (200, {"Content-Type": "text/html"}, b"<html>Quackenbush"), "no multipart"),
        (lambda reply: (200, {"Content-Type": "multipart/related"}, reply[2]), "no multipart"),
        (lambda reply: (200, reply[1], b""), "cut short"),
        (lambda reply: multipart(reply[2], reply[2]), "several parts"),
        (lambda reply: multipart(reply[2], end=b"\r\n--b o\r\n"), "several parts, or was cut short"),
        (lambda reply: multipart(b"Quackenbush" * 40), "no DICOM|another DICOM"),
        (lambda reply: multipart(b""), "empty|no DICOM"),
        (lambda reply: (200, {"Content-Type": "application/dicom"}, b"x"), "no DICOM|another DICOM"),
    ],
)
def test_what_is_no_instance_is_never_kept(
    pacs: Pacs, server: Server, tmp_path: Path, spoil: Callable[[Reply], Reply], says: str
) -> None:
    pacs.spoil = spoil
    with refused(says):
        fetch(server, pacs, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_instance_than_asked_for_is_refused(pacs: Pacs, server: Server, tmp_path: Path) -> None:
    pacs.spoil = lambda reply: multipart(pacs.blobs[-1])
    with refused("instance 1 of 4 of the DICOMweb server is another DICOM object"):
        fetch(server, pacs, tmp_path)


def test_an_instance_without_multipart_is_taken_too(pacs: Pacs, server: Server, tmp_path: Path) -> None:
    """Some servers send a single instance so."""
    pacs.spoil = lambda reply: (200, {"Content-Type": "application/dicom"}, pacs.blobs[pacs.fetched - 1])
    assert len(fetch(server, pacs, tmp_path)) == 4


def test_an_instance_has_a_size_limit(pacs: Pacs, server: Server, tmp_path: Path) -> None:
    with refused("more than 0 MiB"):
        fetch(server, pacs, tmp_path, max_bytes=100)


def test_a_series_that_is_not_there(pacs: Pacs, server: Server, tmp_path: Path) -> None:
    with refused("no instances of the series"):
        fetch_series(server, STUDY, SERIES, tmp_path)
    row = Row(1, {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES}, place="series 1")
    with refused("series 1: the DICOMweb server has no instances"):
        fetch_all(server, Table(COLUMNS, (row,), ()), tmp_path)


def test_a_table_is_fetched_whole(pacs: Pacs, server: Server, tmp_path: Path) -> None:
    table = fetch_all(server, query_dicomweb(server), tmp_path)
    assert sorted((row.cells["kind"], row.cells["instances"], row.problem) for row in table.rows) == [
        ("image", "1", ""),
        ("volume", "4", ""),
        ("volume", "4", ""),
    ]
