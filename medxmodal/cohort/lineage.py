"""What a cohort was made from: content hashes of every input, the spec, and the code that read them."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import ClassVar

from medxmodal.cohort.sources.rows import SourceFile
from medxmodal.cohort.spec import CohortSpec
from medxmodal.cohort.study import FileReference, Study
from medxmodal.errors import CohortError, MedxmodalError
from medxmodal.records import Part, Record

READERS = ("numpy", "openpyxl", "pillow", "pint", "pyarrow", "pydantic", "PyYAML", "ucumvert")
"""Packages that turn bytes into values here."""


class InputFile(Part):
    """One file that went in, by content."""

    use: str
    sha256: str
    size: int


class Lineage(Record):
    """`lineage.json`."""

    error: ClassVar[type[MedxmodalError]] = CohortError
    again: ClassVar[str] = "build the cohort again"

    spec_sha256: str
    inputs: list[InputFile]
    code: dict[str, str]


def make_lineage(
    spec: CohortSpec, tables: Mapping[str, Sequence[SourceFile]], studies: Sequence[Study]
) -> Lineage:
    """Hashes of the spec and of every input, each content once."""
    read = ((use, file) for use, found in tables.items() for file in found)
    files = {(use, f.sha256): InputFile(use=use, sha256=f.sha256, size=f.size) for use, f in _files(studies)}
    return Lineage(
        spec_sha256=spec.sha256,
        inputs=[
            *(
                InputFile(use=use, sha256=f.sha256, size=f.size)
                for use, found in tables.items()
                for f in found
            ),
            *(files[place] for place in sorted(files)),
        ],
        code=code_versions(),
    )


def code_versions() -> dict[str, str]:
    """Versions of this package, of Python and of the packages that read inputs."""
    import medxmodal

    versions = {"medxmodal": medxmodal.__version__, "python": platform.python_version()}
    for name in READERS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def _files(studies: Sequence[Study]) -> Iterator[tuple[str, FileReference]]:
    for study in studies:
        for modality, fields in study.inputs.items():
            for name, value in fields.items():
                for part in value if isinstance(value, tuple) else (value,):
                    if isinstance(part, FileReference):
                        yield f"{modality}.{name}", part
