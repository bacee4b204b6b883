"""`FhirView`: which values of a FHIR resource become columns, with a default for each common type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from medxmodal.errors import SpecError

RESERVED = ("patient", "id")
"""Columns that every table has, whatever its view: the resolved patient and the resource's own id."""


@dataclass(frozen=True)
class FhirView:
    """A table made of one type of resource.

    Args:
        resource: R4 name of the type.
        columns: Column -> path; see `fhir_paths`. `patient` and `id` come by themselves, and so does
            `time` where it is not named.
    """

    resource: str
    columns: Mapping[str, str] = field(hash=False)


def _coded(element: str) -> dict[str, str]:
    """The columns of a CodeableConcept."""
    return {
        "code": f"{element}.coding[0].code",
        "codes": f"{element}.coding[*].code",
        "system": f"{element}.coding[0].system",
        "display": f"{element}.coding[0].display | {element}.text",
    }


_CODE = _coded("code")
_DRUG = _coded("medicationCodeableConcept")
_ENCOUNTER = {"encounter": "encounter.$reference"}
_EXTENSION = "extension[url=http://hl7.org/fhir/us/core/StructureDefinition/us-core-{}]"
_OMB = _EXTENSION + ".extension[url={}].valueCoding.display"
_STATED = {
    "clinical": "clinicalStatus.coding[0].code",
    "verification": "verificationStatus.coding[0].code",
}

_MEASURED = "effectiveDateTime | effectivePeriod.end | effectiveInstant | issued | effectivePeriod.start"
"""What was collected over a day is known at its end."""

