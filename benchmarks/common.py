"""What the benchmarks share: where data lie, a table in Markdown, and how to say that something is absent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "reports" / "benchmarks.md"


class Absent(Exception):
    """A benchmark cannot run here, and says why; its old section stays as it is."""


def data_folder(name: str) -> Path:
    """A public data set: a folder in `$MEDXMODAL_DATA`, or in `../shared/data` beside the checkout.

    Raises:
        Absent: It is not there.
    """
    root = Path(os.environ.get("MEDXMODAL_DATA") or ROOT.parent / "shared" / "data")
    folder = root / name
    if not folder.is_dir():
        raise Absent(f"the data set {name} is not here; set MEDXMODAL_DATA to the folder that holds it")
    return folder


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is left-aligned, the others are right-aligned."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdict(holds: bool) -> str:
    """Whether a target is met, in words."""
    return "met" if holds else "**missed**"


def python(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in the checkout and catch what it says; never raises."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def say(words: str) -> None:
    """Progress on standard error."""
    print(words, file=sys.stderr, flush=True)
