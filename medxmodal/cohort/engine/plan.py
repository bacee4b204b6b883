"""What of a spec can be asked of its tables: columns checked by name before anything is read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from medxmodal.cohort.engine.candidates import id_columns
from medxmodal.cohort.engine.tables import RECORDS
from medxmodal.cohort.spec.cohort_spec import (
    CohortSpec,
    FileInput,
    NumberColumn,
    RuleSpec,
    TabularSpec,
    TextSpec,
    TimeseriesSpec,
)
from medxmodal.cohort.spec.template import Template
from medxmodal.cohort.spec.where import columns_of, parse_where
from medxmodal.errors import SpecError

Need = tuple[str, str, str]
"""Key of the spec, table, column."""


@dataclass(frozen=True)
class Plan:
    """What a build does, given the columns there are.

    Args:
        include: Rules to apply.
        exclude: Rules to apply.
        skipped: Rules left out because an unlabelled table lacks their column.
        labelled: Whether labels can be read.
        masks: Modalities whose masks can be read.
        notes: What was left out besides.
    """

    include: tuple[RuleSpec, ...]
    exclude: tuple[RuleSpec, ...]
    skipped: tuple[str, ...]
    labelled: bool
    masks: frozenset[str]
    notes: tuple[str, ...]


def make_plan(spec: CohortSpec, columns: Mapping[str, tuple[str, ...]], *, unlabelled: bool) -> Plan:
    """Check every column a spec names.

    Args:
        spec: The spec.
        columns: Table -> its columns, the records under `table`; none for a table that is not there.
        unlabelled: Whether the label, and what only goes with it, may be absent.

    Raises:
        SpecError: A column is not there; names the closest ones.
    """
    checker = _Checker(spec, columns)
    checker.refuse(_needs(spec))
    lacking = [need for need in _label_needs(spec) if checker.lacks(need)]
    absent_table = spec.label is not None and bool(spec.label.source) and not columns[spec.label.source or ""]
    labelled = spec.label is not None and not lacking and not absent_table
    if lacking and not unlabelled:
        raise checker.absent(lacking[0], "To build without labels, say --unlabelled.")
    if absent_table and not unlabelled:
        raise SpecError(
            f"label.from names the table '{spec.label.source if spec.label else ''}', which is not there, "
            "or empty",
            hint="To build without labels, say --unlabelled.",
        )
    kept: dict[str, list[RuleSpec]] = {"include": [], "exclude": []}
    skipped = []
    for verb, rule, needs in _rules(spec):
        missing = [need for need in needs if checker.lacks(need)]
        if unlabelled and rule.source and not columns[rule.source]:
            missing = needs
        if missing and not unlabelled:
            raise checker.absent(missing[0])
        if missing:
            names = ", ".join(need[2] for need in missing)
            skipped.append(f"{verb} {rule.where} ({rule.reason}): no column {names}")
        else:
            kept[verb].append(rule)
    masks, notes = set(), []
    for name, needs in _masks(spec):
        missing = [need for need in needs if checker.lacks(need)]
        if missing and not unlabelled:
            raise checker.absent(missing[0])
        if missing:
            notes.append(f"{name}: no masks, since there is no column '{missing[0][2]}'")
        else:
            masks.add(name)
    return Plan(
        tuple(kept["include"]),
        tuple(kept["exclude"]),
        tuple(skipped),
        labelled,
        frozenset(masks),
        tuple(notes),
    )


def needed_columns(spec: CohortSpec) -> dict[str, frozenset[str]]:
    """Table -> the columns of it that are read."""
    needs = [*_needs(spec), *_label_needs(spec)]
    for _, _, more in _rules(spec):
        needs += more
    for _, more in _masks(spec):
        needs += more
    found: dict[str, set[str]] = {name: set() for name in (RECORDS, *spec.tables)}
    for _, table, column in needs:
        found[table].add(column)
    return {name: frozenset(columns) for name, columns in found.items()}


def label_tables(spec: CohortSpec) -> frozenset[str]:
    """Tables that only the label and the rules read: a build without labels can do without them."""
    # A table's own key and time are not what it is read for.
    inputs = {table for key, table, _ in _needs(spec) if not key.startswith(f"tables.{table}.")}
    used = {m.source for m in spec.modalities.values() if m.source}
    return frozenset(set(spec.tables) - inputs - used)


@dataclass
class _Checker:
    spec: CohortSpec
    columns: Mapping[str, tuple[str, ...]]

    def lacks(self, need: Need) -> bool:
        """Whether a column is not there, though its table is."""
        _, table, column = need
        if table != RECORDS and not self.columns[table]:
            return False
        return column not in self.columns[table]

    def refuse(self, needs: Iterator[Need]) -> None:
        for need in needs:
            if self.lacks(need):
                raise self.absent(need)

    def absent(self, need: Need, hint: str = "") -> SpecError:
        key, table, name = need
        there = self.columns[table]
        by_lower = {column.lower(): column for column in there}
        close = [by_lower[n] for n in difflib.get_close_matches(name.lower(), list(by_lower), n=3)]
        meant = f"Closest: {', '.join(close)}." if close else f"Its columns: {', '.join(there[:20])}."
        source = self.spec.table if table == RECORDS else self.spec.tables[table]
        where = source.shown if table == RECORDS else f"{table} ({source.shown})"
        return SpecError(
            f"{key} names the column '{name}', which {where} does not have", hint=f"{meant} {hint}".strip()
        )


def value_names(spec: CohortSpec) -> frozenset[str]:
    """The names by which rules can ask for a study's own values: `modality.column`."""
    return frozenset(
        f"{name}.{column}"
        for name, modality in spec.modalities.items()
        if isinstance(modality, TabularSpec)
        for column in modality.columns
    )


