"""Whether what a cohort was made from is still there."""

from __future__ import annotations

from typing import ClassVar, Literal

from medxmodal.errors import CohortError, MedxmodalError
from medxmodal.records.base import Part, Record


class GoneInput(Part):
    """An input that the data folder does not hold any more, by use, position and content."""

    use: str
    position: int
    sha256: str
    size: int
    what: Literal["missing", "changed"]


class CodeChange(Part):
    """A package that reads inputs and had another version then."""

    then: str
    now: str


class InputCheck(Record):
    """What `medxmodal build --check` found.

    `ok`: every input is there and the spec says the same. Other versions of packages alone are no alert:
    they may read the same values, which building again and comparing fingerprints tells.
    """

    error: ClassVar[type[MedxmodalError]] = CohortError
    again: ClassVar[str] = "check the cohort again"

    ok: bool
    inputs: int
    same: int
    gone: list[GoneInput] = []
    elsewhere: int = 0
    other_files: int = 0
    spec_same: bool | None = None
    code: dict[str, CodeChange] = {}
