"""`Flattener`: one resource in, its rows of text cells out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from medxmodal.cohort.sources.fhir.errors import BadResource
from medxmodal.cohort.sources.fhir.paths import Context, Getter, compile_path, parse_path
from medxmodal.cohort.sources.fhir.privacy import check_private
from medxmodal.cohort.sources.fhir.references import patient_of, resource_id
from medxmodal.cohort.sources.fhir.tree import Cells, Visit, compile_columns
from medxmodal.cohort.sources.fhir.versions import other_version
from medxmodal.cohort.sources.fhir.views import RESERVED, FhirView, default_time
from medxmodal.errors import SpecError

_OF_COMPONENT = ("code", "value", "dataAbsentReason", "interpretation", "referenceRange")
WRONG = "entered-in-error"
_NOT_SO = frozenset({WRONG, "not-done", "not-taken", "cancelled"})
"""A status that says that what the resource tells did not happen."""


class Flat(NamedTuple):
    """What one resource gives.

    Args:
        key: Its id.
        patient: Resolved id of its patient.
        updated: `meta.lastUpdated`, empty where absent.
        rows: Position of the table -> its rows; their first three cells are patient, id and time. No
            rows at all where the resource was withdrawn, which earlier versions of it then are too.
    """

    key: str
    patient: str
    updated: str
    rows: list[tuple[int, list[Cells]]]


@dataclass
class _Table:
    position: int
    visit: Visit
    blank: Cells
    component: list[tuple[int, Getter]] = field(default_factory=list)


def view_columns(view: FhirView) -> dict[str, str]:
    """The paths of a view, `time` first; checked.

    Raises:
        SpecError: A path is none, or a column has a reserved name.
        PrivacyError: A path may hold names or other identifiers.
    """
    taken = sorted(set(view.columns) & set(RESERVED))
    if taken:
        raise SpecError(
            f"the FHIR view of {view.resource} names a column '{taken[0]}', which every table has",
            hint="Rename it.",
        )
    for path in view.columns.values():
        check_private(view.resource, path)
    rest = {name: path for name, path in view.columns.items() if name != "time"}
    return {"time": view.columns.get("time") or default_time(view.resource), **rest}


def table_columns(view: FhirView) -> tuple[str, ...]:
    """The columns of a view's table, in order."""
    return (*RESERVED, *view_columns(view))


class Flattener:
    """Makes rows of resources.

    Args:
        views: Table -> view; positions of tables are those of this mapping.
    """

    def __init__(self, views: Mapping[str, FhirView]) -> None:
        self.context = Context()
        self.tables: dict[str, list[_Table]] = {}
        self.first_of: dict[str, str] = {}
        for position, view in enumerate(views.values()):
            paths = list(view_columns(view).values())
            table = _Table(position, compile_columns(paths, self.context, 2), [None] * len(paths))
            for at, path in enumerate(paths, 2):
                if view.resource == "Observation" and path and _inside_component(path):
                    table.component.append((at, compile_path(path, self.context)))
            self.tables.setdefault(view.resource, []).append(table)
            element, _, rest = view.columns.get("code", "").partition(".")
            if rest == "coding[0].code":
                self.first_of[view.resource] = element
        self.wanted = frozenset(self.tables) | {"Patient"}

    def flatten(self, resource: dict[str, Any], full_url: object = None) -> Flat | None:
        """The rows of a resource of a wanted type; None where it was withdrawn and nobody can say from whom.

        Raises:
            BadResource: A value that is used is of the wrong type, or the id or the patient is missing.
        """
        kind = resource["resourceType"]
        key = resource_id(resource, full_url)
        if key is None:
            raise BadResource("id is missing")
        if kind == "Patient" and _merged(resource):
            raise BadResource("it was merged into another patient (link of type replaced-by)")
        self._remark(resource, kind)
        withdrawn = resource.get("status") in _NOT_SO or _withdrawn(resource)
        try:
            patient = key if kind == "Patient" else patient_of(resource, self.context.urls)
        except BadResource:
            if withdrawn:
                return None
            raise
        rows: list[tuple[int, list[Cells]]] = []
        for table in self.tables.get(kind, ()):
            if withdrawn:
                rows.append((table.position, []))
                continue
            cells: Cells = [patient, key, *table.blank]
            table.visit(resource, cells)
            found = [cells]
            if table.component and "component" in resource:
                found += _components(resource["component"], cells, table)
            rows.append((table.position, found))
        meta = resource.get("meta")
        updated = meta.get("lastUpdated") if type(meta) is dict else None
        return Flat(key, patient, updated if type(updated) is str else "", rows)

    def _remark(self, resource: dict[str, Any], kind: str) -> None:
        """Count what is read but may not be what a spec expects."""
        told = other_version(resource)
        if told is not None:
            version, element = told
            self.context.remarks[
                f"{kind} look like FHIR {version} (they have {element}): R4 is read, what moved is missing"
            ] += 1
        if "medicationReference" in resource and "medicationCodeableConcept" not in resource:
            self.context.remarks[
                f"{kind} name their drug by reference: the column code is empty, medication holds its id"
            ] += 1
        concept = resource.get(self.first_of.get(kind, ""))
        codings = concept.get("coding") if type(concept) is dict else None
        if type(codings) is list and len(codings) > 1:
            self.context.remarks[
                f"{kind} have several codings: the column code is the first of them, codes holds all"
            ] += 1

    def identify(self, resource: dict[str, Any], full_url: object = None) -> str:
        """The patient of a resource that is bad otherwise.

        Raises:
            BadResource: That cannot be read either.
        """
        if resource["resourceType"] != "Patient":
            return patient_of(resource, self.context.urls)
        key = resource_id(resource, full_url)
        if key is None:
            raise BadResource("id is missing")
        return key


def _components(held: object, whole: Cells, table: _Table) -> list[Cells]:
    if type(held) is not list:
        raise BadResource("component is not a list")
    rows = []
    for number, component in enumerate(held, 1):
        if type(component) is not dict:
            raise BadResource("component is not a list of elements")
        cells = list(whole)
        cells[1] = f"{whole[1]}#{number}"
        for at, get in table.component:
            try:
                cells[at] = get(component)
            except BadResource as error:
                raise BadResource(f"component.{error}") from None
        rows.append(cells)
    return rows


def _withdrawn(resource: dict[str, Any]) -> bool:
    """Whether a condition, an allergy or a document says of itself that it is refuted, or an error."""
    if resource.get("docStatus") == WRONG:
        return True
    concept = resource.get("verificationStatus")
    codings = concept.get("coding") if type(concept) is dict else None
    if type(codings) is not list:
        return False
    return any(type(coding) is dict and coding.get("code") in (WRONG, "refuted") for coding in codings)


def _merged(patient: dict[str, Any]) -> bool:
    """Whether a patient is only the old number of another one, who would be in a cohort twice."""
    links = patient.get("link")
    if type(links) is not list:
        return False
    return any(type(link) is dict and link.get("type") == "replaced-by" for link in links)


def _inside_component(path: str) -> bool:
    return all(steps[0].name.startswith(_OF_COMPONENT) for steps in parse_path(path))
