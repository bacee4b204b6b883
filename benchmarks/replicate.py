"""Make a bulk FHIR export of any size out of a small one: each patient again, with ids of its own.

`python benchmarks/replicate.py SOURCE TARGET PATIENTS [EACH]` reads the NDJSON of SOURCE and writes as many
patients, one file a type, into TARGET; with EACH, at most so many resources of each type a patient.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import orjson

_UUID = re.compile(rb"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
Template = list[bytes]
"""Text and ids in turn, beginning with text."""


def replicate(source: Path, target: Path, patients: int, each: int | None = None) -> int:
    """Write an export of some patients; how many resources it has.

    Args:
        source: A folder of `*.ndjson.gz` files, whose ids are UUIDs.
        target: The folder to write into.
        patients: How many.
        each: The most resources of one type that a patient keeps; all by default.
    """
    templates = read_templates(source, each)
    kinds = sorted({kind for held in templates for kind in held})
    target.mkdir(parents=True, exist_ok=True)
    written = 0
    with ExitStack() as stack:
        files = {k: stack.enter_context((target / f"{k}.000.ndjson").open("wb")) for k in kinds}
        for number in range(patients):
            copy, which = divmod(number, len(templates))
            for kind, lines in templates[which].items():
                files[kind].write(b"".join(renewed(line, copy) for line in lines))
                written += len(lines)
    return written


def read_templates(source: Path, each: int | None = None) -> list[dict[str, list[Template]]]:
    """One patient after another: type -> lines, split at their ids."""
    found: dict[str, dict[str, list[Template]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(source.glob("*.ndjson.gz")):
        with gzip.open(path) as stream:
            for line in stream:
                resource = orjson.loads(line)
                kind = resource["resourceType"]
                subject = resource.get("subject") or resource.get("patient") or {}
                key = resource["id"] if kind == "Patient" else subject["reference"].removeprefix("Patient/")
                lines = found[key][kind]
                if each is None or len(lines) < each:
                    lines.append(_UUID.split(line))
    return [dict(found[key]) for key in sorted(found)]


def renewed(line: Template, copy: int) -> bytes:
    """A line with fresh ids; the copy 0 keeps its own.

    The first 32 bits of each id move on by an odd multiple of the copy's number, so that no two meet.
    """
    if not copy:
        return b"".join(line)
    parts = list(line)
    for at in range(1, len(parts), 2):
        head = (int(parts[at][:8], 16) + copy * 2_654_435_761) % 2**32
        parts[at] = b"%08x%s" % (head, parts[at][8:])
    return b"".join(parts)


if __name__ == "__main__":
    given = sys.argv[1:]
    count = replicate(Path(given[0]), Path(given[1]), int(given[2]), *map(int, given[3:]))
    print(f"{count} resources of {given[2]} patients", file=sys.stderr)
