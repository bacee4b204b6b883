"""Scoring: studies a second and peak memory, for a cohort and for one four times as large.

Each size is scored by a fresh process, whose peak resident memory is what the system counted.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import Absent, python, say, table, verdict

SIZES, REPEATS = (256, 1024), 3
GROWTH = 1.1
"""Peak memory of the larger cohort over that of the smaller must stay below this."""


def section(sizes: tuple[int, int] = SIZES, repeats: int = REPEATS) -> str:
    """The section of the report.

    Args:
        sizes: Patients of the smaller and of the larger cohort.
        repeats: Processes a size.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = _run(folder)
        cohorts = [_cohort(folder / f"{n}", n, first_patient=10_000) for n in sizes]
        found = [[_score(run, cohort, folder) for _ in range(repeats)] for cohort in cohorts]
    rows, peaks = [], []
    for n, results in zip(sizes, found, strict=True):
        median = {key: statistics.median(result[key] for result in results) for key in results[0]}
        peaks.append(median["peak"])
        rows.append(
            [
                f"{n}",
                f"{1000 * median['seconds'] / n:.1f}",
                f"{n / median['seconds']:.0f}",
                f"{median['before']:.0f}",
                f"{median['peak']:.0f}",
            ]
        )
    growth = peaks[1] / peaks[0]
    return (
        "## Scoring\n\n"
        f"`score_local` with the five members of a run of `pipelines/demo.yaml`, simulated patients the run "
        f"never saw (image, table, note), files read and decoded on the way, median of {repeats} processes a "
        "size with one thread each. Memory is the resident peak of the whole process.\n\n"
        + table(
            ["studies", "ms a study", "studies/s", "MB before scoring", "MB at most"],
            rows,
        )
        + f"\n\nFour times the studies take {growth:.2f} times the memory at most (target: below {GROWTH}, "
        f"{verdict(growth < GROWTH)})."
    )


def _cohort(folder: Path, patients: int, first_patient: int) -> Path:
    from medxmodal.cohort import Cohort, CohortSpec
    from medxmodal.cohort.demo import write_demo

    say(f"  {patients} simulated patients")
    data = write_demo(folder / "data", patients=patients, first_patient=first_patient).data
    return Cohort.from_spec(CohortSpec.read("demo"), data).save(folder / "cohort")


def _run(folder: Path) -> Path:
    from medxmodal.pipeline.train import train

    say("  a run to score with")
    settings = ["training.epochs=1", "training.interval_draws=50", "reference=false"]
    return train("demo", _cohort(folder / "training", 120, 0), folder / "run", settings=settings).folder


def _score(run: Path, cohort: Path, folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        # One thread: on a shared machine two wait for each other, and the figure would be theirs.
        command = [__file__, str(run), str(cohort), f"{out}/scores"]
        done = python(*command, environment={"OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise Absent(f"scoring ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    found: dict[str, float] = json.loads(done.stdout)
    say(f"  {found}")
    return found


def _measure(run: str, cohort: str, out: str) -> dict[str, float]:
    """In a process of its own: seconds, and resident memory in MB before and at most."""
    from medxmodal.cohort import Cohort
    from medxmodal.model import LoadedRun
    from medxmodal.scoring import score_local

    loaded, studies = LoadedRun.load(Path(run)), Cohort.load(cohort)
    before = _memory("VmRSS")
    start = time.perf_counter()
    score_local(loaded, studies, out)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "before": before, "peak": _memory("VmHWM")}


def _memory(kind: str) -> float:
    """`VmRSS` (now) or `VmHWM` (peak) of this process in MB; unlike getrusage, not its parent's."""
    status = Path("/proc/self/status")
    if not status.is_file():
        raise Absent("memory is measured through /proc, which only Linux has")
    line = next(row for row in status.read_text().splitlines() if row.startswith(f"{kind}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
