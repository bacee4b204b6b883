"""Make the figures of `reports/benchmarks.md`.

`python benchmarks/run.py` runs every benchmark, `python benchmarks/run.py breast startup` those two.
Each `benchmarks/<name>.py` has `section() -> str`, which returns Markdown that starts with a heading of
second level. It is written between the markers of its name, with the command, the date, the machine and
the versions; the other sections stay as they are.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from common import REPORT, ROOT, Absent, say  # noqa: E402 - wherever it is called from

NAMES = ("breast", "embedded", "throughput", "scoring", "fhir_bulk", "dicom", "decode", "demo", "startup")
INTRODUCTION = """# Benchmarks

Every figure here was measured by the command that stands above it, and `make bench` measures all of them
again. How to read the tables: [README.md](README.md). Timings come from a shared machine with two cores
and no GPU: take ratios seriously, and absolute times as an order of magnitude.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks named, all by default; 0 if each ran, 1 if one could not, 2 for a wrong name."""
    wrong = [name for name in arguments if name not in NAMES]
    if wrong:
        say(f"there is no benchmark '{wrong[0]}'; use some of: {', '.join(NAMES)}")
        return 2
    absent = False
    for name in arguments or NAMES:
        say(f"{name}: running")
        try:
            body = importlib.import_module(name).section()
        except (Absent, ModuleNotFoundError) as reason:
            say(f"{name}: not run, its old section stays: {reason}")
            absent = True
            continue
        before = REPORT.read_text(encoding="utf-8") if REPORT.is_file() else INTRODUCTION
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(renewed(before, name, with_origin(name, body)), encoding="utf-8")
        say(f"{name}: written to {REPORT.relative_to(ROOT)}")
    return int(absent)


def renewed(document: str, name: str, body: str) -> str:
    """The document with one section replaced, or added at its place in the order of `NAMES`.

    Args:
        document: The report so far.
        name: Of the benchmark.
        body: Its new section.
    """
    section = f"<!-- begin: {name} -->\n{body.strip()}\n<!-- end: {name} -->\n"
    found = re.compile(rf"<!-- begin: {name} -->\n.*?<!-- end: {name} -->\n", re.DOTALL)
    if found.search(document):
        return found.sub(lambda _: section, document, count=1)
    for later in NAMES[NAMES.index(name) + 1 :]:
        marker = f"<!-- begin: {later} -->"
        if marker in document:
            return document.replace(marker, f"{section}\n{marker}", 1)
    return f"{document.rstrip()}\n\n{section}"


def with_origin(name: str, body: str) -> str:
    """A section with command, date, machine and versions below its heading."""
    from medxmodal.pipeline.provenance import hardware, package_versions

    machine, versions = hardware(), package_versions()
    packages = ", ".join(f"{package} {version}" for package, version in versions.items())
    origin = (
        f"`python benchmarks/run.py {name}`, {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}. "
        f"{machine['system']} {machine['machine']}, {machine['cores']} cores, GPU: {machine['gpu']}. "
        f"{packages}."
    )
    heading, _, rest = body.strip().partition("\n")
    return f"{heading}\n\n<sub>{origin}</sub>\n\n{rest.strip()}"


def _commit() -> str:
    found = [
        subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--", "medxmodal"))
    ]
    return (found[0] or "unknown") + (" with local changes" if found[1] else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
