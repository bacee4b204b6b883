"""What every record has in common: strict, versioned, JSON in and out, no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from medxmodal.errors import MedxmodalError


class Part(BaseModel):
    """A piece of a record: frozen, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Record(Part):
    """A document on disk. `record_version` rises when a reader would misread the old form.

    `error` is what `read` raises, the error of the folder that the document belongs to; `again` says
    how to get a sound one.
    """

    error: ClassVar[type[MedxmodalError]] = MedxmodalError
    again: ClassVar[str] = "make it again"

    record_version: int = 1

    def write(self, path: Path) -> Path:
        """Write as indented JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a record.

        Raises:
            MedxmodalError: The file is missing, is not JSON, was written by a newer version, or does
                not fit the record; of the kind that the record names.
        """
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise cls.error(
                f"{path.name} is not there, in {path.parent}",
                hint=f"Check the folder, or {cls.again}.",
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise cls.error(
                f"{path.name} is no readable JSON: {_why(error)}",
                hint=f"It may be damaged or cut short: {cls.again}.",
            ) from error
        return cls._checked(tree, path.name)

    @classmethod
    def _checked(cls, tree: Any, name: str) -> Self:  # noqa: ANN401 - whatever JSON can hold
        newest = cls.model_fields["record_version"].default
        version = tree.get("record_version", newest) if isinstance(tree, dict) else newest
        if isinstance(version, int) and version > newest:
            raise cls.error(
                f"{name} has record_version {version}; this version reads up to {newest}",
                hint=f"Update medxmodal, or {cls.again} with this version.",
            )
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise cls.error(
                f"{name} is not a valid {cls.__name__}: {where}: {first['msg']}",
                hint=f"It may be damaged or written by another version: {cls.again}.",
            ) from error


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}"
    return type(error).__name__
