"""A folder of FHIR at a glance: types, codes, and honest words about what was not looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from medxmodal.cohort.sources.fhir import sniff as fhir_sniff
from medxmodal.cohort.sources.fhir.sniff import fhir_files, sniff_fhir


@pytest.fixture(scope="module")
def made(root: Path, load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(root / "tests" / "hostile" / "fhir_files.py")


def test_types_and_codes_are_counted(made: ModuleType, tmp_path: Path) -> None:
    made.write_bundle(tmp_path / "a.json.gz", made.patient("p1"), made.observation("o"))
    made.write_lines(tmp_path / "b.ndjson", made.observation("x"), b"{not JSON", b"[1]", made.patient("p2"))
    (tmp_path / "other.json").write_text('{"a table": 1}')
    (tmp_path / "broken.json.gz").write_bytes(b"no gzip")
    seen = sniff_fhir(tmp_path)
    assert (seen.files, seen.looked_at) == (2, 2)
    assert seen.types == {"Observation": 2, "Patient": 2}
    assert seen.codes == {"Observation": (("29463-7", "Body weight", 2),)}
    assert seen.endings == {".json.gz": 1, ".ndjson": 1}
    assert seen.complete


def test_looking_is_bounded_and_says_so(
    made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.write_lines(tmp_path / "a.ndjson", *(made.observation(f"o{n}") for n in range(50)))
    monkeypatch.setattr(fhir_sniff, "MAX_BYTES", 3000)
    seen = sniff_fhir(tmp_path)
    assert not seen.complete
    assert 0 < seen.types["Observation"] < 50
    monkeypatch.setattr(fhir_sniff, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(fhir_sniff, "MAX_FILES", 3)
    for n in range(9):
        made.write_lines(tmp_path / f"b{n}.ndjson", made.observation("o"))
    seen = sniff_fhir(tmp_path)
    assert (seen.files, seen.looked_at, seen.complete) == (10, 3, False)


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    seen = sniff_fhir(tmp_path)
    assert (seen.files, seen.types, seen.complete) == (0, {}, True)
    assert fhir_files(tmp_path) == []


def test_real_export(shared_data: Path) -> None:
    seen = sniff_fhir(shared_data / "fhir_bulk")
    assert seen.types["Patient"] == 13
    assert seen.types["DocumentReference"] == seen.notes == 1215
    assert len(seen.codes["Condition"]) == 20
    assert seen.complete
