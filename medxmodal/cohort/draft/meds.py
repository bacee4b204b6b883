"""A draft from a MEDS dataset: its labels as records, its commonest codes as columns."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from medxmodal.cohort.draft.yaml import Pages, entry, flow, quoted, slug
from medxmodal.errors import InputError

MAX_ROWS, MOST_CODES, MOST_FILES = 200_000, 25, 8
LABELS, DATA = "labels", "data"


def draft_meds(data: Path, pages: Pages) -> bool:
    """Draft from a MEDS dataset."""
    numbers, texts = _codes(data, pages)
    if not numbers and not texts:
        return False
    labels = _labels(data)
    if labels:
        _with_labels(labels, pages)
    else:
        pages.line("table", {"meds": "subjects"})
        pages.put("tables", f"  events: {flow({'meds': DATA})}")
        pages.line("index_time", {"from": "events", "take": "last"}, "the last event of a subject")
        pages.say(
            "there are no MEDS labels: one record is one subject; add `label` and `index_time` by hand."
        )
        pages.put("label", "# label: {name: outcome, from: events, where: \"code == '...'\", horizon: 30 d}")
    pages.put("site", "site: {value: here}  # guessed")
    lines: list[str] = []
    taken: set[str] = set()
    for code, numeric in _chosen(numbers, texts):
        name = slug(code, "code")[:40].rstrip("_")
        if name in taken or "\n" in code or ("'" in code and '"' in code):
            continue
        taken.add(name)
        tree: dict[str, object] = {"type": "number" if numeric else "category", "from": "events"}
        tree |= {"where": f"code == {quoted(code)}", "column": "value" if numeric else "text"}
        lines += entry(name, tree, 6, "  # unit?" if numeric else "")
    pages.columns("tabular", {"kind": "tabular"}, lines)
    pages.say(f"{len(lines)} commonest codes are columns, each with its last value before the index time.")
    return True


def _with_labels(labels: tuple[str, str, tuple[str, ...]], pages: Pages) -> None:
    task, column, values = labels
    pages.line("table", {"meds": LABELS})
    pages.put("tables", f"  events: {flow({'meds': DATA})}")
    pages.line("index_time", {"column": "time"}, "the prediction time of the label")
    name = slug(task, "label")
    if set(values) <= {"true", "false"} or set(values) <= {"0", "1"}:
        positive, negative = ("true", "false") if "true" in values or "false" in values else ("1", "0")
        pages.line("label", {"name": name, "column": column, "positive": positive, "negative": negative})
    elif len(values) == 2:
        pages.line("label", {"name": name, "column": column, "positive": values[1], "negative": values[0]})
    else:
        rule = f"value > {_middle(values)}" if column == "value" else f"text == {quoted(values[0])}"
        pages.line("label", {"name": name, "where": rule})
    pages.say(f"one record is one label of the task '{task}'; its time is the index time.")


def _middle(values: tuple[str, ...]) -> str:
    numbers = sorted(values, key=float)
    return numbers[(len(numbers) - 1) // 2]


def _chosen(numbers: Counter[str], texts: dict[str, set[str]]) -> list[tuple[str, bool]]:
    found = [(code, True) for code, _ in numbers.most_common(MOST_CODES)]
    few = sorted(code for code, values in texts.items() if 2 <= len(values) <= 12 and code not in numbers)
    return [*found, *((code, False) for code in few[:MOST_CODES])]


def _codes(data: Path, pages: Pages) -> tuple[Counter[str], dict[str, set[str]]]:
    """Codes with numbers -> how often, and codes with texts -> some of these, of the first rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = sorted((data / DATA).glob("**/*.parquet"))
    numbers: Counter[str] = Counter()
    texts: dict[str, set[str]] = defaultdict(set)
    left = MAX_ROWS
    for path in paths[:MOST_FILES]:
        try:
            file = pq.ParquetFile(path)
            there = [c for c in ("code", "numeric_value", "text_value") if c in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=20_000, columns=there):
                left -= batch.num_rows
                for row in batch.to_pylist():
                    code = row.get("code")
                    if code is None:
                        continue
                    if row.get("numeric_value") is not None:
                        numbers[code] += 1
                    elif row.get("text_value") is not None and len(texts[code]) < 50:
                        texts[code].add(row["text_value"])
                if left <= 0:
                    break
        except (pa.ArrowException, OSError, ValueError):
            continue
    if left <= 0 or len(paths) > MOST_FILES:
        pages.say(
            f"{len(paths)} MEDS files are there; the first {MAX_ROWS - max(left, 0)} events were looked at."
        )
    return numbers, dict(texts)


def _labels(data: Path) -> tuple[str, str, tuple[str, ...]] | None:
    """The task, the column that holds the label, and its values; None where there are no labels."""
    from medxmodal.cohort.sources.meds import read_meds

    if next((data / LABELS).glob("**/*.parquet"), None) is None:
        return None
    try:
        table = read_meds(data, "labels")
    except InputError:
        return None
    tasks = Counter(row.cells["code"] for row in table.rows)
    task = tasks.most_common(1)[0][0] if tasks else None
    if task is None:
        return None
    for column in ("value", "text"):
        values = {
            v for row in table.rows if row.cells["code"] == task and (v := row.cells[column]) is not None
        }
        if 2 <= len(values) <= 100:
            return task, column, tuple(sorted(values))
    return None
