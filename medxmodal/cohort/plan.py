"""What of a spec can be asked of a table: columns checked by name before anything is read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from medxmodal.cohort.sources.rows import Table
from medxmodal.cohort.spec import CohortSpec, ImageSpec, NumberColumn, RuleSpec, TabularSpec, TextSpec
from medxmodal.cohort.template import Template
from medxmodal.cohort.where import columns_of
from medxmodal.errors import SpecError


@dataclass(frozen=True)
class Plan:
    """What a build does, given the columns there are.

    Args:
        include: Rules to apply.
        exclude: Rules to apply.
        skipped: Rules left out because an unlabelled table lacks their column.
        labelled: Whether there is a label column.
        masks: Modalities whose masks can be read.
        notes: What was left out besides.
    """

    include: tuple[RuleSpec, ...]
    exclude: tuple[RuleSpec, ...]
    skipped: tuple[str, ...]
    labelled: bool
    masks: frozenset[str]
    notes: tuple[str, ...]


def make_plan(spec: CohortSpec, table: Table, *, unlabelled: bool) -> Plan:
    """Check every column a spec names.

    Args:
        spec: The spec.
        table: The table.
        unlabelled: Whether the label, and what only goes with it, may be absent.

    Raises:
        SpecError: A column is not there; names the closest ones.
    """
    columns = set(table.columns)
    for key, name in _needed(spec):
        if name not in columns:
            raise _absent(spec, table, key, name)
    labelled = spec.label.column in columns
    if not labelled and not unlabelled:
        hint = "To build without labels, say --unlabelled."
        raise _absent(spec, table, "label.column", spec.label.column, hint)
    kept: dict[str, list[RuleSpec]] = {}
    skipped = []
    for key, rules in (("include", spec.include), ("exclude", spec.exclude)):
        kept[key] = []
        for rule in rules:
            absent = sorted(columns_of(rule.rule) - columns)
            if absent and not unlabelled:
                raise _absent(spec, table, f"{key}.where", absent[0])
            if absent:
                skipped.append(f"{key} {rule.where} ({rule.reason}): no column {', '.join(absent)}")
            else:
                kept[key].append(rule)
    masks, notes = set(), []
    for modality, image in spec.modalities.items():
        if not isinstance(image, ImageSpec) or image.mask is None:
            continue
        absent = [name for name in Template.parse(image.mask).columns if name not in columns]
        if absent and not unlabelled:
            raise _absent(spec, table, f"modalities.{modality}.mask", absent[0])
        if absent:
            notes.append(f"{modality}: no masks, since there is no column '{absent[0]}'")
        else:
            masks.add(modality)
    return Plan(
        tuple(kept["include"]),
        tuple(kept["exclude"]),
        tuple(skipped),
        labelled,
        frozenset(masks),
        tuple(notes),
    )


def _needed(spec: CohortSpec) -> Iterable[tuple[str, str]]:
    """Key of the spec and column, for every column that must be there."""
    yield "table.patient", spec.table.patient
    if spec.table.study:
        yield "table.study", spec.table.study
    if spec.index_time:
        yield "index_time.column", spec.index_time.column
    if spec.site.column:
        yield "site.column", spec.site.column
    for name, modality in spec.modalities.items():
        here = f"modalities.{name}"
        if isinstance(modality, TabularSpec):
            for column, detail in modality.columns.items():
                yield f"{here}.columns", column
                if isinstance(detail, NumberColumn) and detail.unit_column:
                    yield f"{here}.columns.{column}.unit_column", detail.unit_column
        elif isinstance(modality, TextSpec) and modality.column:
            yield f"{here}.column", modality.column
        elif modality.file:
            for column in Template.parse(modality.file).columns:
                yield f"{here}.file", column


def _absent(spec: CohortSpec, table: Table, key: str, name: str, hint: str = "") -> SpecError:
    by_lower = {column.lower(): column for column in table.columns}
    close = [by_lower[n] for n in difflib.get_close_matches(name.lower(), list(by_lower), n=3)]
    meant = f"Closest: {', '.join(close)}." if close else f"Its columns: {', '.join(table.columns[:20])}."
    return SpecError(
        f"{key} names the column '{name}', which {spec.table.file} does not have",
        hint=f"{meant} {hint}".strip(),
    )
