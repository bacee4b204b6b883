"""Which columns name files, and how: the `file` and `mask` templates of a drafted spec."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from medxmodal.cohort.root import walk
from medxmodal.cohort.sources.rows import Table

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".jp2"})
NOTES = frozenset({".txt", ".md"})
MOST_FILES = 200_000
_MASK = re.compile(r"mask|segment|\bseg|tumou?r|lesion|\broi|annot|contour", re.IGNORECASE)


@dataclass(frozen=True)
class Naming:
    """A template that turns a column's cells into files.

    Args:
        template: As written in a spec.
        column: The column it reads.
        kind: `image`, `mask` or `text`.
        hits: Records for which the file is there.
        misses: Records that name a file that is not: a spec with this template would fail them.
    """

    template: str
    column: str
    kind: str
    hits: int
    misses: int = 0


def find_files(data: Path) -> list[PurePosixPath]:
    """Images and notes under a folder, relative to it, sorted."""
    found: list[PurePosixPath] = []
    for path in walk(data):
        relative = PurePosixPath(path.relative_to(data).as_posix())
        hidden = any(part.startswith(".") for part in relative.parts)
        if relative.suffix.lower() in IMAGES | NOTES and not hidden:
            found.append(relative)
        if len(found) > MOST_FILES:
            break
    return found


def find_namings(table: Table, files: list[PurePosixPath]) -> list[Naming]:
    """Templates by which at least half of a column's filled cells name a file, best first."""
    by_stem: dict[str, list[PurePosixPath]] = {}
    for path in files:
        by_stem.setdefault(path.stem, []).append(path)
    whole = {str(path) for path in files}
    found = []
    for column in table.columns:
        cells = [cell for row in table.rows if (cell := row.cells[column]) is not None]
        votes: Counter[str] = Counter()
        for cell in cells:
            if cell in whole:
                votes[f"{{{column}}}"] += 1
                continue
            for path in dict.fromkeys(by_stem.get(PurePosixPath(cell).stem, []) + by_stem.get(cell, [])):
                votes[_template(path, cell, column)] += 1
            votes.update(_derived(cell, column, files))
        for template, hits in votes.items():
            if hits >= max(1, 0.5 * len(cells)):
                hits = min(hits, len(cells))
                kind = _kind(template, column, files)
                found.append(Naming(template, column, kind, hits, len(cells) - hits))
    return sorted(found, key=lambda n: (n.misses - n.hits, len(n.template), n.template))


def _template(path: PurePosixPath, cell: str, column: str) -> str:
    if path.name == PurePosixPath(cell).name:
        end = f"{{{column}}}"
    elif path.stem == cell:
        end = f"{{{column}}}{path.suffix}"
    else:
        end = f"{{{column}:stem}}{path.suffix}"
    return end if str(path.parent) == "." else f"{path.parent}/{end}"


def _derived(cell: str, column: str, files: list[PurePosixPath]) -> Counter[str]:
    """Masks named after their image, such as `masks/p1_mask.png` for `p1.png`."""
    stem = PurePosixPath(cell).stem
    votes: Counter[str] = Counter()
    if len(stem) < 2 or len(files) > 20_000:
        return votes
    for path in files:
        rest = path.stem.removeprefix(stem)
        if rest != path.stem and rest and _MASK.search(rest) and not rest[0].isalnum():
            name = f"{{{column}:stem}}" if PurePosixPath(cell).suffix else f"{{{column}}}"
            folder = "" if str(path.parent) == "." else f"{path.parent}/"
            votes[f"{folder}{name}{rest}{path.suffix}"] += 1
    return votes


def _kind(template: str, column: str, files: list[PurePosixPath]) -> str:
    suffix = PurePosixPath(template).suffix.lower()
    if suffix in NOTES:
        return "text"
    folder = template.rpartition("{")[0]
    if (
        suffix not in IMAGES
        and folder
        and all(path.suffix.lower() in NOTES for path in files if str(path).startswith(folder))
    ):
        return "text"
    return "mask" if _MASK.search(template) or _MASK.search(column) else "image"
