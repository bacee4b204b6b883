"""Where records and events lie: the `table` and `tables` of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from medxmodal.cohort.spec.base import Duration, FromTable, Name, OneOrMore, Section, Text, TimeUnit, Where

KINDS = ("file", "folder", "sql", "fhir", "dicom", "dicomweb", "arrays", "meds")


def _time(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    return {"column": value} if isinstance(value, str | list) else value


class Time(Section):
    """When a row happened, and so when it was known.

    Args:
        column: Column with an ISO date or time, or a number in `unit`; of several the latest counts, for
            example when a lab value was taken and when it was entered.
        unit: Unit of numbers, which count from the record's time zero; none for dates and times.
    """

    column: OneOrMore
    unit: TimeUnit | None = None


TimeSpec: TypeAlias = Annotated[Time, BeforeValidator(_time)]


class Source(Section):
    """Where a table is read from: exactly one of its kinds.

    Args:
        file: CSV, TSV, XLSX, Parquet or JSON, also gzipped, relative to the data folder; `*` for several.
        sheet: Position or name of the sheet, for XLSX.
        folder: Files by a pattern, one row a file: `images/*/*.png`.
        sql: One SELECT; needs `database`.
        database: `sqlite:///file.db` under the data folder, or `env:NAME` for a URL in the environment.
        fhir: A FHIR R4 resource type, one row a resource.
        server: FHIR or DICOMweb server, or `env:NAME` for its address in the environment, whose NAME_TOKEN
            may hold a token; only where it is named here is a network used.
        files: Files of the FHIR resources or DICOM instances, under the data folder.
        columns: Further columns of a FHIR table: name -> path, such as `valueQuantity.value`.
        dicom: DICOM files, one row a series.
        dicomweb: Modality to ask a DICOMweb server for (`*` for any), one row a series.
        arrays: An .npz of images or volumes in the MedMNIST layout, one row an item.
        meds: A MEDS dataset: `data`, `labels` or `subjects`.
    """

    file: Text | None = None
    sheet: int | str = 0
    folder: Text | None = None
    sql: Text | None = None
    database: Text | None = None
    fhir: Text | None = None
    server: Text | None = None
    files: Text | None = None
    columns: dict[str, Text] = {}
    dicom: Text | None = None
    dicomweb: Text | None = None
    arrays: Text | None = None
    meds: Literal["data", "labels", "subjects"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(KINDS)}; given: {', '.join(given) or 'none'}")
        if (self.sql is None) != (self.database is None):
            raise ValueError("`sql` and `database` go together")
        if self.dicomweb and not self.server:
            raise ValueError("`dicomweb` needs `server`")
        if self.server and not (self.fhir or self.dicomweb):
            raise ValueError("`server` goes with `fhir` or `dicomweb`")
        if self.columns and not self.fhir:
            raise ValueError("`columns` with paths go with `fhir`")
        return self

    @model_serializer(mode="wrap")
    def _with_what_is_cleared(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A key written as null stays there: read back without it, the usual column would take its place.
        tree: dict[str, Any] = plain(self)
        cleared = self.model_fields_set & {"study", "time"}
        return tree | {key: None for key in sorted(cleared) if getattr(self, key) is None}

    @property
    def kind(self) -> str:
        """Which kind of source it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def shown(self) -> str:
        """How messages name it."""
        named = self.kind in {"file", "folder", "arrays"}
        return str(getattr(self, self.kind)) if named else f"the {self.kind} table"


_PATIENT = {"fhir": "id", "dicom": "PatientID", "dicomweb": "PatientID", "arrays": "name", "meds": "patient"}
_STUDY = {"dicom": "SeriesInstanceUID", "dicomweb": "SeriesInstanceUID", "arrays": "name"}
_KEY = {"fhir": "patient", "dicom": "PatientID", "dicomweb": "PatientID", "meds": "patient"}
_CLOCK = {"fhir": "time", "dicom": "time", "dicomweb": "time", "meds": "time"}


def _filled(tree: Any, **usual: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever YAML holds
    """With the usual columns of its kind of source, where the YAML does not name them."""
    if not isinstance(tree, dict):
        return tree
    kind = next((k for k in KINDS if tree.get(k) is not None), "")
    return {key: columns[kind] for key, columns in usual.items() if kind in columns} | tree


class TableSpec(Source):
    """The table of records: one row a study, or one row a patient where the index time is an event.

    Args:
        patient: Column of the patient id, or a text with columns in braces.
        study: Column of the study id, likewise; made from the patient id where not given.
        distinct: One record for each value of this column, from the first row that has it and can be read;
            for tables with several rows a study, such as DICOM series.
    """

    patient: Text = ""
    study: Text | None = None
    distinct: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, tree: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        if isinstance(tree, dict) and tree.get("distinct"):
            tree = {"study": tree["distinct"], **tree}
        return _filled(tree, patient=_PATIENT, study=_STUDY)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.patient:
            raise ValueError("the key `patient` is required: the column that holds the patient id")
        return self


class EventTable(Source):
    """A further table: rows that belong to records, with or without times.

    Args:
        key: Its column that names the record.
        equals: The record's column that the key equals; the study id, else the patient id.
        through: A table in between, whose column `equals` is: rows of rows.
        time: When a row happened; without it rows count as known at any time.
        where: Rows for which this does not hold are left out on reading.
        optional: Whether the table may be absent; it is then empty, and said so.
    """

    key: Text = ""
    equals: Text | None = None
    through: Name | None = None
    time: TimeSpec | None = None
    where: Where | None = None
    optional: bool = False

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, tree: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        return _filled(tree, key=_KEY, time=_CLOCK)

    @model_validator(mode="after")
    def _keyed(self) -> Self:
        if not self.key:
            raise ValueError("the key `key` is required: the column that names the record")
        if self.through and not self.equals:
            raise ValueError("`through` needs `equals`, the column of that table")
        return self


class SiteSpec(Section):
    """Where the data came from: a column of the record or of a table, or one name for all."""

    column: Text | None = None
    value: Text | None = None
    source: Name | None = Field(default=None, alias="from")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either `column` or `value`")
        return self


class IndexSpec(FromTable):
    """The index event: when the prediction is asked for.

    Args:
        column: Column with its time: the record's own, or that of the table in `from`.
        unit: Unit of a relative time; none for dates and times.
        take: Of several events in `from`, the `first`, the `last`, or `each` for a study each.
        after: Moves the index time by so much, for example `24 h` after admission.
    """

    column: Text | None = None
    unit: TimeUnit | None = None
    take: Annotated[str, Field(pattern="^(first|last|each)$")] = "first"
    after: Duration | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.column is None and self.source is None and self.after is None:
            raise ValueError("give `column`, `from` or `after`")
        if self.where and not self.source:
            raise ValueError("`where` needs `from`, a table of events")
        if self.window:
            raise ValueError("the index event has no `window`; windows are relative to it")
        return self