_VIEWS: dict[str, dict[str, str]] = {
    "Patient": {
        "gender": "gender",
        "birthDate": "birthDate",
        "deceased": "deceasedDateTime | deceasedBoolean",
        "race": f"{_OMB.format('race', 'ombCategory')} | {_EXTENSION.format('race')}"
        ".extension[url=text].valueString",
        "ethnicity": _OMB.format("ethnicity", "ombCategory"),
        "birthSex": _EXTENSION.format("birthsex") + ".valueCode",
        "marital": "maritalStatus.coding[0].code",
    },
    "Encounter": {
        "time": "period.start",
        "end": "period.end",
        "status": "status",
        "class": "class.code",
        "code": "type[0].coding[0].code",
        "codes": "type[*].coding[*].code",
        "display": "type[0].coding[0].display | type[0].text",
        "reason": "reasonCode[0].coding[0].code",
        "reasons": "reasonCode[*].coding[*].code",
        "reasonDisplay": "reasonCode[0].coding[0].display | reasonCode[0].text",
        "discharge": "hospitalization.dischargeDisposition.coding[0].code",
    },
    "Condition": {
        "time": "onsetDateTime | onsetPeriod.start | recordedDate",
        "onset": "onsetDateTime | onsetPeriod.start",
        "recorded": "recordedDate",
        "abatement": "abatementDateTime | abatementPeriod.start",
        **_STATED,
        "category": "category[0].coding[0].code",
        **_CODE,
        **_ENCOUNTER,
    },
    "Observation": {
        "time": _MEASURED,
        "issued": "issued",
        "status": "status",
        "category": "category[0].coding[0].code",
        **_CODE,
        "value": "valueQuantity.value | valueInteger | valueBoolean | valueString | "
        "valueCodeableConcept.text | valueCodeableConcept.coding[0].display | "
        "valueCodeableConcept.coding[0].code | valueDateTime | valueTime | valuePeriod.start",
        "unit": "valueQuantity.code | valueQuantity.unit",
        "comparator": "valueQuantity.comparator",
        "valueCode": "valueCodeableConcept.coding[0].code",
        "interpretation": "interpretation[0].coding[0].code",
        "absent": "dataAbsentReason.coding[0].code",
        **_ENCOUNTER,
    },
    "Procedure": {
        "time": "performedDateTime | performedPeriod.start",
        "end": "performedPeriod.end",
        "status": "status",
        **_CODE,
        "reason": "reasonCode[0].coding[0].code",
        **_ENCOUNTER,
    },
    "MedicationRequest": {
        "time": "authoredOn",
        "status": "status",
        "intent": "intent",
        **_DRUG,
        "medication": "medicationReference.$reference",
        **_ENCOUNTER,
    },
    "MedicationAdministration": {
        "time": "effectiveDateTime | effectivePeriod.start",
        "end": "effectivePeriod.end",
        "status": "status",
        **_DRUG,
        "dose": "dosage.dose.value",
        "unit": "dosage.dose.code | dosage.dose.unit",
    },
    "MedicationStatement": {
        "time": "effectiveDateTime | effectivePeriod.start | dateAsserted",
        "end": "effectivePeriod.end",
        "status": "status",
        **_DRUG,
    },
    "MedicationDispense": {
        "time": "whenHandedOver | whenPrepared",
        "status": "status",
        **_DRUG,
        "quantity": "quantity.value",
    },
    "Immunization": {
        "time": "occurrenceDateTime",
        "status": "status",
        **_coded("vaccineCode"),
        **_ENCOUNTER,
    },
    "AllergyIntolerance": {
        "time": "onsetDateTime | onsetPeriod.start | recordedDate",
        "recorded": "recordedDate",
        **_STATED,
        "type": "type",
        "category": "category[*]",
        "criticality": "criticality",
        **_CODE,
    },
    "DiagnosticReport": {
        "time": _MEASURED,
        "issued": "issued",
        "status": "status",
        "category": "category[0].coding[0].code",
        **_CODE,
        "conclusion": "conclusion",
        "text": "presentedForm[*].$text",
        **_ENCOUNTER,
    },
    "DocumentReference": {
        "time": "date | context.period.end | context.period.start",
        "start": "context.period.start",
        "status": "status",
        "category": "category[0].coding[0].code",
        **_coded("type"),
        "text": "content[*].attachment.$text",
        "encounter": "context.encounter[0].$reference",
    },
    "ImagingStudy": {
        "time": "started",
        "status": "status",
        "study_uid": "identifier.$study_uid",
        "series_uids": "series[*].uid",
        "modality": "modality[*].code | series[*].modality.code",
        "series": "numberOfSeries",
        "body": "series[0].bodySite.code",
        "bodyDisplay": "series[0].bodySite.display",
        **_ENCOUNTER,
    },
    "Device": {
        "time": "manufactureDate",
        "status": "status",
        **_coded("type"),
    },
    "CarePlan": {
        "time": "period.start",
        "end": "period.end",
        "status": "status",
        "intent": "intent",
        "code": "category[0].coding[0].code",
        "codes": "category[*].coding[*].code",
        "display": "category[0].coding[0].display | category[0].text",
        **_ENCOUNTER,
    },
    "ServiceRequest": {
        "time": "occurrenceDateTime | occurrencePeriod.start | authoredOn",
        "status": "status",
        "intent": "intent",
        **_CODE,
        **_ENCOUNTER,
    },
    "FamilyMemberHistory": {
        "time": "date",
        "status": "status",
        "relationship": "relationship.coding[0].code",
        "code": "condition[0].code.coding[0].code",
        "codes": "condition[*].code.coding[*].code",
    },
}


def default_view(resource: str) -> FhirView:
    """The columns that a type of resource gives where a spec names none.

    Raises:
        SpecError: There is no default for such a type.

    Example:
        >>> default_view("Condition").columns["code"]
        'code.coding[0].code'
    """
    if resource in _VIEWS:
        return FhirView(resource, dict(_VIEWS[resource]))
    close = difflib.get_close_matches(resource, _VIEWS, n=3, cutoff=0.5)
    known = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(sorted(_VIEWS))}."
    raise SpecError(
        f"there is no default view of the FHIR resource '{resource}'", hint=f"{known} Or name its columns."
    )


def default_time(resource: str) -> str:
    """The path of a type's time; empty where there is none."""
    return _VIEWS.get(resource, {}).get("time", "")
