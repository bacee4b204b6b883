"""Items of an array file as inputs of their own: volumes become NIfTI files, pictures PNG files."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

from medxmodal.cohort.root import MADE
from medxmodal.cohort.sources.arrays import ArrayFile
from medxmodal.cohort.sources.rows import Row, Table

GZIP = b"\x1f\x8b"


def unpack_arrays(path: Path, into: Path) -> Table:
    """The table of an array file, with each item written out under its content hash.

    Args:
        path: The .npz file.
        into: Folder of the inputs that the build makes.

    Returns:
        Its rows with two more columns: `name` (`train-17`) and `files`, the item's locator.
    """
    with ArrayFile(path) as file:
        table = file.table()
        rows: list[Row] = []
        for row in table.rows:
            split, item = row.cells["split"] or "", row.cells["item"] or ""
            data = file.export(split, int(item))
            # Named by what is packed: another zlib packs the same volume into other bytes.
            packed = data.startswith(GZIP)
            plain = gzip.decompress(data) if packed else data
            name = hashlib.sha256(plain).hexdigest() + (".nii.gz" if packed else ".png")
            (into / name).write_bytes(data)
            cells = {**row.cells, "name": f"{split}-{item}", "files": f"{MADE}{name}"}
            rows.append(replace(row, cells=cells))
    return replace(table, columns=(*table.columns, "name", "files"), rows=tuple(rows))
