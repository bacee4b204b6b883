"""Hostile DICOM: every file of the corpus is refused in words, within seconds and without much memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest

from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.cohort.sources.dicom.scan import scan_dicom
from medxmodal.errors import InputError

MADE = Path(__file__).with_name("dicom_files.py")
MEASURE = """
import json, sys, time
from pathlib import Path
from medxmodal.cohort.sources.dicom.scan import scan_dicom
from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.errors import InputError

folder, found = Path(sys.argv[1]), {}
for case in sorted(folder.iterdir()):
    start, said = time.perf_counter(), []
    for row in scan_dicom(case).rows:
        said.append(row.problem)
    try:
        decode_dicom([path.read_bytes() for path in sorted(case.iterdir())], "scan 7")
    except InputError as error:
        said.append(str(error))
    # Not getrusage: a forked process starts with the peak of whoever forked it.
    words = Path("/proc/self/status").read_text().split()
    peak = int(words[words.index("VmHWM:") + 1]) >> 10
    found[case.name] = [list(filter(None, said)), time.perf_counter() - start, peak]
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def made(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    return load_helper(MADE)


@pytest.fixture(scope="module")
def corpus(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    for case, files in made.corpus().items():
        (root / case).mkdir()
        for name, data in files.items():
            (root / case / name).write_bytes(data)
    return root


def test_the_corpus_is_small_and_always_the_same(made: ModuleType) -> None:
    first, second = made.corpus(), made.corpus()
    assert first == second
    assert sum(len(data) for files in first.values() for data in files.values()) < 4 << 20
    assert len(first) >= 40


def test_every_case_is_refused_soon_and_without_much_memory(corpus: Path) -> None:
    command = [sys.executable, "-c", MEASURE, str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(found) == {case.name for case in corpus.iterdir()}
    for case, (said, seconds, peak) in found.items():
        assert said, f"{case} was read as if nothing were wrong"
        assert seconds < 5, f"{case} took {seconds:.1f} s"
        assert peak < 600, f"{case}: {peak} MiB"
        assert all("\n" not in words and "Traceback" not in words for words in said)
    # Only the RLE codec, which is written in Rust, speaks to standard error when it gives up.
    assert "Traceback" not in done.stderr
    assert "file.dcm" not in done.stderr


def test_refusals_say_why(corpus: Path) -> None:
    def said(case: str) -> str:
        blobs = [path.read_bytes() for path in sorted((corpus / case).iterdir())]
        with pytest.raises(InputError) as caught:
            decode_dicom(blobs, "scan 7")
        assert str(caught.value).startswith("scan 7")
        return str(caught.value)

    assert "declares 4294967294 and holds 10" in said("four GiB of pixels declared")
    assert "declares a value of 4294967280 bytes" in said("a header value of four GiB")
    assert "nests its sequences too deep" in said("nested 300 deep")
    assert "65535 x 65535 pixels; the limit is" in said("65535 squared")
    assert "unpacks to more than 128 MiB" in said("deflate bomb")
    assert "a frame holds 60000 x 60000" in said("JPEG 2000 of 60000 squared")
    assert "a frame holds 65000 x 65000" in said("JPEG of 65000 squared")
    assert "declares 1000 frames and holds 1" in said("one frame of a thousand")
    assert "says that its pixels are compressed" in said("says JPEG 2000, holds none")
    assert "unknown transfer syntax" in said("an unknown transfer syntax")
    assert "different orientation" in said("mixed orientations")
    assert "several patients" in said("two patients in one series")
    assert "several different slices at the same place" in said("different slices at one place")
    assert "ImagePositionPatient is not 3 finite numbers" in said("position that is no number")
    assert "shifted against each other" in said("shifted slices")


def test_any_damage_is_an_input_error_or_read(made: ModuleType) -> None:
    bundled = Path(pydicom.__file__).parent / "data" / "test_files"
    names = ("CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "rtdose.dcm", "image_dfl.dcm")
    sound = [(bundled / name).read_bytes() for name in names]
    draw = np.random.default_rng(11)
    read, refused = 0, list[str]()
    for n in range(400):
        damaged = bytearray(sound[n % len(sound)])
        for _ in range(draw.choice([1, 2, 8])):
            at = int(draw.integers(128, min(len(damaged), 1500)))
            damaged[at] = int(draw.choice([0, 1, 127, 255, draw.integers(256)]))
            if draw.random() < 0.3:
                del damaged[at : at + int(draw.choice([1, 2, 8]))]
        try:
            decode_dicom([bytes(damaged)], "scan 7")
        except InputError as error:
            refused.append(str(error))
        else:
            read += 1
    assert read > 40
    assert len(refused) > 40
    assert all(said.startswith("scan 7") for said in refused)


def test_sequences_of_defined_length_cost_nothing(made: ModuleType) -> None:
    sound = made.pack(made.header(np.arange(64, dtype=np.uint16).reshape(8, 8)))
    deep = made._before(sound, made.nested(300, defined=True))
    try:
        decoded = decode_dicom([deep], "scan 7")  # never unpacked, since nothing there is asked for
    except InputError as error:
        pytest.fail(str(error))
    assert decoded.array.shape == (8, 8)


def test_one_bad_file_does_not_hide_the_good(made: ModuleType, tmp_path: Path) -> None:
    for n, data in enumerate(made.slices((0.0, 1.0, 2.0))):
        (tmp_path / f"{n}.dcm").write_bytes(data)
    (tmp_path / "zz.dcm").write_bytes(made.corpus()["cut in the header"]["file.dcm"])
    table = scan_dicom(tmp_path)
    assert [(row.cells["kind"], bool(row.problem)) for row in table.rows] == [("volume", False), (None, True)]
    assert table.rows[1].shown.startswith("DICOM file 4 (sha256 ")
