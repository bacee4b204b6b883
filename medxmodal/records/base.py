"""What every record has in common: strict, versioned, JSON in and out, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from medxmodal.errors import MedxmodalError, ReportError


class Part(BaseModel):
    """A piece of a record: frozen, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Record(Part):
    """A document on disk. `record_version` rises when a reader would misread the old form."""

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
            MedxmodalError: The file is missing, is not JSON, or does not fit the record.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ReportError(
                f"cannot read the {cls.__name__} {path.name}: {type(error).__name__}",
                hint="Check the folder, or make it again.",
            ) from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise MedxmodalError(
                f"{path.name} is not a valid {cls.__name__}: {where}: {first['msg']}",
                hint="It may be damaged or written by another version; make it again.",
            ) from error
