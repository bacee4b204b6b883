"""FHIR bulk NDJSON to tables: speed against `orjson.loads`, two workers against one, memory of many patients.

The public sample export, replicated. Every measurement is a process of its own; `python
benchmarks/fhir_bulk.py 50000` prints the section with that many patients in the memory table. (The file is
not called `fhir`, which would hide the package of that name.)
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import Absent, data_folder, python, say, table, verdict
from replicate import replicate

SPEED_PATIENTS, REPEATS = 200, 5
MEMORY_PATIENTS, EACH = (1_000, 8_000), 4
"""The patients of the memory table, and how many resources of each type such a patient has at most."""
TYPES = ("Patient", "Encounter", "Condition", "Procedure", "MedicationRequest", "Immunization",
         "AllergyIntolerance", "DocumentReference", "Device")  # fmt: skip
RATIO, SPEEDUP, GROWTH = 1 / 3, 1.7, 1.2


def section(
    patients: int = SPEED_PATIENTS, many: tuple[int, int] = MEMORY_PATIENTS, repeats: int = REPEATS
) -> str:
    """The section of the report.

    Args:
        patients: Replicated patients of the speed table.
        many: Fewer and more patients of the memory table.
        repeats: Measurements of each speed, of which the best counts.
    """
    source = data_folder("fhir_bulk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = replicate(source, folder / "speed", patients)
        say(f"  {count} resources of {patients} patients")
        speed = _ask("speed", folder / "speed", repeats)
        peaks = []
        for n in many:
            resources = replicate(source, folder / f"{n}", n, EACH)
            peaks.append((n, resources, _ask("peak", folder / f"{n}", 1)))
    return (
        "## FHIR bulk NDJSON to tables\n\n"
        f"The sample export `fhir_bulk`, replicated with fresh ids to {patients} patients, {count:,} "
        "resources of nine types, base64 notes among them, all used, plain NDJSON. Ours is from the files to "
        "the rows of every table: read, checked, flattened, spilled by patient, doubled resources and "
        "unknown patients found, sorted, read back. Wall time, the best of "
        f"{repeats}; others work on this machine too.\n\n"
        + _speed_table(count, speed)
        + "\n\n"
        + _memory_table(peaks)
    )


def _speed_table(count: int, best: dict[str, float]) -> str:
    words = {
        "kept": "`orjson.loads` of every line, one list of what it gives",
        "paused": "the same with Python's cycle collector paused, as ours pauses it",
        "dropped": "`orjson.loads` of every line, each result thrown away",
        "none 1": "ours, nothing validated whole",
        "sample 1": "ours, 2 % validated whole (the default)",
        "none 2": "ours, nothing validated whole, two workers",
        "sample 2": "ours, 2 % validated whole, two workers",
    }
    rows = []
    for key, said in words.items():
        seconds = best[key]
        ratios = [f"{best[base] / seconds:.2f}" for base in ("kept", "paused", "dropped")]
        rows.append([said, f"{count / seconds:,.0f}", *ratios])
    over = {base: best[base] / best["sample 1"] for base in ("kept", "paused", "dropped")}
    shown = {base: f"{verdict(ratio >= RATIO)} ({ratio:.2f})" for base, ratio in over.items()}
    speedup, gives = best["none 1"] / best["none 2"], best["gives"]
    processor = best["cpu 1"] / best["cpu 2"]
    reading = best["read 1"] / best["read 2"]
    return (
        table(["", "resources/s", "over kept", "over paused", "over thrown away"], rows)
        + f"\n\nAt least a third of `orjson.loads` on the same lines, by what that is taken to be: "
        f"{shown['kept']} over a list of all results; {shown['paused']} over that list with the collector "
        f"paused, which is the like with the like; {shown['dropped']} over results thrown away at once.\n\n"
        f"Two workers over one: {speedup:.2f} from files "
        f"to rows and {reading:.2f} for `read_fhir` alone (target {SPEEDUP}, {verdict(reading >= SPEEDUP)}). "
        f"Two bare Python loops side by side did {gives:.2f} times the work of one on this machine at that "
        f"time. By processor time, of which neighbours take none, the longest path of two workers is "
        f"{processor:.2f} times shorter than that of one (the caller's own share, plus half of the workers')."
    )


def _memory_table(peaks: list[tuple[int, int, dict[str, float]]]) -> str:
    rows = [
        [
            f"{n:,}",
            f"{resources:,}",
            f"{found['buckets']:.0f}",
            f"{resources / found['seconds']:,.0f}",
            f"{found['before']:.0f}",
            f"{found['peak']:.0f}",
        ]
        for n, resources, found in peaks
    ]
    growth = peaks[-1][2]["peak"] / peaks[0][2]["peak"]
    return (
        f"Memory, with at most {EACH} resources of each type a patient, one process:\n\n"
        + table(["patients", "resources", "buckets", "resources/s", "MB before", "MB at most"], rows)
        + f"\n\n{peaks[-1][0]:,} patients take {growth:.2f} times the memory of {peaks[0][0]:,} (target: "
        f"below {GROWTH}, {verdict(growth < GROWTH)}). `python benchmarks/fhir_bulk.py 50000` measures more."
    )


def _ask(what: str, folder: Path, repeats: int) -> dict[str, float]:
    done = python(__file__, what, str(folder), str(repeats))
    if done.returncode:
        raise Absent(f"measuring ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    found: dict[str, float] = json.loads(done.stdout)
    say(f"  {what}: {found}")
    return found


def _speed(folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of each way, the best of several; the ways take turns."""
    import orjson

    from medxmodal.cohort.sources.fhir.memory import no_cycles

    files = sorted(folder.glob("*.ndjson"))
    lines = [line for path in files for line in path.read_bytes().splitlines()]
    best: dict[str, float] = {}

    def timed(name: str, run: Callable[[], object]) -> None:
        start = time.perf_counter()
        run()
        _lower(best, name, time.perf_counter() - start)

    for _ in range(repeats):
        timed("kept", lambda: [orjson.loads(line) for line in lines])
        with no_cycles():
            timed("paused", lambda: [orjson.loads(line) for line in lines])
        timed("dropped", lambda: [None for line in lines if not orjson.loads(line)])
    lines.clear()  # ours reads the files itself
    for _ in range(repeats):
        for mode in ("none", "sample"):
            for workers in (1, 2):
                found = _ours(files, mode, workers)
                _lower(best, f"{mode} {workers}", found["seconds"])
                if mode == "none":
                    _lower(best, f"cpu {workers}", found["cpu"])
                    _lower(best, f"read {workers}", found["read"])
    best["gives"] = _machine_gives(repeats)
    return best


