"""The DICOM tags that may reach a row, and how: whatever is not listed here never does.

After the basic profile of PS3.15, Annex E, turned about: a list of what stays, not of what goes. Names,
birth dates, addresses, other ids, institutions, persons, comments and every private tag stay out,
whatever they hold. PatientID and the UIDs do reach a row, since the build links by them and then
replaces them by pseudonyms. The two descriptions (`CLEANED`) are needed to choose a series; words that
the same file tells of its patient or of persons are cut out of them ("clean descriptors option").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

IDENTIFIERS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
CODES = ("Modality", "BodyPartExamined", "ViewPosition", "Laterality", "PatientSex", "Manufacturer")
CLEANED = ("SeriesDescription", "StudyDescription")
COLUMNS = (
    "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesDescription",
    "BodyPartExamined", "ViewPosition", "Laterality", "PatientSex", "PatientAge", "StudyDescription",
    "Manufacturer", "time", "instances", "kind", "files",
)  # fmt: skip
"""Of the table that a scan gives, in order."""
ALLOWED = frozenset({
    *IDENTIFIERS, *CODES, *CLEANED, "PatientAge", "ImageLaterality", "AcquisitionDateTime",
    "AcquisitionDate", "AcquisitionTime", "SeriesDate", "SeriesTime", "StudyDate", "StudyTime",
    "TimezoneOffsetFromUTC",
})  # fmt: skip
"""The tags that cells are made of. Pixel, geometry and SOP tags are read too, and reach no cell."""
PIXEL_TAGS = (
    "PatientID", "SeriesInstanceUID", "InstanceNumber",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration", "PhotometricInterpretation", "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices", "GridFrameOffsetVector",
    "RescaleSlope", "RescaleIntercept", "DoseGridScaling", "ModalityLUTSequence", "VOILUTSequence",
    "VOILUTFunction", "WindowCenter", "WindowWidth", "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
    *(f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue", "Alpha")
      for part in ("Descriptor", "Data")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue", "Alpha")),
)  # fmt: skip
"""All that unpacking pixels asks for; nothing else of a header is taken in."""
_TELLING = (
    "PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames",
    "PatientBirthName", "PatientMotherBirthName", "PatientAddress", "PatientTelephoneNumbers",
    "AccessionNumber", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName",
    "NameOfPhysiciansReadingStudy", "RequestingPhysician", "InstitutionName", "StationName",
)  # fmt: skip
"""Read only to cut their words out of the descriptions."""
_DATE = re.compile(r"\b(\d{4}[-./]?\d{2}[-./]?\d{2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})\b")
_LONG_NUMBER = re.compile(r"\b\d{6,}\b")
_AGE_UNITS = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}
_TIMES = (("AcquisitionDate", "AcquisitionTime"), ("SeriesDate", "SeriesTime"), ("StudyDate", "StudyTime"))
REMOVED = "[removed]"


def cells_of(dataset: Dataset) -> dict[str, str | None]:
    """The cells that one file gives: `COLUMNS` without the last three.

    Args:
        dataset: Its header. A value that cannot be read is an empty cell.
    """
    cells: dict[str, str | None] = {name: text(dataset, name) for name in (*IDENTIFIERS, *CODES)}
    telling = _telling_words(dataset)
    for name in CLEANED:
        cells[name] = clean(text(dataset, name), telling)
    cells["Laterality"] = cells["Laterality"] or text(dataset, "ImageLaterality")
    cells["PatientAge"] = age(text(dataset, "PatientAge"))
    cells["time"] = moment(dataset)
    return cells


def text(dataset: Dataset, keyword: str) -> str | None:
    """A value as one line of text; None if it is absent, empty or unreadable."""
    try:
        value = dataset.get(keyword)
        parts = value if isinstance(value, MultiValue | list | tuple) else [value]
        found = "\\".join("" if part is None else str(part) for part in parts)
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, OverflowError):
        return None
    line = "".join(sign if sign.isprintable() else " " for sign in found)
    return line.strip(" \\") or None


def clean(described: str | None, telling: frozenset[str]) -> str | None:
    """A description without the words that tell who somebody is, without dates and long numbers.

    Args:
        described: As the scanner's operator typed it.
        telling: Words to cut, in lower case.

    Example:
        >>> clean("T1 Doe 1961-02-03", frozenset({"doe"}))
        'T1 [removed] [removed]'
    """
    if described is None:
        return None
    plain = _LONG_NUMBER.sub(REMOVED, _DATE.sub(REMOVED, described))
    return re.sub(
        r"[^\W_]+", lambda w: REMOVED if w.group().lower() in telling else w.group(), plain
    ).replace(f"[{REMOVED}]", REMOVED)


def _telling_words(dataset: Dataset) -> frozenset[str]:
    found = " ".join(text(dataset, keyword) or "" for keyword in _TELLING)
    return frozenset(word.lower() for word in re.findall(r"[^\W_]+", found) if len(word) > 2)


def age(written: str | None) -> str | None:
    """Years as text, from `045Y`, `006M`, `010W` or `005D`.

    Example:
        >>> age("045Y"), age("006M"), age("old")
        ('45', '0.5', None)
    """
    found = re.fullmatch(r"(\d{1,3})([DWMY])", written or "")
    if found is None:
        return None
    years = int(found[1]) / _AGE_UNITS[found[2]]
    return f"{years:.4g}"


def moment(dataset: Mapping[str, object] | Dataset) -> str | None:
    """When a file was taken, ISO; with its time zone where that is told, a date alone where there is no time.

    The acquisition's, or the series', or the study's.
    """
    told = {
        keyword: text(dataset, keyword)  # type: ignore[arg-type]
        for keyword in ("AcquisitionDateTime", "TimezoneOffsetFromUTC", *(k for pair in _TIMES for k in pair))
    }
    zone = told["TimezoneOffsetFromUTC"]
    whole = re.fullmatch(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?", told["AcquisitionDateTime"] or "")
    if whole:
        found = _iso(whole[1], whole[2], whole[3] or zone)
        if found:
            return found
    for day, time in _TIMES:
        found = _iso(told[day], told[time], zone)
        if found:
            return found
    return None


def _iso(day: str | None, time: str | None, zone: str | None) -> str | None:
    digits = (day or "").replace(".", "").replace("-", "")
    try:
        date = datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        return None
    clock = re.fullmatch(r"(\d{2})(\d{2})?(\d{2})?(?:\.(\d{1,6}))?", (time or "").replace(":", ""))
    if clock is None:
        return date.date().isoformat()
    try:
        hour, minute, second = (int(part or 0) for part in clock.groups()[:3])
        found = date.replace(hour=hour, minute=minute, second=min(second, 59))
    except ValueError:
        return date.date().isoformat()
    offset = re.fullmatch(r"([+-])(\d{2})(\d{2})", zone or "")
    if offset and int(offset[2]) < 15:
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return found.replace(tzinfo=timezone(-ahead if offset[1] == "-" else ahead)).isoformat()
    return found.isoformat()
