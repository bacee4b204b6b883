"""The Medical Event Data Standard 0.4, as far as it is read and written here.

A data shard holds a subject's events contiguously and in time; a null time is a static fact. See
https://github.com/Medical-Event-Data-Standard/meds (`src/meds/schema.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from medxmodal.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "0.4.1"
DATA, LABELS = "data", "labels"
DATASET, CODES, SPLITS = "metadata/dataset.json", "metadata/codes.parquet", "metadata/subject_splits.parquet"


class Field(NamedTuple):
    """A column of the standard.

    Args:
        types: Arrow types it may have, as Arrow writes them; the first is what is written.
        required: Whether it must be there.
        nullable: Whether a cell may be empty.
    """

    types: tuple[str, ...]
    required: bool = True
    nullable: bool = False


_TEXT = ("string", "large_string")
DATA_FIELDS = {
    "subject_id": Field(("int64",)),
    "time": Field(("timestamp[us]",), nullable=True),
    "code": Field(_TEXT),
    "numeric_value": Field(("float",), required=False, nullable=True),
    "text_value": Field(("large_string", "string"), required=False, nullable=True),
}
LABEL_FIELDS = {
    "subject_id": Field(("int64",)),
    "prediction_time": Field(("timestamp[us]",)),
    "boolean_value": Field(("bool",), required=False, nullable=True),
    "integer_value": Field(("int64",), required=False, nullable=True),
    "float_value": Field(("float", "double"), required=False, nullable=True),
    "categorical_value": Field(_TEXT, required=False, nullable=True),
}
SPLIT_FIELDS = {"subject_id": Field(("int64",)), "split": Field(_TEXT)}
CODE_FIELDS = {
    "code": Field(_TEXT),
    "description": Field(_TEXT, nullable=True),
    "parent_codes": Field(("list<item: string>",), nullable=True),
}


def check_schema(schema: pa.Schema, fields: Mapping[str, Field], shown: str) -> None:
    """Refuse a file whose columns or types are not those of the standard.

    Args:
        schema: Of the file.
        fields: What the standard says.
        shown: How messages name the file.

    Raises:
        InputError: A column is absent or has another type.
    """
    for name, field in fields.items():
        if name not in schema.names:
            if not field.required:
                continue
            old = "patient_id" in schema.names and name == "subject_id"
            hint = "It is MEDS before 0.3; convert it." if old else f"Its columns: {', '.join(schema.names)}."
            raise InputError(f"{shown} has no column '{name}', which MEDS {VERSION} requires", hint=hint)
        found = str(schema.field(name).type)
        if found not in field.types:
            raise InputError(
                f"{shown}: column '{name}' is {found}; MEDS {VERSION} says {field.types[0]}",
                hint="Write the dataset again with the types of the standard.",
            )


def arrow_schema(fields: Mapping[str, Field], names: tuple[str, ...] = ()) -> pa.Schema:
    """The Arrow schema to write.

    Args:
        fields: What the standard says.
        names: Columns to write; all by default.
    """
    import pyarrow as pa

    types = {
        "int64": pa.int64(),
        "timestamp[us]": pa.timestamp("us"),
        "string": pa.string(),
        "large_string": pa.large_string(),
        "float": pa.float32(),
        "bool": pa.bool_(),
        "list<item: string>": pa.list_(pa.string()),
    }
    return pa.schema(
        [
            pa.field(name, types[field.types[0]], nullable=field.nullable)
            for name, field in fields.items()
            if not names or name in names
        ]
    )