def _needs(spec: CohortSpec) -> Iterator[Need]:
    """Key of the spec, table and column, for every column that must be there."""
    for column in id_columns(spec.table.patient):
        yield "table.patient", RECORDS, column
    for column in id_columns(spec.table.study) if spec.table.study else ():
        yield "table.study", RECORDS, column
    if spec.table.distinct:
        yield "table.distinct", RECORDS, spec.table.distinct
    for name, table in spec.tables.items():
        for column in id_columns(table.key):
            yield f"tables.{name}.key", name, column
        for column in table.time.column if table.time else ():
            yield f"tables.{name}.time", name, column
        yield from _rule(f"tables.{name}.where", name, table.where)
        if table.equals and table.equals not in {spec.table.patient, spec.table.study}:
            yield f"tables.{name}.equals", table.through or RECORDS, table.equals
    index = spec.index_time
    if index:
        if index.column:
            yield "index_time.column", index.source or RECORDS, index.column
        yield from _rule("index_time.where", index.source or RECORDS, index.where)
    if spec.site.column:
        yield "site.column", spec.site.source or RECORDS, spec.site.column
    for name, modality in spec.modalities.items():
        yield from _modality_needs(f"modalities.{name}", modality)


def _modality_needs(here: str, modality: object) -> Iterator[Need]:
    if isinstance(modality, TabularSpec | TimeseriesSpec):
        for key, column in modality.columns.items():
            table = column.source or modality.source or RECORDS
            place = f"{here}.columns"
            if not (table != RECORDS and column.take in {"count", "since", "any"}):
                yield place, table, column.column or key
            if isinstance(column, NumberColumn) and column.unit_column:
                yield f"{place}.{key}.unit_column", table, column.unit_column
            for name in column.time.column if column.time else ():
                yield f"{place}.{key}.time", RECORDS, name
            yield from _rule(f"{place}.{key}.where", table, column.where)
        yield from _rule(f"{here}.where", modality.source or RECORDS, modality.where)
    elif isinstance(modality, TextSpec):
        table = modality.source or RECORDS
        if modality.column:
            yield f"{here}.column", table, modality.column
        for text in (modality.file, modality.line):
            for name in Template.parse(text).columns if text else ():
                yield f"{here}.{'file' if modality.file else 'line'}", table, name
        for i, part in enumerate(modality.parts):
            for name in Template.parse(part.line).columns:
                yield f"{here}.parts.{i}.line", part.source or RECORDS, name
            yield from _rule(f"{here}.parts.{i}.where", part.source or RECORDS, part.where)
        yield from _rule(f"{here}.where", table, modality.where)
    elif isinstance(modality, FileInput):
        table = modality.source or RECORDS
        for name in Template.parse(modality.file).columns if modality.file else ():
            yield f"{here}.file", table, name
        yield from _rule(f"{here}.where", table, modality.where)


def _rule(key: str, table: str, where: str | None) -> Iterator[Need]:
    for column in sorted(columns_of(parse_where(where))) if where else ():
        yield key, table, column


def _label_needs(spec: CohortSpec) -> list[Need]:
    label = spec.label
    if label is None:
        return []
    table = label.source or RECORDS
    found = [("label.column", table, label.column)] if label.column else []
    return [*found, *_rule("label.where", table, label.where)]


def _rules(spec: CohortSpec) -> Iterator[tuple[str, RuleSpec, list[Need]]]:
    values = value_names(spec)
    for verb, rules in (("include", spec.include), ("exclude", spec.exclude)):
        for rule in rules:
            needs = _rule(f"{verb}.where", rule.source or RECORDS, rule.where)
            yield verb, rule, [need for need in needs if rule.source or need[2] not in values]


def _masks(spec: CohortSpec) -> Iterator[tuple[str, list[Need]]]:
    for name, modality in spec.modalities.items():
        mask = getattr(modality, "mask", None)
        if mask is not None:
            table = modality.source or RECORDS
            yield name, [(f"modalities.{name}.mask", table, c) for c in Template.parse(mask).columns]
