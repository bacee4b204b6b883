"""DICOM speed: our decoder against bare `pydicom.dcmread(path).pixel_array` on the same files.

The bare loop unpacks pixels as stored and nothing else: it checks no length, sorts nothing, knows no
affine and applies no rescale. Ours makes the whole volume, in float32. Pairs alternate, and so does who
goes first. Files lie in the page cache for both. Seconds are of the processor, not of the clock: one process
on a shared machine.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from common import Absent, data_folder, say, table, verdict
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

from medxmodal.cohort.sources.dicom.decode import decode_dicom
from medxmodal.cohort.sources.dicom.scan import scan_dicom

SLICES, SIDE, PAIRS, TARGET = 24, 512, 7, 0.8
SYNTAXES = {
    "uncompressed": ExplicitVRLittleEndian,
    "RLE": RLELossless,
    "JPEG 2000, lossless": JPEG2000Lossless,
}


def section(slices: int = SLICES, side: int = SIDE, pairs: int = PAIRS) -> str:
    """The section of the report.

    Args:
        slices: Of the simulated CT series.
        side: Rows and columns of each.
        pairs: Measured pairs, after one that warms up.
    """
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for words, syntax in SYNTAXES.items():
            paths = write_series(Path(folder, words.split(",")[0]), slices, side, syntax)
            rows += _measured(f"CT {side} x {side}, {words}", [paths], pairs)
        rows += _scanned(Path(folder), len(SYNTAXES) * slices)
    try:
        brain = sorted(path for path in data_folder("dicom_brain").iterdir() if path.is_dir())
        series = [sorted(path.glob("*.dcm")) for path in brain]
        rows += _measured("`dicom_brain`: four MR series, uncompressed", series, pairs)
    except Absent as reason:
        say(f"  without dicom_brain: {reason}")
    return (
        "## DICOM\n\n"
        f"Decoding a series to a volume (every length checked, slices sorted by geometry, rescale applied, "
        f"float32 with affine) against bare `pydicom.dcmread(path).pixel_array` slice by slice, {pairs} "
        f"alternating pairs, one process, by processor time. {slices} simulated CT slices of 16 bits; codecs "
        "by pylibjpeg, while bare pydicom takes the first that it finds.\n\n"
        + table(["files and figure", "median", "least", "most", "target, at least", ""], rows)
    )


def write_series(folder: Path, slices: int, side: int, syntax: str) -> list[Path]:
    """Write a simulated CT series: smooth tissue, a bright ring and noise, packed by a codec.

    Args:
        folder: Is made.
        slices: How many.
        side: Rows and columns.
        syntax: Transfer syntax.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius = np.hypot(x, y)
    body = np.where(radius < 0.8, 1040.0, 0.0) + np.where(abs(radius - 0.7) < 0.04, 700.0, 0.0)
    paths = []
    for n in range(slices):
        noise = rng.normal(0, 12, (side, side)) * (radius < 0.8)
        pixels = np.clip(body + noise + 60 * np.sin(6 * x + n / 4), 0, 4095).astype(np.uint16)
        made = _slice(pixels, n)
        if syntax == ExplicitVRLittleEndian:
            made.PixelData = pixels.tobytes()
            made["PixelData"].VR = "OW"
            made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        else:
            made.compress(syntax, pixels, generate_instance_uid=False)
        paths.append(folder / f"{n * 37 % 101:03d}.dcm")  # file names are in no order
        made.save_as(paths[-1], enforce_file_format=True)
    return sorted(paths)


def _slice(pixels: np.ndarray, n: int) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, generate_uid(entropy_srcs=[str(n)])
    made.StudyInstanceUID, made.SeriesInstanceUID = (
        generate_uid(entropy_srcs=["study"]),
        generate_uid(entropy_srcs=["a"]),
    )
    made.PatientID, made.Modality, made.InstanceNumber = "simulated", "CT", n + 1
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.RescaleSlope, made.RescaleIntercept = 1, -1024
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.ImagePositionPatient = [-180, -180, 2.5 * n]
    made.PixelSpacing, made.SliceThickness = [0.7, 0.7], 2.5
    return made


def ours(series: Sequence[Sequence[Path]]) -> None:
    """Every series to a volume."""
    for paths in series:
        decode_dicom([path.read_bytes() for path in paths], "series", kind="volume")


def bare(series: Sequence[Sequence[Path]]) -> None:
    """Every slice's pixels, as pydicom gives them."""
    for paths in series:
        for path in paths:
            _ = pydicom.dcmread(path).pixel_array


def _measured(words: str, series: Sequence[Sequence[Path]], pairs: int) -> list[list[str]]:
    seconds: dict[Callable[[Sequence[Sequence[Path]]], None], list[float]] = {ours: [], bare: []}
    for pair in range(pairs + 1):
        for run in (ours, bare) if pair % 2 else (bare, ours):
            start = time.process_time()
            run(series)
            seconds[run].append(time.process_time() - start)
    count = sum(map(len, series))
    ratios = [b / a for a, b in zip(seconds[ours][1:], seconds[bare][1:], strict=True)]
    say(f"  {words}: {statistics.median(ratios):.2f} of bare pydicom")
    met = verdict(statistics.median(ratios) >= TARGET)
    return [
        [f"{words}: this toolkit, slices/s", *_spread([count / s for s in seconds[ours][1:]], 0), "", ""],
        [f"{words}: bare pydicom, slices/s", *_spread([count / s for s in seconds[bare][1:]], 0), "", ""],
        [f"{words}: **ratio**", *_spread(ratios, 2), f"{TARGET}", met],
    ]


def _scanned(folder: Path, files: int) -> list[list[str]]:
    speeds = []
    for _ in range(4):
        start = time.process_time()
        scan_dicom(folder)
        speeds.append(files / (time.process_time() - start))
    return [["Scanning a folder (headers, geometry, SHA-256), files/s", *_spread(speeds[1:], 0), "", ""]]


def _spread(values: Sequence[float], digits: int) -> list[str]:
    return [f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))]
