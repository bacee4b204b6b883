"""A first cohort spec from a folder of one's own: every guess is said, and is for the user to check."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from medxmodal.cohort.draft_files import Naming, find_files, find_namings
from medxmodal.cohort.draft_label import LabelGuess, guess_label, likely_leaks
from medxmodal.cohort.profile import Profile, profile
from medxmodal.cohort.sources.rows import Table
from medxmodal.cohort.sources.table import read_table
from medxmodal.errors import CohortError, MedxmodalError, SpecError

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".xlsx", ".xlsm", ".parquet")
_UNITS = {
    "age": "a",
    "height": "cm",
    "weight": "kg",
    "temperature": "Cel",
    "heart_rate": "/min",
    "bmi": "kg/m2",
}
_IN_NAME = re.compile(r"[(\[]\s*(?P<unit>[^()\[\]]+?)\s*[)\]]\s*$")


@dataclass
class Draft:
    """A drafted spec.

    Args:
        yaml: The spec with comments; every guess is marked `# guessed`.
        guesses: What to check, one sentence each.
    """

    yaml: str
    guesses: list[str]


def draft_spec(data: Path) -> Draft:
    """Draft a cohort spec for a folder of tables, images and notes.

    Args:
        data: The folder.

    Raises:
        CohortError: There is no such folder, or no table in it.
    """
    path, table, others = _main_table(data)
    drafter = _Drafter(data, path, table)
    if others:
        drafter.say(f"{path} is the table of studies; not used: {', '.join(others)}.")
    return drafter.draft()


def _main_table(data: Path) -> tuple[str, Table, list[str]]:
    """The table with the most cells, nearest to the top."""
    if not data.is_dir():
        raise CohortError(f"there is no data folder {data}", hint="Name the folder that holds your records.")
    paths = [
        p for pattern in ("*", "*/*") for p in sorted(data.glob(pattern)) if p.name.lower().endswith(TABLES)
    ]
    read: list[tuple[str, Table]] = []
    for path in paths[:20]:
        try:
            read.append((path.relative_to(data).as_posix(), read_table(path)))
        except MedxmodalError:
            continue  # what cannot be read cannot be the table of studies
    read = [(name, table) for name, table in read if table.rows]
    if not read:
        raise CohortError(
            f"{data} holds no readable table",
            hint=f"Put one there, with one row a study: {', '.join(TABLES)}.",
        )
    name, table = max(read, key=lambda item: (-item[0].count("/"), len(item[1].rows) * len(item[1].columns)))
    return (
        name,
        table,
        [path.relative_to(data).as_posix() for path in paths if path.relative_to(data).as_posix() != name],
    )


@dataclass
class _Drafter:
    data: Path
    path: str
    table: Table
    guesses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.columns = {name: profile(self.table, name) for name in self.table.columns}
        self.namings = find_namings(self.table, find_files(self.data))
        self.used: set[str] = {naming.column for naming in self.namings}

    def say(self, guess: str) -> None:
        """Remember a guess."""
        self.guesses.append(guess)

    def draft(self) -> Draft:
        """The whole spec."""
        patient = self._patient()
        self.used.add(patient)
        label = guess_label([p for n, p in self.columns.items() if n not in self.used])
        self.used.add(label.column)
        leaks = likely_leaks(self.table, self.columns, label, self.used)
        lines = [*self._head(patient), *self._rules(label), *self._label(label), self._site()]
        self.used |= set(leaks)
        lines += ["modalities:", *self._image(), *self._tabular(), *self._text()]
        if leaks:
            self.say(f"these columns may tell the label and are barred as inputs: {', '.join(leaks)}.")
        lines.append(f"leaks: {_flow(leaks)}  # guessed: columns known only with or after the diagnosis")
        return Draft("\n".join(lines) + "\n", self.guesses)

    def _patient(self) -> str:
        rows = len(self.table.rows)
        full = [
            p
            for p in self.columns.values()
            if p.filled == rows and p.name not in {n.column for n in self.namings if n.kind == "mask"}
        ]
        named = [p for p in full if p.named_like("patient") and p.distinct > 1]
        chosen = (named or [p for p in full if p.unique and not p.is_note] or list(self.columns.values()))[0]
        repeats = (
            ""
            if chosen.unique
            else f"; {rows - chosen.distinct} rows are further studies of the same patients"
        )
        self.say(f"'{chosen.name}' is the patient id{repeats}.")
        return chosen.name

    def _head(self, patient: str) -> list[str]:
        name = re.sub(r"[^a-z0-9]+", "_", self.data.resolve().name.lower()).strip("_") or "my_cohort"
        study = next(
            (
                p.name
                for p in self.columns.values()
                if p.unique and p.named_like("study") and p.name != patient
            ),
            None,
        )
        table = {"file": self.path, "patient": patient}
        if study and study not in {n.column for n in self.namings}:
            table["study"] = study
            self.used.add(study)
            self.say(f"'{study}' is the study id.")
        time = next((p.name for p in self.columns.values() if p.is_time and p.name not in self.used), None)
        lines = [
            "# Drafted by medxmodal init. Every line marked `guessed` is yours to check.",
            f"name: {name}",
            f"title: {_scalar(name.replace('_', ' '))}",
            'licence: ""',
            'cite: ""',
            "ids: keyed  # real ids become keyed pseudonyms; `keep` only where they are pseudonyms already",
            f"table: {_flow(table)}  # guessed",
        ]
        if time:
            self.used.add(time)
            self.say(f"'{time}' is the index time, when the prediction is asked for.")
            lines.append(f"index_time: {_flow({'column': time})}  # guessed")
        return lines

    def _rules(self, label: LabelGuess) -> list[str]:
        if not label.others:
            return []
        self.say(f"records with another '{label.column}' are excluded: {', '.join(label.others)}.")
        column = label.column if re.fullmatch(r"[^\W\d]\w*", label.column) else f"`{label.column}`"
        where = f"{column} in [{', '.join(_quoted(text) for text in label.others)}]"
        return [f"exclude: [{_flow({'where': where, 'reason': 'neither of the two diagnoses'})}]  # guessed"]

    def _label(self, label: LabelGuess) -> list[str]:
        self.say(label.words)
        name = re.sub(r"\W+", "_", label.column).strip("_").lower()
        name = name if re.match(r"[a-z]", name) else "label"
        tree = {"name": name, "column": label.column, "positive": label.positive, "negative": label.negative}
        return [f"label: {_flow(tree)}  # guessed"]

    def _site(self) -> str:
        for found in self.columns.values():
            if found.named_like("site") and found.name not in self.used and 1 < found.distinct <= 200:
                self.used.add(found.name)
                self.say(f"'{found.name}' is the site.")
                return f"site: {_flow({'column': found.name})}  # guessed"
        self.say("all records are of one site.")
        return "site: {value: here}  # guessed: or {column: ...}"

    def _image(self) -> list[str]:
        best: dict[str, Naming] = {}
        for naming in self.namings:
            best.setdefault(naming.kind, naming)
        if "image" not in best:
            return []
        tree = {"kind": "image", "file": best["image"].template}
        self.say(f"{best['image'].hits} images are found as {best['image'].template}.")
        if "mask" in best:
            tree["mask"] = best["mask"].template
            self.say(f"{best['mask'].hits} lesion masks are found as {best['mask'].template}.")
        return [f"  image: {_flow(tree)}  # guessed"]

    def _tabular(self) -> list[str]:
        lines, left_out = [], []
        unit_columns = {
            p.name for p in self.columns.values() if re.search(r"_units?$", p.name, re.IGNORECASE)
        }
        for name, found in self.columns.items():
            if name in self.used or name in unit_columns or found.is_note or found.is_time:
                continue
            column = self._column(found, unit_columns)
            if column is None or found.distinct < 2:
                left_out.append(name)
                continue
            lines.append(f"      {_scalar(name)}: {_flow(column)}")
        if left_out:
            self.say(
                f"not used, since constant, empty or unlike numbers and categories: {', '.join(left_out)}."
            )
        return (
            ["  tabular:", "    kind: tabular", "    columns:  # guessed types; check every unit", *lines]
            if lines
            else []
        )

    def _column(self, found: Profile, unit_columns: set[str]) -> dict[str, object] | None:
        column: dict[str, object]
        if found.is_number:
            column = {"type": "number"}
            own = next((u for u in unit_columns if u.lower().startswith(found.name.lower() + "_unit")), None)
            if own:
                common = profile(self.table, own).counts.most_common(1)
                column |= {"unit": common[0][0] if common else "1", "unit_column": own}
                self.say(
                    f"'{found.name}' has its units in '{own}'; values are converted to {column['unit']}."
                )
            elif unit := _unit(found.name):
                column["unit"] = unit
                self.say(f"the unit of '{found.name}' is {unit}.")
            odd = [text for text in found.counts if not _is_number(text)]
            words = [*found.words, *odd[:10]]
        elif found.is_category:
            column = {"type": "category"}
            words = list(found.words)
            if found.many:
                column["many"] = found.many
                self.say(f"'{found.name}' holds several values in a cell, separated by {found.many}.")
        else:
            return None
        if words:
            column["missing"] = words
        return column

    def _text(self) -> list[str]:
        notes = [n for n in self.namings if n.kind == "text"]
        if notes:
            self.say(
                f"{notes[0].hits} notes are found as {notes[0].template}; check that none names the label."
            )
            return [f"  text: {_flow({'kind': 'text', 'file': notes[0].template})}  # guessed"]
        for name, found in self.columns.items():
            if found.is_note and name not in self.used:
                self.say(f"'{name}' is a clinical note; check that it does not name the diagnosis.")
                return [f"  text: {_flow({'kind': 'text', 'column': name})}  # guessed"]
        return []


def _unit(name: str) -> str | None:
    from medxmodal.cohort.units import check_unit

    match = _IN_NAME.search(name)
    if match is None:
        return _UNITS.get(name.lower())
    try:
        check_unit(match["unit"])
    except SpecError:
        return None
    return match["unit"]


def _is_number(text: str) -> bool:
    from medxmodal.cohort.cells import parse_number

    return parse_number(text) is not None


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _scalar(value: object) -> str:
    return _flow(value)


def _flow(tree: object) -> str:
    text = yaml.safe_dump(tree, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...").strip()
