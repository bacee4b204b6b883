"""Which elements of FHIR a column may never take: names, addresses, contacts, identifiers, photos."""

from __future__ import annotations

import re

from medxmodal.cohort.sources.fhir.paths import Step, parse_path
from medxmodal.errors import PrivacyError

_FORBIDDEN = frozenset(
    """
    name given family prefix suffix address telecom identifier photo contact link contained fullUrl div line
    city postalCode state district valueHumanName valueAddress valueContactPoint valueIdentifier
    valueAttachment valueReference authorString deviceName serialNumber lotNumber distinctIdentifier
    udiCarrier carrierHRF carrierAIDC deviceIdentifier accessionIdentifier masterIdentifier
    groupIdentifier requisition patientInstruction reference data url title position communication
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_CODINGS = re.compile(r"coding|class|modality|value[A-Z]*[a-z]*Coding|bodySite|laterality|sopClass|format")
_PERSONAL = re.compile(r"name|place|address|identifier|telecom|contact|photo|geolocation|ssn", re.IGNORECASE)


def check_private(resource: str, path: str) -> None:
    """Refuse a path that may hold what names a person or a device.

    Raises:
        PrivacyError: It does.
        SpecError: It is no path.
    """
    for steps in parse_path(path):
        for at, step in enumerate(steps):
            following = steps[at + 1].name if at + 1 < len(steps) else ""
            before = steps[at - 1].name if at else ""
            if _private(resource, step, before, following):
                raise PrivacyError(
                    f"the FHIR path {'.'.join(s.name for s in steps)} may hold names or other identifiers",
                    hint="Leave the column out; the patient's id is the column `patient` of every table.",
                )


def _private(resource: str, step: Step, before: str, following: str) -> bool:
    if step.name == "identifier":
        return following != "$study_uid"
    if step.name in _FORBIDDEN:
        return True
    if step.name == "display":  # of a reference it is a person's name
        return not _CODINGS.fullmatch(before)
    if step.name == "text":  # the narrative of a whole resource
        return not before
    if step.name in {"extension", "modifierExtension"}:
        return not step.pick.startswith("url=") or bool(_PERSONAL.search(step.pick.rpartition("/")[2]))
    return step.name == "id" or (resource == "Patient" and step.name.startswith("multipleBirth"))
