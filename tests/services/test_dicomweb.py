"""A real PACS (Orthanc with its DICOMweb plugin): what it gives is what was sent, bit for bit."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.cohort.sources.dicom.scan import scan_dicom
from medxmodal.cohort.sources.dicom.web import query_dicomweb
from medxmodal.cohort.sources.dicom.web_fetch import fetch_all, fetch_series
from medxmodal.cohort.sources.rows import Table
from medxmodal.errors import InputError

pytestmark = pytest.mark.services

FROM_FILES_ONLY = {"time", "kind", "files"}


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(Path(__file__).parents[1] / "hostile" / "dicom_files.py")


@pytest.fixture
def stored(pacs: Any, made: ModuleType) -> Iterator[list[bytes]]:
    """Two patients with a volume each, sent out of order, and an RLE-packed X-ray."""
    blobs = []
    for number, syntax in ((0, ImplicitVRLittleEndian), (1, ExplicitVRBigEndian)):
        study = f"1.2.840.{number}"
        for n, blob in enumerate(made.slices([6.0, 0.0, 4.0, 2.0], syntax=syntax)):
            header = pydicom.dcmread(io.BytesIO(blob))
            header.PatientID, header.StudyInstanceUID = f"P{number + 1}", study
            header.SeriesInstanceUID, header.SOPInstanceUID = f"{study}.1", f"{study}.1.{n}"
            header.PatientName, header.PatientAge = "Quackenbush^Jane", "045Y"
            header.StudyDate, header.SeriesDescription = f"202{number}0101", "Axial of Quackenbush"
            blobs.append(made.pack(header, syntax))
    chest = made.header(np.arange(64, dtype=np.uint16).reshape(8, 8), series="chest")
    chest.Modality, chest.ViewPosition, chest.StudyDate = "DX", "PA", "20200101"
    packed = pydicom.dcmread(io.BytesIO(made.pack(chest)))
    packed.compress(RLELossless, generate_instance_uid=False)
    blobs.append(made.pack(packed, RLELossless))
    for blob in blobs:
        pacs.send(blob)
    yield blobs
    pacs.clear()


def told(table: Table) -> list[dict[str, str | None]]:
    rows = [{k: v for k, v in row.cells.items() if k not in FROM_FILES_ONLY} for row in table.rows]
    return sorted(rows, key=lambda cells: cells["SeriesInstanceUID"] or "")


@pytest.mark.parametrize("page", [1, 2, 3, 500])
def test_the_table_is_that_of_the_files(stored: list[bytes], pacs: Any, tmp_path: Path, page: int) -> None:
    for number, blob in enumerate(stored):
        (tmp_path / f"{number}.dcm").write_bytes(blob)
    table = query_dicomweb(pacs.named, page=page)
    assert told(table) == told(scan_dicom(tmp_path))
    assert len(table.rows) == 3
    assert "Quackenbush" not in str(table)
    assert table.sha256 == query_dicomweb(pacs.named).sha256


def test_filters(stored: list[bytes], pacs: Any) -> None:
    def found(**filters: Any) -> list[str | None]:
        return sorted(row.cells["Modality"] or "" for row in query_dicomweb(pacs.named, **filters).rows)

    assert found(modality="DX") == ["DX"]
    assert found(patients=["P2", "P3"]) == ["CT"]
    assert found(patients=["P?"]) == []
    assert found(studies=["1.2.840.0", "1.2.840.1"]) == ["CT", "CT"]
    assert found(dates=("2020-01-01", "2020-12-31")) == ["CT", "DX"]
    assert found(dates=("2021-01-01", "")) == ["CT"]


def test_files_come_back_bit_for_bit(stored: list[bytes], pacs: Any, tmp_path: Path) -> None:
    table = fetch_all(pacs.named, query_dicomweb(pacs.named), tmp_path)
    assert {path.read_bytes() for path in tmp_path.glob("*.dcm")} == set(stored)
    assert sorted((row.cells["kind"], row.problem) for row in table.rows) == [
        ("image", ""), ("volume", ""), ("volume", ""),
    ]  # fmt: skip
    for row in table.rows:
        blobs = [(tmp_path / name).read_bytes() for name in (row.cells["files"] or "").split("\n")]
        sent = [blob for blob in stored if blob in blobs]
        kind = row.cells["kind"] or ""
        one, two = decode_dicom(blobs, "fetched", kind=kind), decode_dicom(sent, "sent", kind=kind)
        np.testing.assert_array_equal(one.array, two.array)


def test_an_independent_client_sees_the_same(stored: list[bytes], pacs: Any, tmp_path: Path) -> None:
    import requests
    from dicomweb_client.api import DICOMwebClient

    session = requests.Session()
    session.headers.update(pacs.headers)
    client = DICOMwebClient(f"{pacs.root}/dicom-web", session=session)
    seen = {item["0020000E"]["Value"][0] for item in client.search_for_series()}
    assert seen == {row.cells["SeriesInstanceUID"] for row in query_dicomweb(pacs.named).rows}
    theirs = client.retrieve_series("1.2.840.0", "1.2.840.0.1")
    ours = [pydicom.dcmread(path) for path in fetch_series(pacs.named, "1.2.840.0", "1.2.840.0.1", tmp_path)]
    assert len(ours) == len(theirs) == 4
    for one, two in zip(*(sorted(x, key=lambda d: d.SOPInstanceUID) for x in (ours, theirs)), strict=True):
        np.testing.assert_array_equal(one.pixel_array, two.pixel_array)


def test_what_is_fetched_is_not_fetched_again(stored: list[bytes], pacs: Any, tmp_path: Path) -> None:
    first = fetch_series(pacs.named, "1.2.840.1", "1.2.840.1.1", tmp_path)
    before = [path.stat().st_mtime_ns for path in first]
    assert fetch_series(pacs.named, "1.2.840.1", "1.2.840.1.1", tmp_path) == first
    assert [path.stat().st_mtime_ns for path in first] == before


def test_what_is_not_there_and_who_may_not_see_it(
    stored: list[bytes], pacs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no instances of the series asked for"):
        fetch_series(pacs.named, "1.2.840.1", "9.9", tmp_path)
    monkeypatch.setenv("MEDXMODAL_TEST_PACS_TOKEN", "Basic bm9ib2R5Omh1bnRlcjI=")
    with pytest.raises(InputError, match=r"answers 401 .*NAME_TOKEN") as error:
        query_dicomweb(pacs.named)
    assert "bm9ib2R5" not in str(error.value)
    monkeypatch.setenv("MEDXMODAL_TEST_PACS", f"{pacs.root}/nowhere")
    monkeypatch.setenv("MEDXMODAL_TEST_PACS_TOKEN", pacs.headers["Authorization"])
    with pytest.raises(InputError, match=r"answers 404 .*base of the service"):
        query_dicomweb(pacs.named)


def test_a_real_study(pacs: Any, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dicom_brain"
    blobs = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for blob in blobs:
        pacs.send(blob)
    table = fetch_all(pacs.named, query_dicomweb(pacs.named, modality="MR"), tmp_path)
    pacs.clear()
    assert {path.read_bytes() for path in tmp_path.glob("*.dcm")} == blobs
    assert [(row.cells["kind"], row.problem) for row in table.rows] == [("volume", "")] * 4
