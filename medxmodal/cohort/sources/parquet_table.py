"""Parquet: only the columns wanted become Python values; the others only say which rows are empty."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from medxmodal.cohort.sources.grid import MAX_CELLS, Lines
from medxmodal.errors import InputError


def read_parquet(data: bytes, shown: str, columns: Collection[str] | None = None) -> Lines:
    """The lines of a Parquet file.

    Args:
        data: The file's bytes.
        shown: How messages name it.
        columns: Columns whose values are wanted; the cells of the others say only whether they are filled.

    Raises:
        InputError: The file is damaged, or too large.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if file.metadata.num_rows * max(1, file.metadata.num_columns) > MAX_CELLS:
            raise InputError(f"{shown} has more than {MAX_CELLS:,} cells", hint="Split it.")
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{shown} is no readable Parquet file", hint="Write it again.") from error
    names = [n for n in table.column_names if not n.startswith("__index_level_")]
    values = [
        _values(table.column(n)) if columns is None or n in columns else _filled(table.column(n)).to_pylist()
        for n in names
    ]
    return Lines([names, *zip(*values, strict=True)])


def _values(column: Any) -> list[object]:  # noqa: ANN401 - pyarrow carries no types
    import pyarrow as pa

    cells: list[object] = column.to_pylist()
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        from medxmodal.cohort.sources.json_table import joined

        return [joined(cell) if isinstance(cell, list) else cell for cell in cells]
    return cells


def _filled(column: Any) -> Any:  # noqa: ANN401
    """True where a cell is filled, else None; the same as `cell_text` finds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = pc.is_valid(column)
    if pa.types.is_floating(column.type):
        filled = pc.and_(filled, pc.invert(pc.fill_null(pc.is_nan(column), True)))
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        filled = pc.and_(filled, pc.not_equal(pc.fill_null(pc.utf8_trim_whitespace(column), ""), ""))
    return pc.if_else(filled, True, pa.scalar(None, pa.bool_()))
