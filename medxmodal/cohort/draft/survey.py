"""What lies in a folder: one bounded walk, told apart by endings, and first bytes where these say nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from medxmodal.cohort.draft.sample import ending_of
from medxmodal.cohort.root import walk
from medxmodal.cohort.sources.fhir.lines import LINE_ENDINGS, WHOLE_ENDINGS
from medxmodal.cohort.sources.fhir.sniff import is_fhir
from medxmodal.cohort.sources.sniff import HEAD, sniff

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".jp2"})
NOTES = frozenset({".txt", ".md"})
VOLUMES = (".nii.gz", ".nii")
DICOM = frozenset({".dcm", ".dicom", ".ima"})
MOST_FILES = 200_000
_PROBED = 200
"""JSON files, and files without an ending, of which the first bytes are read; of more, every so manieth."""
_ABOUT = ("readme", "license", "licence", "changelog", "sha256sums", "requirements")


@dataclass
class Survey:
    """The files of a folder, relative to it, sorted.

    Args:
        tables: What may be a table.
        images: Pictures.
        volumes: NIfTI.
        notes: Texts.
        arrays: .npz files.
        dicom: DICOM by ending or first bytes.
        fhir: How many JSON files were seen to be FHIR.
        meds: Whether it is a MEDS dataset.
        complete: Whether all files were listed.
    """

    tables: list[PurePosixPath] = field(default_factory=list)
    images: list[PurePosixPath] = field(default_factory=list)
    volumes: list[PurePosixPath] = field(default_factory=list)
    notes: list[PurePosixPath] = field(default_factory=list)
    arrays: list[PurePosixPath] = field(default_factory=list)
    dicom: list[PurePosixPath] = field(default_factory=list)
    fhir: int = 0
    meds: bool = False
    complete: bool = True

    @property
    def inputs(self) -> list[PurePosixPath]:
        """Whatever a column may name."""
        return [*self.images, *self.volumes, *self.notes, *self.dicom]


def survey(data: Path) -> Survey:
    """List a folder."""
    found, count = Survey(), 0
    json: list[PurePosixPath] = []
    bare: list[PurePosixPath] = []
    for path in walk(data):
        count += 1
        if count > MOST_FILES:
            found.complete = False
            break
        relative = PurePosixPath(path.relative_to(data).as_posix())
        if any(part.startswith((".", "__MACOSX")) for part in relative.parts):
            continue
        _sort_in(relative, found, json, bare)
    found.fhir = _probed(json, lambda p: is_fhir(data / p))
    if not found.fhir:
        found.tables += [path for path in json if ending_of(path.name)]
    if _probed(bare, lambda p: _is_dicom(data / p)):
        found.dicom += bare
    found.meds = _is_meds(data)
    found.tables.sort()
    return found


def _sort_in(
    path: PurePosixPath, found: Survey, json: list[PurePosixPath], bare: list[PurePosixPath]
) -> None:
    name = path.name.lower()
    ending = path.suffix.lower()
    if name.startswith(_ABOUT) and ending in NOTES | {""}:
        return
    if name.endswith(VOLUMES):
        found.volumes.append(path)
    elif name.endswith(LINE_ENDINGS + WHOLE_ENDINGS):
        json.append(path)
    elif ending_of(name):
        found.tables.append(path)
    elif ending in IMAGES:
        found.images.append(path)
    elif ending in NOTES:
        found.notes.append(path)
    elif ending == ".npz":
        found.arrays.append(path)
    elif ending in DICOM:
        found.dicom.append(path)
    elif not ending or ending[1:].isdigit():  # as scanners name them: IM0001, or a UID
        bare.append(path)


def _probed(paths: Sequence[PurePosixPath], test: Callable[[PurePosixPath], bool]) -> int:
    step = -(-len(paths) // _PROBED) or 1
    return sum(test(path) for path in paths[::step])


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return sniff(stream.read(HEAD)) == "dicom"
    except OSError:
        return False


def _is_meds(data: Path) -> bool:
    told = (data / "metadata" / "dataset.json").is_file() or (data / "metadata" / "codes.parquet").is_file()
    return told and next((data / "data").glob("**/*.parquet"), None) is not None
