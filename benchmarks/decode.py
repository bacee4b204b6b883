"""The decoder as a build uses it: two workers against one, and a second reading against the first.

Each worker reads, hashes, decodes and describes whole simulated CT series. Workers are started and warm
before the clock runs, since a build pays for that once. Who goes first alternates.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pydicom
from common import say, table, verdict
from dicom import write_series
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from medxmodal.cohort.decode import reference as room
from medxmodal.cohort.decode.job import Job
from medxmodal.cohort.decode.pool import DecodePool
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.root import FolderRoot
from medxmodal.cohort.study import FileReference

SERIES, SLICES, SIDE, PAIRS = 8, 20, 384, 5
SYNTAXES = {"uncompressed": (ExplicitVRLittleEndian, 6), "JPEG 2000, lossless": (JPEG2000Lossless, 1)}
"""Transfer syntax, and how often its series are decoded in one measurement."""
WORKERS, BUILD, READ = 1.6, 10.0, 10.0
_SETTLED = 2.1
"""Seconds after which a file's hash is trusted to stay."""


def section(series: int = SERIES, slices: int = SLICES, side: int = SIDE, pairs: int = PAIRS) -> str:
    """The section of the report.

    Args:
        series: Simulated CT series.
        slices: Of the first; each further one has one more, so that all differ.
        side: Rows and columns of each.
        pairs: Measured pairs, after one that warms up.
    """
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for words, (syntax, rounds) in SYNTAXES.items():
            place = Path(folder, words.split(",")[0])
            jobs = [
                Job(tuple(write_series(place / str(n), slices + n, side, syntax)), "volume", f"series {n}")
                for n in range(series)
            ]
            rows += _workers(words, jobs * rounds, pairs)
            time.sleep(_SETTLED)
            rows += _again(words, jobs, place, pairs)
    return (
        "## Decoder: workers and cache\n\n"
        f"{series} simulated CT series of {slices} to {slices + series - 1} slices, {side} x {side}. A "
        "worker reads a series, hashes its files, decodes it, hashes the volume and describes it. *Second "
        "build*: facts of the same files from the cache, no file read. *Second reading*: the volume mapped "
        "from the cache and every voxel touched, against decoding it in a worker that keeps it. Wall time, "
        f"ratios from {pairs} pairs on a shared machine.\n\n"
        + table(["files and figure", "median", "least", "most", "target, at least", ""], rows)
    )


def _workers(words: str, jobs: Sequence[Job], pairs: int) -> list[list[str]]:
    seconds: dict[int, list[float]] = {1: [], 2: []}
    bare: list[float] = []
    for pair in range(pairs + 1):
        for workers in (1, 2) if pair % 2 else (2, 1):
            with DecodePool(workers) as pool:
                _all(pool, jobs[:1] * 2 * workers)
                seconds[workers].append(_time(_all, pool, jobs))
        bare.append(_time(_bare, jobs))
    speedup = [one / two for one, two in zip(seconds[1][1:], seconds[2][1:], strict=True)]
    against = [b / one for b, one in zip(bare[1:], seconds[1][1:], strict=True)]
    say(f"  {words}: two workers {statistics.median(speedup):.2f} times one")
    return [
        [f"{words}: two workers against one", *_spread(speedup), f"{WORKERS}", _met(speedup, WORKERS)],
        [f"{words}: one worker, with hashes and facts, against bare pydicom", *_spread(against), "", ""],
    ]


def _again(words: str, jobs: Sequence[Job], place: Path, pairs: int) -> list[list[str]]:
    build: list[float] = []
    read: list[float] = []
    for pair in range(pairs):
        store = DecodedStore(place / f"store{pair}")
        with DecodePool(2, store=store) as pool:
            _all(pool, [Job(jobs[0].paths[:1], "image", "warm")] * 4)
            first = _time(_all, pool, jobs)
        with DecodePool(2, store=DecodedStore(store.folder)) as pool:
            build.append(first / _time(_all, pool, jobs))
        read.append(_read_twice(jobs, place, pair))
    say(f"  {words}: again {statistics.median(build):.0f} and {statistics.median(read):.0f} times faster")
    return [
        [f"{words}: second build against the first", *_spread(build), f"{BUILD:.0f}", _met(build, BUILD)],
        [f"{words}: second reading against the first", *_spread(read), f"{READ:.0f}", _met(read, READ)],
    ]


def _read_twice(jobs: Sequence[Job], place: Path, pair: int) -> float:
    """How much faster the second reading of all series is, through the one decoder."""
    before = os.environ.get("MEDXMODAL_CACHE")
    os.environ["MEDXMODAL_CACHE"] = str(place / f"cache{pair}")
    with DecodePool(1) as pool:
        outcomes = list(pool.run(jobs))
    root = FolderRoot(place)
    references = [
        FileReference(
            "\n".join(str(path.relative_to(place)) for path in outcome.job.paths),
            outcome.entry.removesuffix("-volume"),
            sum(outcome.sizes),
            outcome.job.shown,
            root,
        )
        for outcome in outcomes
    ]
    for reference in references:
        room.verify(reference)
    try:
        return _time(_touch, references) / _time(_touch, references)
    finally:
        if before is None:
            os.environ.pop("MEDXMODAL_CACHE")
        else:
            os.environ["MEDXMODAL_CACHE"] = before


def _touch(references: Iterable[FileReference]) -> None:
    for reference in references:
        room.decode(reference, "volume").sum()


def _all(pool: DecodePool, jobs: Iterable[Job]) -> None:
    for outcome in pool.run(jobs):
        outcome.check()


def _bare(jobs: Iterable[Job]) -> None:
    for job in jobs:
        for path in job.paths:
            _ = pydicom.dcmread(path).pixel_array


def _time(call: Callable[..., None], *arguments: object) -> float:
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def _met(values: Sequence[float], target: float) -> str:
    return verdict(statistics.median(values) >= target)


def _spread(values: Sequence[float]) -> list[str]:
    return [f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))]