def _lower(best: dict[str, float], name: str, value: float) -> None:
    best[name] = min(best.get(name, float("inf")), value)


def _machine_gives(repeats: int) -> float:
    """How much more two bare Python loops do side by side than one alone."""
    best: dict[str, float] = {}
    for _ in range(repeats):
        for count in (1, 2):
            start = time.perf_counter()
            loops = [
                subprocess.Popen([sys.executable, "-c", "for _ in range(20_000_000): pass"])
                for _ in range(count)
            ]
            for loop in loops:
                loop.wait()
            _lower(best, f"{count}", time.perf_counter() - start)
    return 2 * best["1"] / best["2"]


def _ours(files: list[Path], mode: str, workers: int) -> dict[str, float]:
    """Read everything to rows: seconds of the whole and of reading, processor seconds of the longest path."""
    from medxmodal.cohort.sources.fhir.read import default_view, read_fhir, scratch_folder, suggest_buckets

    views = {kind: default_view(kind) for kind in TYPES}
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    start = time.perf_counter()
    with scratch_folder() as scratch:
        buckets = suggest_buckets(files)
        store = read_fhir(files, views, scratch, buckets=buckets, workers=workers, validate=mode)
        read = time.perf_counter() - start
        for part in store.parts():
            part.clear()
    seconds = time.perf_counter() - start
    own_spent = _spent(resource.RUSAGE_SELF, own)
    return {
        "seconds": seconds,
        "read": read,
        "cpu": own_spent + _spent(resource.RUSAGE_CHILDREN, others) / workers,
        "buckets": buckets,
    }


def _spent(who: int, before: resource.struct_rusage) -> float:
    now = resource.getrusage(who)
    return now.ru_utime - before.ru_utime + now.ru_stime - before.ru_stime


def _peak(folder: Path, repeats: int) -> dict[str, float]:
    """Seconds, and resident memory in MB before and at most."""
    from scoring import _memory

    files = sorted(folder.glob("*.ndjson"))
    before = _memory("VmRSS")
    return {**_ours(files, "sample", 1), "before": before, "peak": _memory("VmHWM")}


if __name__ == "__main__":
    if sys.argv[1:2] in (["speed"], ["peak"]):
        measure = _speed if sys.argv[1] == "speed" else _peak
        print(json.dumps(measure(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        print(
            section(many=(MEMORY_PATIENTS[0], *map(int, sys.argv[1:2])) if sys.argv[1:] else MEMORY_PATIENTS)
        )
