"""How long until something happens: `import medxmodal` and `medxmodal --help`, as whole processes."""

from __future__ import annotations

import statistics
import time

from common import Absent, python, table, verdict

REPEATS = 9
COMMANDS = {
    "an empty Python process": (("-c", "pass"), None),
    "`import medxmodal`": (("-c", "import medxmodal"), 0.3),
    "`medxmodal --help`": (("-m", "medxmodal", "--help"), 0.5),
}


def section(repeats: int = REPEATS) -> str:
    """The section of the report.

    Args:
        repeats: Processes of each kind, after one that warms the disk.
    """
    rows = []
    for words, (command, target) in COMMANDS.items():
        seconds = [_seconds(command) for _ in range(repeats + 1)][1:]
        median = statistics.median(seconds)
        rows.append(
            [
                words,
                f"{median:.2f}",
                f"{min(seconds):.2f} to {max(seconds):.2f}",
                "" if target is None else f"{target:.1f}",
                "" if target is None else verdict(median < target),
            ]
        )
    return (
        "## Start-up\n\n"
        f"Wall time of a whole process in seconds, median of {repeats}; it includes Python's own start. The "
        "machine was shared, not idle.\n\n"
        + table(["process", "median", "least to most", "target, below", ""], rows)
    )


def _seconds(command: tuple[str, ...]) -> float:
    start = time.perf_counter()
    done = python(*command)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise Absent(f"python {' '.join(command)} ended with {done.returncode}")
    return seconds
