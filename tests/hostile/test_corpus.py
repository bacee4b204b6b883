"""The committed corpus is refused, file by file, also where the libraries that made it have moved on."""

from __future__ import annotations

from pathlib import Path

import pytest

from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.cohort.sources.dicom.scan import scan_dicom
from medxmodal.cohort.sources.nifti import decode_nifti
from medxmodal.errors import InputError

CORPUS = Path(__file__).with_name("corpus")
DICOM = sorted((CORPUS / "dicom").iterdir())
NIFTI = sorted((CORPUS / "nifti").iterdir())


def test_there_is_a_corpus() -> None:
    assert len(DICOM) >= 45
    assert len(NIFTI) >= 28


@pytest.mark.parametrize("case", DICOM, ids=lambda path: path.name)
def test_dicom(case: Path) -> None:
    said = [row.problem for row in scan_dicom(case).rows if row.problem]
    try:
        decode_dicom([path.read_bytes() for path in sorted(case.iterdir())], "scan 7")
    except InputError as error:
        said.append(error.message)
    assert said


@pytest.mark.parametrize("case", NIFTI, ids=lambda path: path.name)
def test_nifti(case: Path) -> None:
    (path,) = case.iterdir()
    with pytest.raises(InputError, match="volume 7"):
        decode_nifti(path.read_bytes(), "volume 7")
