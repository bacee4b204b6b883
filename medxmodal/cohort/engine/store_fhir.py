"""The FHIR tables of a spec: read in one pass, given back by buckets of patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from medxmodal.cohort.decode.pool import available_processors
from medxmodal.cohort.engine.tables import RECORDS, Opening, RawPart, Store, wanted_rows
from medxmodal.cohort.sources.fhir.lines import unpacked_size
from medxmodal.cohort.sources.fhir.read import FhirStore, FhirView, default_view, read_fhir, suggest_buckets
from medxmodal.cohort.sources.fhir.rows import table_columns
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec.tables import Source
from medxmodal.errors import SpecError

ENDINGS = (".json", ".json.gz", ".ndjson", ".ndjson.gz")
LARGE = 8 << 30
"""With more bytes of FHIR, unpacked, studies are written part by part and never held together."""
SMALL = 8 << 20
"""Files of fewer bytes together are read in this process: to start another takes longer."""


def open_fhir(
    opening: Opening, sources: Mapping[str, Source], store: Store, rows: Mapping[str, list[Row]]
) -> Store:
    """Add the FHIR tables to a store.

    Args:
        opening: What reading needs to know.
        sources: Table -> its source, of the FHIR tables.
        store: The store, with all other tables read.
        rows: Rows of all other tables.

    Raises:
        SpecError: The tables name different files, or there are none.
    """
    files = _files(opening, sources)
    whole = {name: _view(source) for name, source in sources.items()}
    views = {name: _used(view, opening.needed.get(name)) for name, view in whole.items()}
    size = sum(path.stat().st_size for path in files)
    folder = opening.scratch / "fhir"
    folder.mkdir(mode=0o700)
    found = read_fhir(
        files,
        views,
        folder,
        buckets=suggest_buckets(files) if RECORDS in sources else 1,
        workers=1 if size < SMALL else available_processors(),
        validate=opening.validate,
    )
    store.columns |= {name: table_columns(view) for name, view in whole.items()}
    for name, source in sources.items():
        if name != RECORDS and not found.found.get(source.fhir or ""):
            # Nothing of a type is not the same as nobody having it: a label from it would be all negative.
            store.columns[name] = ()
            store.notes.append(f"{name}: the data hold no {source.fhir} at all; it counts as empty")
    store.files |= {name: found.files if n == 0 else () for n, name in enumerate(sources)}
    store.notes += [*found.notes, *_issues(found)]
    store.whole = found.buckets == 1
    store.large = RECORDS in sources and sum(map(unpacked_size, files)) > LARGE
    store.parts = lambda: _parts(found, sources, rows)
    return store


def _files(opening: Opening, sources: Mapping[str, Source]) -> list[Path]:
    places = {(source.files, source.server) for source in sources.values()}
    if len(places) > 1:
        raise SpecError("the FHIR tables of a spec name different `files`", hint="Give all the same.")
    pattern, server = places.pop()
    if server is not None:
        from medxmodal.cohort.sources.fhir.rest import fetch

        types = sorted({source.fhir or "" for source in sources.values()})
        return fetch(server, types, opening.scratch / "fetched")
    found = sorted(opening.root.folder.glob(pattern or "**/*"))
    files = [path for path in found if path.name.lower().endswith(ENDINGS) and path.is_file()]
    if not files:
        raise SpecError(
            f"the data folder has no FHIR files{f' {pattern}' if pattern else ''}",
            hint=f"Expected: {', '.join(ENDINGS)}. Check --data and `files`.",
        )
    return files


def _view(source: Source) -> FhirView:
    if source.columns:
        try:
            columns = {**default_view(source.fhir or "").columns, **source.columns}
        except SpecError:
            columns = dict(source.columns)
        return FhirView(source.fhir or "", columns)
    return default_view(source.fhir or "")


def _used(view: FhirView, needed: frozenset[str] | None) -> FhirView:
    """The columns that the spec reads: only what is used is unpacked, and checked."""
    if needed is None:
        return view
    return FhirView(view.resource, {name: path for name, path in view.columns.items() if name in needed})


def _issues(found: FhirStore) -> list[str]:
    """Bad resources in words: each reason with its number and its first place."""
    first: dict[tuple[str, str], str] = {}
    for issue in found.issues:
        first.setdefault((issue.resource, issue.reason), issue.place)
    reasons = Counter(dict(found.reasons))
    return [
        f"FHIR {kind or 'resources'}: {count} x {reason}"
        + (f" (first: {first[kind, reason]})" if (kind, reason) in first else "")
        for (kind, reason), count in sorted(reasons.items())
    ]


def _parts(
    found: FhirStore, sources: Mapping[str, Source], rows: Mapping[str, list[Row]]
) -> Iterator[RawPart]:
    for part in found.parts():
        tables = dict(rows) | {name: wanted_rows(sources[name], part[name]) for name in sources}
        records = tables.pop(RECORDS)
        yield RawPart(records, tables)
