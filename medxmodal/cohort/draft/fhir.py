"""A draft from FHIR alone: the commonest encounter as index event, a diagnosis ahead of time as label."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from medxmodal.cohort.draft.fhir_label import Ahead, ahead, shared_displays
from medxmodal.cohort.draft.survey import Survey
from medxmodal.cohort.draft.yaml import GUESSED, Pages, entry, flow, quoted, slug
from medxmodal.cohort.sources.fhir.lines import LINE_ENDINGS, open_file
from medxmodal.cohort.sources.fhir.read import default_view, read_fhir
from medxmodal.cohort.sources.fhir.sniff import fhir_files
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.units import check_unit
from medxmodal.errors import SpecError

TABLES = {
    "Encounter": "encounters",
    "Condition": "conditions",
    "Observation": "observations",
    "Procedure": "procedures",
    "MedicationRequest": "medications",
    "DiagnosticReport": "reports",
    "DocumentReference": "notes",
    "ImagingStudy": "imaging",
}
"""Type -> what a draft calls its table."""
LATEST = {"Condition": ["time", "recorded"], "Observation": ["time", "issued"]}
MAX_FILES, FILE_BYTES = 200, 12 << 20
MOST_VALUES, MOST_SERIES, MOST_TEXT = 15, 5, 3
_AGE = "      age: {type: number, column: birthDate, take: since, unit: a}  # range: [0, 120]"

Rows = dict[str, list[Row]]


def draft_fhir(data: Path, found: Survey, pages: Pages) -> bool:
    """Draft from the FHIR files of a folder; False where they hold no patients."""
    rows = _look(data, pages)
    if not rows.get("Patient"):
        return False
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in rows.items() if found)
    pages.say(f"FHIR resources seen: {counts}.")
    if found.tables or found.dicom:
        pages.say(
            f"{len(found.tables)} tables and {len(found.dicom)} DICOM files are there besides; not used."
        )
    pages.line("table", {"fhir": "Patient"})
    for kind, name in TABLES.items():
        if rows.get(kind):
            tree: dict[str, object] = {"fhir": kind}
            if kind in LATEST:
                tree["time"] = LATEST[kind]
            pages.put("tables", f"  {name}: {flow(tree)}")
    index = _index(rows, pages)
    _label(rows, index, pages)
    pages.put("site", "site: {value: here}  # guessed")
    pages.columns("tabular", {"kind": "tabular"}, _columns(rows, bool(index)))
    _series(rows, pages)
    _text(rows, pages)
    return True


def _look(data: Path, pages: Pages) -> Rows:
    """The resources of some of the files: of long files the beginning."""
    files = fhir_files(data)
    step = -(-len(files) // MAX_FILES) or 1
    chosen = files[::step]
    cut = 0
    views = {kind: default_view(kind) for kind in ("Patient", *TABLES)}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        parts: list[Path] = []
        for number, path in enumerate(chosen):
            part, short = _beginning(path, scratch / f"part{number}.ndjson")
            cut += short
            parts += [part] if part else []
        (scratch / "store").mkdir(mode=0o700)
        store = read_fhir(parts, views, scratch / "store", buckets=1, validate="none")
        rows: Rows = {kind: [row for part in store.parts() for row in part[kind]] for kind in views}
    if step > 1 or cut:
        pages.say(
            f"{len(chosen)} of {len(files)} FHIR files were looked at, of {cut} long ones the beginning."
        )
    return rows


def _beginning(path: Path, copy: Path) -> tuple[Path | None, int]:
    """A file, or a copy of its beginning; none for a bundle that is too long."""
    lines = path.name.lower().endswith(LINE_ENDINGS)
    try:
        with open_file(str(path)) as stream:
            data = stream.read(FILE_BYTES + 1)
    except (OSError, EOFError):
        return None, 0
    if len(data) <= FILE_BYTES:
        return path, 0
    if not lines:
        return None, 1
    copy.write_bytes(data[: data.rfind(b"\n") + 1])
    return copy, 1


def _index(rows: Rows, pages: Pages) -> str:
    """The commonest encounter by patients; its code, or nothing."""
    encounters = rows.get("Encounter", [])
    patients = _patients_by_code(encounters)
    if not patients:
        pages.say("no encounters: the draft has no index time, so all that is known is used.")
        return ""
    code, count = patients.most_common(1)[0]
    display = _display(encounters, code)
    tree = {"from": "encounters", "where": f"code == {quoted(code)}", "take": "each"}
    pages.line("index_time", tree, display)
    others = ", ".join(f"{c} {_display(encounters, c)} ({n})" for c, n in patients.most_common(4)[1:])
    pages.say(
        f"the index event is each encounter {code}, {display} ({count} patients); others: {others or 'none'}."
    )
    pages.put("window", f"window: {flow({'from': '-5 a'})}{GUESSED}")
    return code


def _label(rows: Rows, index: str, pages: Pages) -> None:
    candidates = ahead(rows.get("Encounter", []), rows.get("Condition", []), index) if index else []
    if not candidates:
        pages.put(
            "label", "# label: {name: outcome, from: conditions, where: \"code == '...'\", horizon: 5 a}"
        )
        pages.say("no diagnosis follows on enough encounters: the draft has no label; add `label` by hand.")
        return
    best = candidates[0]
    known = {
        "from": "conditions",
        "where": best.where,
        "window": {"from": "-150 a"},
        "reason": "known before",
    }
    pages.put("exclude", "exclude:", f"  - {flow(known)}{GUESSED}: {best.display}")
    told = f"{GUESSED}: {best.positive} of {best.studies} encounters"
    pages.put("label", *entry("label", _ahead_tree(best), 0, told))
    for other in candidates[1:]:
        share = f"{other.positive} of {other.studies} encounters"
        pages.put("label", f"# or code == {quoted(other.code)}: {other.display}, {share}")
    shown = ", ".join(f"{c.display} ({c.positive})" for c in candidates)
    pages.say(
        "the label is a diagnosis ahead of time, from 1 day to 5 years after the index event; candidates "
        f"with their numbers of positive encounters: {shown}."
    )


def _ahead_tree(found: Ahead) -> dict[str, object]:
    return {
        "name": slug(found.display.split(" (")[0], "diagnosis"),
        "from": "conditions",
        "where": found.where,
        "gap": "1 d",
        "horizon": "5 a",
        "followed": "encounters",
    }


def _columns(rows: Rows, timed: bool) -> Iterator[str]:
    patients = rows["Patient"]
    if timed:
        yield _AGE
    for name, column in (("sex", "gender"), ("race", "race"), ("ethnicity", "ethnicity")):
        if len({row.cells[column] for row in patients} - {None}) > 1:
            yield f"      {name}: {flow({'type': 'category', 'column': column})}"
    taken: set[str] = set()
    for code, display, unit, numeric in _values(rows.get("Observation", [])):
        name = _name(display)
        if name in taken or name in {"age", "sex", "race", "ethnicity"}:
            continue
        taken.add(name)
        tree: dict[str, object] = {"type": "number" if numeric else "category", "from": "observations"}
        tree |= {"where": f"code == {quoted(code)}", "column": "value"}
        if unit:
            tree |= {"unit": unit, "unit_column": "unit"}
        yield from entry(name, tree, 6)
    for kind in ("Encounter", "MedicationRequest", "Procedure"):
        if rows.get(kind):
            tree = {"type": "number", "from": TABLES[kind], "take": "count"}
            yield f"      {TABLES[kind]}: {flow(tree)}"


def _values(observations: Sequence[Row]) -> Iterator[tuple[str, str, str, bool]]:
    """Code, display, commonest unit and whether it is a number, of what most patients have."""
    patients = _patients_by_code(observations)
    numbers: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    units: dict[str, Counter[str]] = {}
    texts: dict[str, set[str]] = {}
    for row in observations:
        code, value, unit = row.cells["code"], row.cells["value"], row.cells["unit"]
        if code is None or value is None:
            continue
        filled[code] += 1
        if unit:
            numbers[code] += 1
            units.setdefault(code, Counter())[unit] += 1
        elif len(texts.setdefault(code, set())) < 50:
            texts[code].add(value)
    count = 0
    for code in sorted(patients, key=lambda code: (-patients[code], -filled[code], code)):
        if not filled[code] or count == MOST_VALUES:
            continue
        numeric = numbers[code] > 0.5 * filled[code]
        if not numeric and len(texts.get(code, ())) not in range(2, 9):
            continue
        unit = units[code].most_common(1)[0][0] if numeric else ""
        try:
            check_unit(unit) if unit else None
        except SpecError:
            continue
        count += 1
        yield code, _display(observations, code), unit, numeric


def _series(rows: Rows, pages: Pages) -> None:
    lines: dict[str, list[str]] = {}
    for code, display, unit, numeric in _values(rows.get("Observation", [])):
        if numeric and len(lines) < MOST_SERIES:
            tree = {"type": "number", "column": "value", "where": f"code == {quoted(code)}", "unit": unit}
            name = _name(display)
            lines.setdefault(name, entry(name, tree | {"unit_column": "unit"}, 6))
    head = {"kind": "timeseries", "from": "observations"}
    pages.columns("measurements", head, [line for found in lines.values() for line in found])


def _name(display: str) -> str:
    return slug(display.split(" [")[0].split(" (")[0], "value")[:40].rstrip("_")


def _text(rows: Rows, pages: Pages) -> None:
    notes = sum(row.cells["text"] is not None for row in rows.get("DocumentReference", []))
    if notes:
        pages.modality("text", {"kind": "text", "from": "notes", "column": "text", "take": "last"})
        pages.say(f"{notes} notes with text seen; the last one before the index time is used.")
        return
    parts = [kind for kind in ("Condition", "MedicationRequest", "Procedure") if rows.get(kind)]
    if parts:
        pages.put("modalities", "  text:  # guessed", "    kind: text", "    parts:")
        for kind in parts[:MOST_TEXT]:
            tree = {"from": TABLES[kind], "line": "{display}", "heading": TABLES[kind].capitalize()}
            pages.put("modalities", f"      - {flow(tree)}")


def _patients_by_code(rows: Sequence[Row]) -> Counter[str]:
    pairs = {(row.cells["code"], row.cells["patient"]) for row in rows if row.cells["code"]}
    return Counter(code for code, _ in sorted(pairs, key=str) if code)


def _display(rows: Sequence[Row], code: str) -> str:
    return shared_displays(row for row in rows if row.cells["code"] == code).get(code, code)
