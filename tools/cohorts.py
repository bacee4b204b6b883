"""Writes `reports/cohorts.md`: every shipped cohort built from public data, twice, with its counts.

`python tools/cohorts.py` builds all of them, `python tools/cohorts.py icu_eicu` that one only and prints it.
The data lie in the folder MEDXMODAL_DATA, `../shared/data` beside the project by default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from medxmodal import __version__
from medxmodal.cohort.describe.groups import proportion
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.shipped import shipped_names

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MEDXMODAL_DATA", ROOT.parent / "shared" / "data"))
REPORT = ROOT / "reports" / "cohorts.md"
FOLDERS = {"breast_poland_reading": "breast_poland"}
"""Where a cohort's data are not in the folder of its name."""
INTRODUCTION = """# Cohorts

What each shipped YAML makes of its public data; licences and citations stand in the YAMLs. Each was built
twice by `medxmodal build`, in processes of its own, with a fresh store of decoded files the first time; equal
fingerprints are asserted. Prevalence is positive studies of those with a known label, with Wilson's 95 %
interval. Seconds and memory are those of the first build, on a shared machine with two cores.
"""


@dataclass(frozen=True)
class Made:
    """One cohort, as built."""

    spec: CohortSpec
    summary: dict[str, Any]
    flow: dict[str, Any]
    quality: dict[str, Any]
    seconds: float
    again: float
    megabytes: float


def main(arguments: list[str]) -> int:
    """Build the cohorts named, all by default; the exit code is 1 when data are missing."""
    names = arguments or [name for name in shipped_names("cohorts") if name != "demo"]
    absent = [name for name in names if not folder_of(name).is_dir()]
    if absent:
        print(f"no data for {', '.join(absent)} in {DATA}", file=sys.stderr)
        return 1
    made = [build_twice(name) for name in names]
    text = report(made)
    if arguments:
        print(text)
    else:
        REPORT.write_text(text, encoding="utf-8")
    return 0


def folder_of(name: str) -> Path:
    """The data of a cohort."""
    return DATA / FOLDERS.get(name, name)


def build_twice(name: str) -> Made:
    """Build a cohort twice, and see that both are the same."""
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        first, seconds, megabytes = build(name, here / "one", here)
        second, again, _ = build(name, here / "two", here)
        assert first["fingerprint"] == second["fingerprint"], f"{name}: two builds differ"
        documents = [json.loads((here / "one" / f"{part}.json").read_text()) for part in ("flow", "quality")]
    print(f"{name}: {first['studies']} studies in {seconds:.1f} s", file=sys.stderr)
    return Made(CohortSpec.read(name), first, *documents, seconds, again, megabytes)


def build(name: str, out: Path, scratch: Path) -> tuple[dict[str, Any], float, float]:
    """One build in a process of its own: its summary, seconds, and peak memory in MB (with its workers)."""
    command = [sys.executable, "-m", "medxmodal", "build", name, "--data", str(folder_of(name))]
    command += ["--out", str(out), "--json"]
    if CohortSpec.read(name).ids == "keyed":
        command += ["--keys", str(scratch / "keys")]
    environment = {**os.environ, "MEDXMODAL_CACHE": str(scratch / "cache")}
    started = time.perf_counter()
    with (scratch / "summary.json").open("w") as summary:
        process = subprocess.Popen(command, stdout=summary, stderr=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    assert os.waitstatus_to_exitcode(status) in (0, 1), f"{name} cannot be built"
    return json.loads((scratch / "summary.json").read_text()), seconds, usage.ru_maxrss / 1024


def report(made: list[Made]) -> str:
    """The whole report."""
    command = f"`python tools/cohorts.py`, {datetime.now(UTC):%Y-%m-%d}, medxmodal {__version__}."
    lines = [INTRODUCTION, f"<sub>{command}</sub>", "", *_overview(made), "", "## One by one"]
    for cohort in made:
        lines += ["", *_details(cohort)]
    return "\n".join(lines) + "\n"


def _overview(made: list[Made]) -> list[str]:
    head = (
        "| cohort | patients | studies | label | positive | prevalence | modalities present | sites | s "
        "| again, s | MB |"
    )
    rows = []
    for m in made:
        s = m.summary
        there = ", ".join(f"{name} {count}" for name, count in s["modalities"].items())
        cells = [
            s["name"], s["patients"], s["studies"], m.spec.task, f"{s['positives']} of {s['labelled']}",
            _prevalence(s), there, len(s["sites"]), f"{m.seconds:.1f}",
            f"{m.again:.1f}", f"{m.megabytes:.0f}",
        ]  # fmt: skip
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return [head, "|" + " --- |" * head.count(" | ") + " --- |", *rows]


def _prevalence(summary: dict[str, Any]) -> str:
    if not summary["labelled"]:
        return "no label"
    found = proportion(summary["positives"], summary["labelled"])
    return f"{found.value:.2f} [{found.lower:.2f}, {found.upper:.2f}]"


def _details(made: Made) -> list[str]:
    summary, flow, quality = made.summary, made.flow, made.quality
    lines = [f"### {summary['name']}", "", made.spec.title, ""]
    lines.append(
        f"{flow['found']} records found = {flow['studies']} studies + {flow['excluded']} excluded + "
        f"{flow['failed']} failed. Fingerprint `{summary['fingerprint'][:12]}`."
    )
    lines += [
        f"- {step['removed']} left: {step['reason']} (`{step['step'].replace('`', '')}`)"
        for step in flow["steps"][1:]
    ]
    if quality["leak_columns_found"]:
        lines.append(f"- leak columns that are there and barred: {', '.join(quality['leak_columns_found'])}")
    for suspect in quality["leak_suspects"]:
        interval = f"{suspect['auroc']:.2f} [{suspect['lower']:.2f}, {suspect['upper']:.2f}]"
        lines.append(f"- suspicious on its own: {suspect['kind']} {suspect['name']}, AUROC {interval}")
    for what, key in (("identical images under different patients", "duplicate_inputs"),
                      ("nearly identical images under different patients", "near_duplicates"),
                      ("equal rows under different patients", "duplicate_rows")):  # fmt: skip
        if quality[key]:
            lines.append(f"- {what}: {len(quality[key])} groups, {sum(map(len, quality[key]))} studies")
    for name, found in quality["burnt_in_text"].items():
        if found["suspected"]:
            lines.append(
                f"- letters, markers or calipers likely in {found['suspected']} of "
                f"{found['studies']} ({name})"
            )
    if quality["problems"]:
        lines.append(f"- {len(quality['problems'])} problems with single inputs, listed in quality.json")
    if quality["constant_columns"]:
        lines.append(f"- constant: {', '.join(quality['constant_columns'])}")
    lines += [f"- {note}" for note in quality["notes"]]
    return lines


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
