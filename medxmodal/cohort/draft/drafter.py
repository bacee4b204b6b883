"""A first cohort spec from a folder of one's own: every guess is said, and is for the user to check."""

from __future__ import annotations

from pathlib import Path

import yaml

from medxmodal.cohort.draft.survey import Survey, survey
from medxmodal.cohort.draft.yaml import Draft, Pages, slug
from medxmodal.cohort.sources.table import ENDINGS
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.errors import CohortError

__all__ = ["Draft", "draft_spec"]


def draft_spec(data: Path) -> Draft:
    """Draft a cohort spec for a folder of records.

    Tables, pictures, volumes, clips, notes, DICOM, FHIR, arrays and MEDS are told apart by what lies there.
    Only the beginning of large tables, and some of many files, are looked at. Values of cells reach the draft
    only as classes of a label, as words for missing, and as names of items and codes.

    Args:
        data: The folder.

    Raises:
        CohortError: There is no such folder, or nothing in it that could be an input.
    """
    if not data.is_dir():
        raise CohortError(f"there is no data folder {data}", hint="Name the folder that holds your records.")
    found = survey(data)
    pages = Pages(slug(data.resolve().name, "cohort"))
    if not found.complete:
        pages.say("the folder has very many files; those that come first by name were looked at.")
    if not _draft(data, found, pages) or not pages.has_inputs:
        raise CohortError(
            f"{data} holds no readable table, and no images, DICOM, NIfTI, FHIR or arrays to draft from"
            if not pages.sections
            else f"nothing in {data} looks like an input",
            hint=f"Put a table there, with one row a study: {', '.join(ENDINGS)}."
            if not pages.sections
            else "All columns look like ids, dates, the label or what gives it away; write the spec by hand.",
        )
    made = pages.draft()
    CohortSpec.parse(yaml.safe_load(made.yaml), source="the draft")
    return made


def _draft(data: Path, found: Survey, pages: Pages) -> bool:
    """The first kind of source that can be read."""
    from medxmodal.cohort.draft.dicom import draft_dicom
    from medxmodal.cohort.draft.fhir import draft_fhir
    from medxmodal.cohort.draft.folder import draft_arrays, draft_folder
    from medxmodal.cohort.draft.meds import draft_meds
    from medxmodal.cohort.draft.tables import draft_tables

    if found.meds:
        return draft_meds(data, pages)
    if found.fhir:
        return draft_fhir(data, found, pages)
    if found.tables and draft_tables(data, found, pages):
        return True
    return (
        (bool(found.dicom) and draft_dicom(data, found, pages))
        or (bool(found.arrays) and draft_arrays(data, found, pages))
        or draft_folder(data, found, pages)
    )
