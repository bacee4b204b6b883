"""What a cohort was made from: content hashes of every input, the spec, and the code that read them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import ClassVar, Literal

from medxmodal.cohort.root import MADE, FolderRoot, file_sha256
from medxmodal.cohort.sources.rows import SourceFile
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.study import FileReference, Study
from medxmodal.errors import CohortError, MedxmodalError
from medxmodal.records import Part, Record

READERS = ("numpy", "openpyxl", "pillow", "pint", "pyarrow", "pydantic", "PyYAML", "ucumvert")
"""Packages that turn bytes into values here."""


Place = Literal["folder", "made", "elsewhere"]
ELSEWHERE = ("sql", "dicomweb", "folder")
"""Tables whose hash is that of an answer or of a list of names, and not of a file of the data folder."""


class InputFile(Part):
    """One file that went in, by content; each of a series or a clip.

    `place` says where it can be looked for again: in the data folder; nowhere, since the build made it from
    an input that is listed too; or at a server or database.
    """

    use: str
    sha256: str
    size: int
    place: Place = "folder"


class Lineage(Record):
    """`lineage.json`."""

    error: ClassVar[type[MedxmodalError]] = CohortError
    again: ClassVar[str] = "build the cohort again"

    spec_sha256: str
    inputs: list[InputFile]
    code: dict[str, str]


def make_lineage(
    spec: CohortSpec, tables: Mapping[str, Sequence[SourceFile]], inputs: Iterable[tuple[str, FileReference]]
) -> Lineage:
    """Hashes of the spec and of every input, each content once.

    Args:
        spec: The spec.
        tables: Table -> what it was read from; the records first.
        inputs: What each file is used for, and the file; see `file_references`.
    """
    files = {(file.use, file.sha256): file for file in _files(inputs)}
    return Lineage(
        spec_sha256=spec.sha256,
        inputs=[
            *(
                InputFile(use=use, sha256=file.sha256, size=file.size, place=_place(spec, use))
                for use, found in tables.items()
                for file in found
            ),
            *(files[place] for place in sorted(files)),
        ],
        code=code_versions(),
    )


def _place(spec: CohortSpec, use: str) -> Place:
    source = spec.tables.get(use, spec.table)
    return "elsewhere" if source.kind in ELSEWHERE or source.server else "folder"


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


def file_references(studies: Iterable[Study]) -> Iterator[tuple[str, FileReference]]:
    """What each file is used for, as `modality.field`, and the file."""
    for study in studies:
        for modality, fields in study.inputs.items():
            for name, value in fields.items():
                for part in value if isinstance(value, tuple) else (value,):
                    if isinstance(part, FileReference):
                        yield f"{modality}.{name}", part


def _files(inputs: Iterable[tuple[str, FileReference]]) -> Iterator[InputFile]:
    hashes: dict[Path, str] = {}
    for use, reference in inputs:
        if reference.locator.startswith(MADE):
            yield InputFile(use=use, sha256=reference.sha256, size=reference.size, place="made")
        elif reference.parts == 1:
            yield InputFile(use=use, sha256=reference.sha256, size=reference.size)
        else:
            if not hashes and isinstance(reference.root, FolderRoot):
                hashes = {path: sha256 for sha256, path in reference.root.known.items()}
            for locator, path in zip(reference.locator.split("\n"), reference.paths(), strict=True):
                kind, _, rest = locator.partition(":")
                known = rest.partition(":")[0] if kind == "sha256" else hashes.get(path)
                yield InputFile(use=use, sha256=known or file_sha256(path), size=path.stat().st_size)
