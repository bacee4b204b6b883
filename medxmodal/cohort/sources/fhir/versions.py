"""`other_version`: what tells a resource of FHIR R5 or STU3, which do not say it, from one of R4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_R5, _STU3 = "R5", "STU3"
_DRUG = {"medication": _R5, "context": _STU3}
_TELLING: dict[str, dict[str, str]] = {
    "Encounter": {"actualPeriod": _R5, "admission": _R5},
    "Procedure": {"occurrenceDateTime": _R5, "occurrencePeriod": _R5, "notDone": _STU3, "context": _STU3},
    "Condition": {"assertedDate": _STU3, "context": _STU3},
    "Observation": {"context": _STU3, "comment": _STU3},
    "AllergyIntolerance": {"assertedDate": _STU3},
    "DocumentReference": {"bodySite": _R5, "class": _STU3, "indexed": _STU3, "created": _STU3},
    "DiagnosticReport": {"context": _STU3, "codedDiagnosis": _STU3},
    "Immunization": {"notGiven": _STU3},
    "MedicationRequest": _DRUG,
    "MedicationDispense": _DRUG,
    "MedicationAdministration": {"medication": _R5, "notGiven": _STU3},
    "MedicationStatement": {"medication": _R5, "taken": _STU3},
}
"""Elements that R4 lacks: where one stands, others have moved too, and what moved is not found."""


def other_version(resource: Mapping[str, Any]) -> tuple[str, str] | None:
    """The version that a resource is of and the element that tells; None where nothing does.

    Example:
        >>> other_version({"resourceType": "Encounter", "actualPeriod": {"start": "2024-01-01"}})
        ('R5', 'actualPeriod')
    """
    telling = _TELLING.get(resource["resourceType"])
    if telling is not None:
        for element, version in telling.items():
            if element in resource:
                return version, element
    return None
