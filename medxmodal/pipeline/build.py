"""`build`: a spec and a data folder in, a cohort out; and `draft`, a first spec of one's own data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.pipeline.cohort import CohortView, as_cohort

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.cohort.draft.drafter import Draft
    from medxmodal.cohort.engine.stream import Written
    from medxmodal.cohort.engine.tables import Validation
    from medxmodal.cohort.spec.cohort_spec import CohortSpec
    from medxmodal.progress import Progress
    from medxmodal.records import InputCheck


def build(
    spec: CohortSpec | str | Path,
    data: str | Path,
    out: str | Path | None = None,
    *,
    unlabelled: bool = False,
    keys: str | Path | None = None,
    validate: Validation = "sample",
    progress: Progress | None = None,
) -> CohortView:
    """Build a cohort from records.

    Args:
        spec: A cohort spec, its path, or the name of a shipped one.
        data: Folder with the table and the files that it names.
        out: The cohort folder to write; None keeps the cohort in memory.
        unlabelled: Whether the label column, and what only goes with it, may be absent.
        keys: Folder for the secret key and the crosswalk of a keyed cohort, outside of it.
        validate: How much of FHIR is checked whole: `none`, a `sample` of each type, or `full`.
        progress: Called with words, done and total.

    Returns:
        The cohort. Records that could not become a study are in its `failed`.

    Raises:
        SpecError: The spec is wrong or does not fit the data.
        CohortError: There is nothing to build from, or no study is left, or `out` holds other things.
        PrivacyError: A keyed cohort has no keys folder, or it lies inside the cohort.

    Example:
        `cohort = mx.build("breast_poland", data="breast_poland")`
    """
    if out is not None:
        write(spec, data, out, unlabelled=unlabelled, keys=keys, validate=validate, progress=progress)
        return CohortView.load(out, data=data)
    count = _counter(progress)
    return CohortView.from_spec(
        spec, data, unlabelled=unlabelled, keys=keys, validate=validate, progress=count
    )


def write(
    spec: CohortSpec | str | Path,
    data: str | Path,
    out: str | Path,
    *,
    unlabelled: bool = False,
    keys: str | Path | None = None,
    validate: Validation = "sample",
    progress: Progress | None = None,
) -> Written:
    """Build a cohort folder without holding the cohort, where its records come in parts.

    Args and errors: as of `build`.
    """
    from medxmodal.cohort.engine.stream import build_folder
    from medxmodal.cohort.spec.cohort_spec import CohortSpec

    return build_folder(
        spec if isinstance(spec, CohortSpec) else CohortSpec.read(spec),
        Path(data),
        Path(out),
        unlabelled=unlabelled,
        keys=None if keys is None else Path(keys),
        validate=validate,
        progress=_counter(progress),
    )


def check(spec: CohortSpec | str | Path, data: str | Path, cohort: str | Path) -> InputCheck:
    """Whether a data folder still holds what a cohort was made from, and the spec says the same.

    Args:
        spec: The spec as it is now.
        data: The data folder.
        cohort: The cohort folder.

    Raises:
        CohortError: The folder is no cohort, or there is no data folder.
    """
    from medxmodal.cohort.check import check_inputs, known_places
    from medxmodal.cohort.spec.cohort_spec import CohortSpec
    from medxmodal.errors import CohortError

    made = as_cohort(cohort, data)
    if made.lineage is None:
        raise CohortError(f"{cohort} has no lineage", hint="Build it again.")
    now = spec if isinstance(spec, CohortSpec) else CohortSpec.read(spec)
    return check_inputs(made.lineage, Path(data), spec=now, places=known_places(made))


def export(cohort: Cohort | str | Path, out: str | Path) -> Path:
    """Write a cohort as a MEDS dataset.

    Args:
        cohort: A cohort, or its folder.
        out: The folder to write.

    Returns:
        The folder.

    Raises:
        CohortError: The cohort has no index times, or the folder cannot be written.
    """
    from medxmodal.cohort.sources.meds_write import write_meds

    return write_meds(as_cohort(cohort), Path(out))


def _counter(progress: Progress | None) -> Callable[[int, int], None]:
    def count(done: int, total: int) -> None:
        if progress is not None:
            progress("reading records", done, total)

    return count


def draft(data: str | Path, out: str | Path) -> Draft:
    """Draft a commented cohort spec from a folder of one's own.

    Args:
        data: The folder: tables, images, NIfTI, clips, notes, DICOM, FHIR, arrays or MEDS.
        out: The YAML file to write; an existing file is never replaced.

    Returns:
        The spec and what was guessed.

    Raises:
        CohortError: There is no such folder, nothing in it to draft from, or `out` is there already.
    """
    from medxmodal.cohort.draft.drafter import draft_spec
    from medxmodal.errors import CohortError

    path = Path(out)
    if path.exists():
        raise CohortError(f"{path} is there already", hint="Name another --out, or remove it.")
    made = draft_spec(Path(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made.yaml, encoding="utf-8")
    return made
