"""Files themselves as a table: one row a file, with the folders that it lies in."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from medxmodal.cohort.sources.clip import natural_order
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.errors import SpecError

COLUMNS = ("file", "name", "stem", "folder", "parent")


def read_folder(folder: Path, pattern: str) -> Table:
    """One row a file that a pattern matches, in natural order of their paths.

    Args:
        folder: The data folder.
        pattern: Such as `images/*/*.png`; `**` for any depth.

    Returns:
        Columns `file` (path under the data folder), `name`, `stem` (the name up to its first point),
        `folder` (the one it lies in, often the class) and `parent` (the one above it).

    Raises:
        SpecError: No file matches, or the pattern leads out of the data folder.
    """
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise SpecError(
            f"table.folder '{pattern}' leads out of the data folder", hint="Write it relative to --data."
        )
    found = natural_order(
        path.relative_to(folder).as_posix() for path in folder.glob(pattern) if path.is_file()
    )
    found = [name for name in found if not any(part.startswith(".") for part in name.split("/"))]
    if not found:
        raise SpecError(f"the data folder has no files {pattern}", hint="Check --data and table.folder.")
    rows = []
    for number, name in enumerate(found, 2):
        path = PurePosixPath(name)
        cells = {
            "file": name,
            "name": path.name,
            "stem": path.name.split(".")[0],
            "folder": path.parent.name or None,
            "parent": path.parent.parent.name or None,
        }
        rows.append(Row(number, cells, place=f"file {number - 1}"))
    listing = "\n".join(found).encode()
    return Table(COLUMNS, tuple(rows), (SourceFile(hashlib.sha256(listing).hexdigest(), len(listing)),))
