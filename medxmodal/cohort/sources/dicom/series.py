"""Instances of DICOM series, by their headers alone: what belongs together, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medxmodal.cohort.sources.dicom.decode import kind_found
from medxmodal.cohort.sources.dicom.geometry import Plane, stack
from medxmodal.cohort.sources.rows import SourceFile
from medxmodal.errors import InputError

PROJECTIONS = frozenset(
    {"CR", "DX", "MG", "US", "IVUS", "XA", "RF", "XC", "OT", "SC", "ES", "GM", "OP", "PX", "IO"}
)
"""Modalities whose single images are each a view of their own, even where they have a place in space."""


@dataclass(frozen=True)
class Instance:
    """What a scan keeps of one file.

    Args:
        number: Of the file in the scan, from 1.
        path: Relative to the data folder.
        source: Its content.
        cells: See `dicom_tags.cells_of`.
        uid: Its SOPInstanceUID; empty if none.
        order: Its InstanceNumber.
        frames: How many.
        size: Rows and columns.
        planes: Its frames' places in space, or None.
        problem: Why it cannot be read.
    """

    number: int
    path: str
    source: SourceFile
    cells: Mapping[str, str | None] = field(default_factory=dict)
    uid: str = ""
    order: int = 0
    frames: int = 1
    size: tuple[int, int] = (0, 0)
    planes: tuple[Plane, ...] | None = None
    problem: str = ""

    @property
    def shown(self) -> str:
        """How messages name it."""
        return f"DICOM file {self.number} (sha256 {self.source.sha256[:4]}...)"


@dataclass(frozen=True)
class Series:
    """Instances that are one row.

    Args:
        instances: In order.
        kind: `image`, `volume` or `video`; empty if that cannot be told.
        problem: Why they cannot be read.
    """

    instances: tuple[Instance, ...]
    kind: str = ""
    problem: str = ""


def without_copies(instances: Sequence[Instance]) -> tuple[list[Instance], int]:
    """Each content once, and how many files were copies of another."""
    found = {instance.source.sha256: instance for instance in reversed(instances)}
    kept = sorted(found.values(), key=lambda instance: instance.number)
    return kept, len(instances) - len(kept)


def series_of(instances: Sequence[Instance]) -> list[Series]:
    """Group instances into rows, in the order in which their first files were found.

    Slices of a series are one row, in geometric order. A multi-frame file is a row of its own, and so is
    an image that has no place in space or is a view (`PROJECTIONS`).
    """
    by_uid: dict[str, list[Instance]] = {}
    found: list[Series] = []
    for instance in instances:
        uid = instance.cells.get("SeriesInstanceUID")
        if instance.problem:
            found.append(Series((instance,), "", instance.problem))
        elif uid is None:
            found.append(_alone(instance))
        else:
            by_uid.setdefault(uid, []).append(instance)
    for members in by_uid.values():
        found.extend(_split(members))
    return sorted(found, key=lambda series: min(instance.number for instance in series.instances))


def _split(members: list[Instance]) -> list[Series]:
    for keyword, words in (("PatientID", "patients"), ("StudyInstanceUID", "studies")):
        if len({instance.cells.get(keyword) for instance in members}) > 1:
            return [Series(tuple(members), "", f"one series holds several {words}")]
    slices = [i for i in members if i.frames == 1 and i.planes and i.cells.get("Modality") not in PROJECTIONS]
    chosen = {instance.number for instance in slices}
    found = [_alone(instance) for instance in members if instance.number not in chosen]
    if len(slices) == 1:
        found.append(_alone(slices[0]))
    elif slices:
        found.append(_stacked(slices))
    return found


def _alone(instance: Instance) -> Series:
    return Series((instance,), kind_found([instance.frames], [instance.planes]))


def _stacked(slices: list[Instance]) -> Series:
    shown = f"a series of {len(slices)} slices"
    kind = kind_found([1] * len(slices), [instance.planes for instance in slices])
    ordered = sorted(slices, key=lambda instance: (instance.order, instance.number))
    uids = [instance.uid for instance in slices if instance.uid]
    if len(set(uids)) < len(uids):
        return Series(tuple(ordered), kind, f"{shown} has two different files of one SOPInstanceUID")
    if len({instance.size for instance in slices}) > 1:
        return Series(tuple(ordered), kind, f"{shown} mixes slices of different sizes")
    if kind == "video":  # many times at one place, such as a beating heart
        return Series(tuple(ordered), kind)
    try:
        places = stack([plane for instance in ordered for plane in instance.planes or ()], shown).places
    except InputError as error:
        return Series(tuple(ordered), kind, error.message)
    return Series(tuple(ordered[index] for place in places for index in place), kind)
