"""Which columns name files, and how: the `file` and `mask` templates of a drafted spec."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from medxmodal.cohort.draft.survey import DICOM, IMAGES, NOTES, VOLUMES
from medxmodal.cohort.draft.yaml import is_safe
from medxmodal.cohort.sources.rows import Table

MASK = re.compile(r"mask|segment|\bseg|_seg|tumou?r|lesion|\broi|annot|contour|maske|outline", re.IGNORECASE)
_LABELS = re.compile(r"(^|/)(labels?(tr|ts)?|gt|ground_?truth|seg\w*)/", re.IGNORECASE)
_NUMBER = re.compile(r"\d+$")
MOST_SHARED = 4
"""Records that share one file, on average; columns that repeat themselves more name none."""


@dataclass(frozen=True)
class Naming:
    """A template that turns a column's cells into files.

    Args:
        template: As written in a spec.
        column: The column it reads.
        kind: `image`, `volume`, `video`, `mask` or `text`.
        hits: Records for which the file is there.
        misses: Records that name a file that is not: a spec with this template would fail them.
        many: The sign that separates several names in a cell, if there are such.
    """

    template: str
    column: str
    kind: str
    hits: int
    misses: int = 0
    many: str | None = None


def is_mask(path: str) -> bool:
    """Whether a file's folders or name say that it is a mask."""
    return bool(MASK.search(path) or _LABELS.search(path))


def stem_of(path: PurePosixPath) -> str:
    """A file's name without its ending, `.nii.gz` being one."""
    ending = next((e for e in VOLUMES if path.name.lower().endswith(e)), path.suffix)
    return path.name[: len(path.name) - len(ending)] if ending else path.name


class FileIndex:
    """Files by whole path, by name, by stem, by the beginning of their stem, and by the folder they lie in.

    Args:
        files: Relative to the data folder.
    """

    def __init__(self, files: Sequence[PurePosixPath]) -> None:
        self.count = len(files)
        self.whole = {str(path): path for path in files}
        self.names: dict[str, list[PurePosixPath]] = defaultdict(list)
        self.stems: dict[str, list[PurePosixPath]] = defaultdict(list)
        self.begins: dict[str, list[tuple[PurePosixPath, str]]] = defaultdict(list)
        self.folders: dict[str, list[PurePosixPath]] = defaultdict(list)
        for path in files:
            stem = stem_of(path)
            self.names[path.name].append(path)
            self.stems[stem].append(path)
            self.folders[path.parent.name].append(path)
            for cut in range(2, len(stem)):
                if not stem[cut].isalnum():
                    self.begins[stem[:cut]].append((path, stem[cut:]))


def find_namings(table: Table, index: FileIndex) -> list[Naming]:
    """Templates by which at least half of a column's filled cells name a file, best first."""
    found = []
    for column in table.columns:
        if not is_safe(column):
            continue
        cells = [cell for row in table.rows if (cell := row.cells.get(column)) is not None]
        if MOST_SHARED * len(set(cells)) < len(cells):
            continue  # `0` and `1` of a label are no files, though a scan may well hold a 0.dcm
        votes: Counter[tuple[str, str]] = Counter()
        several: str | None = None
        for cell in cells:
            sign = next((s for s in "&;|," if s in cell and cell not in index.whole), None)
            found_of_cell = _of_cell(cell.split(sign)[0].strip(), column, index) if sign else set()
            several = sign if found_of_cell else several
            found_of_cell = found_of_cell or _of_cell(cell, column, index)
            votes.update(found_of_cell)
        for (template, kind), hits in votes.items():
            if hits >= max(1, 0.5 * len(cells)):
                hits = min(hits, len(cells))
                found.append(Naming(template, column, kind, hits, len(cells) - hits, several))
    return sorted(found, key=lambda n: (n.misses - n.hits, len(n.template), n.template))


def _of_cell(cell: str, column: str, index: FileIndex) -> set[tuple[str, str]]:
    """The templates by which one cell names a file, each with its kind."""
    if cell in index.whole:
        return {(f"{{{column}}}", _kind(cell, column))}
    found: set[tuple[str, str]] = set()
    name = PurePosixPath(cell.replace("\\", "/"))
    stem = stem_of(name) if name.suffix.lower() in {*IMAGES, *NOTES, *DICOM, ".gz", ".nii"} else cell
    for path in dict.fromkeys([*index.names.get(name.name, []), *index.stems.get(stem, [])]):
        found.add((_template(path, cell, column), _kind(str(path), column)))
    field = f"{{{column}:stem}}" if stem != cell else f"{{{column}}}"
    for path, rest in index.begins.get(stem, [])[:50]:
        kind = _kind(str(path), column)
        folder = _folder(path)
        ending = path.name[len(stem_of(path)) :]
        if kind == "mask" and _LABELS.search(str(path)) is None and MASK.search(rest) is None:
            continue  # the folder's files of another column
        plain = _NUMBER.sub("*", rest) if kind != "mask" else rest
        found.add((f"{folder}{field}{plain}{ending}", kind))
    inside = [path for path in index.folders.get(cell, []) if path.suffix.lower() not in DICOM]
    if "/" not in cell and len(inside) > 1:  # slices of DICOM series are read as a table of series
        folder = _folder(inside[0].parent)
        found.add((f"{folder}{field}/*{inside[0].suffix}", _kind_of_folder(inside)))
    return found


def _folder(path: PurePosixPath) -> str:
    return "" if str(path.parent) == "." else f"{path.parent}/"


def _template(path: PurePosixPath, cell: str, column: str) -> str:
    if path.name == cell:
        end = f"{{{column}}}"
    elif stem_of(path) == cell:
        end = f"{{{column}}}{path.name[len(cell) :]}"
    else:
        end = f"{{{column}:stem}}{path.name[len(stem_of(path)) :]}"
    return f"{_folder(path)}{end}"


def _kind(path: str, column: str) -> str:
    lower = path.lower()
    if PurePosixPath(lower).suffix in NOTES:
        return "text"
    if is_mask(path) or MASK.search(column):
        return "mask"
    return "volume" if lower.endswith(VOLUMES) else "image"


def _kind_of_folder(inside: Sequence[PurePosixPath]) -> str:
    """Frames of a clip are numbered; other pictures of a folder are several images."""
    suffix = inside[0].suffix.lower()
    if suffix not in IMAGES:
        return "text" if suffix in NOTES else "image"
    numbered = sum(bool(_NUMBER.search(path.stem)) for path in inside)
    return "video" if numbered == len(inside) > 3 else "image"
