"""The whole job on the embedded cohort: how long it takes, and how large its pages are."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from common import Absent, python, table, verdict

SECONDS, MEGABYTES = 180.0, 1.5


def section() -> str:
    """The section of the report."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = python("-m", "medxmodal", "demo", "--out", folder)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise Absent(f"`medxmodal demo` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        pages = sorted(Path(folder).rglob("*.html"), key=lambda page: page.stat().st_size)
        if not pages:
            raise Absent("`medxmodal demo` left no HTML page")
        largest = pages[-1].stat().st_size / 1e6
    load = os.getloadavg()[1]
    rows = [
        ["wall time, seconds", f"{seconds:.0f}", f"{SECONDS:.0f}", verdict(seconds < SECONDS)],
        [
            f"largest of {len(pages)} HTML pages, MB",
            f"{largest:.2f}",
            f"{MEGABYTES}",
            verdict(largest < MEGABYTES),
        ],
    ]
    return (
        "## `make demo`\n\n"
        "`python -m medxmodal demo`, after installation: simulate, build, describe, train, score, explain "
        f"and report. One run; the machine's load was {load:.1f} (2 means that both cores were taken).\n\n"
        + table(["figure", "measured", "target, below", ""], rows)
    )
