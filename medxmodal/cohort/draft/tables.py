"""A draft from tables: one with a row a study, files named by its columns, and events beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from medxmodal.cohort.draft.columns import ColumnDrafter
from medxmodal.cohort.draft.dicom import link_dicom
from medxmodal.cohort.draft.events import Link, draft_events, link, one_unit, still_columns
from medxmodal.cohort.draft.files import FileIndex, Naming, find_namings
from medxmodal.cohort.draft.gather import Known, choose_records, gather
from medxmodal.cohort.draft.label import LONGEST, LabelGuess, guess_label, likely_leaks
from medxmodal.cohort.draft.profile import Profile
from medxmodal.cohort.draft.roles import (
    Pair,
    best_namings,
    is_safe_name,
    left_out,
    pairs_of,
    patient_of,
    site_of,
    study_of,
)
from medxmodal.cohort.draft.survey import Survey
from medxmodal.cohort.draft.yaml import GUESSED, Pages, flow, is_safe, quoted, slug, ticked
from medxmodal.cohort.sources.grid import FILE


def draft_tables(data: Path, found: Survey, pages: Pages) -> bool:
    """Draft from the tables of a folder; False where none can be read."""
    tables, left = gather(data, found)
    if not tables:
        return False
    index = FileIndex(found.inputs)
    records = choose_records(tables, index)
    _TableDrafter(data, found, pages, records, [t for t in tables if t is not records], left, index).draft()
    return True


class _TableDrafter:
    def __init__(
        self,
        data: Path,
        found: Survey,
        pages: Pages,
        records: Known,
        others: list[Known],
        left: list[str],
        index: FileIndex,
    ) -> None:
        self.data, self.found, self.pages = data, found, pages
        self.records, self.others, self.left = records, others, left
        self.columns = records.columns
        self.namings = best_namings(find_namings(records.sample.table, index))
        self.pairs: list[Pair] = []
        self.used: set[str] = set()

    def draft(self) -> None:
        """All sections."""
        pages, known = self.pages, self.records
        if not known.sample.whole:
            pages.say(f"{known.sample.shown} is large: its first {known.rows} rows were looked at.")
        masks = {n.column for n in self.namings.values() if n.kind == "mask"}
        patient = patient_of(known, masks, pages)
        study = study_of(known, patient, masks)
        self.used |= {patient, *([study] if study else [])}
        self._head(patient, study)
        links = self._links(patient, study)
        self.used |= {naming.column for naming in self.namings.values()}
        self.pairs = [p for p in pairs_of(known) if not {p.value, p.time} & self.used]
        timed = self._index_time(links)
        self.pairs = [pair for pair in self.pairs if pair.unit or timed]
        paired = {column for pair in self.pairs for column in (pair.value, pair.time)}
        who, out = left_out(known, self.used, pages)
        label = guess_label([p for n, p in self.columns.items() if n not in self.used | paired | out])
        self._label(label)
        self.used.add(label.column)
        self._site()
        leaks = likely_leaks(known.sample.table, self.columns, label, self.used | paired | who)
        self.used |= {*leaks, *out}
        if label.rule and label.column:  # a rule does not bar its column by itself
            leaks.append(label.column)
        self._modalities(links, leaks, patient)

    def _head(self, patient: str, study: str | None) -> None:
        table = self.records.sample.tree | {"patient": patient}
        if study:
            table["study"] = study
            self.pages.say(f"'{study}' is the study id.")
        self.pages.line("table", table)

    def _links(self, patient: str, study: str | None) -> list[Link]:
        taken: set[str] = set()
        links, unlinked = [], list(self.left)
        own = [name for name in (patient, study) if name and "{" not in name]
        for known in self.others:
            found = link(known, self.records, patient, study, taken) if own else None
            if found is None:
                unlinked.append(known.sample.shown)
            else:
                links.append(found)
        if links:
            self.pages.say(
                f"{self.records.sample.shown} is the table of records; {len(links)} more tables belong to it."
            )
        if unlinked:
            few = ", ".join(sorted(unlinked)[:10]) + (" and more" if len(unlinked) > 10 else "")
            self.pages.say(f"{self.records.sample.shown} is the table of studies; not used: {few}.")
        return one_unit(links)

    def _index_time(self, links: list[Link]) -> bool:
        """The index time; whether it is a time of the calendar."""
        offsets = any(found.times and found.unit for found in links)
        times = [
            p for p in self.columns.values()
            if p.is_time and p.name not in self.used and not p.identifies and p.filled > 0.5 * p.rows
            and not re.search(r"discharg|entlass|death|died|tod|end$|stop", p.name, re.IGNORECASE)
            and p.name not in {pair.time for pair in self.pairs}
        ]  # fmt: skip
        if offsets:
            self.pages.say(
                "times are relative to a time zero of each record; the prediction is asked for 24 h after it."
            )
            self.pages.line("index_time", {"after": "24 h"}, "what is known 24 h after time zero may be used")
            leaving = [
                p.name for p in self.columns.values()
                if p.is_number and re.search(r"discharge_?offset", p.name, re.IGNORECASE)
            ]  # fmt: skip
            for name in leaving[-1:]:
                rule = {"where": f"{ticked(name)} < 1440", "reason": "left within 24 h"}
                self.pages.put("exclude", f"# exclude: [{flow(rule)}]")
            return False
        if not times:
            return False
        best = next((p for p in times if p.filled == p.rows), times[0])
        self.used.add(best.name)
        self.pages.say(f"'{best.name}' is the index time, when the prediction is asked for.")
        self.pages.line("index_time", {"column": best.name})
        return True

    def _label(self, label: LabelGuess) -> None:
        pages = self.pages
        pages.say(label.words)
        if not label.column:
            pages.put("label", "# label: {name: outcome, column: ..., positive: ..., negative: ...}")
            return
        column = ticked(label.column)
        if label.others:
            pages.say(f"records with another '{label.column}' are excluded: {', '.join(label.others)}.")
            if "`" not in label.column:
                where = f"{column} in [{', '.join(quoted(text) for text in label.others)}]"
                pages.put("exclude", self._exclude(where, "neither of the two diagnoses"))
        if label.rule.endswith("is not missing"):
            pages.put("exclude", self._exclude(f"{column} < 0", "after the event"))
        pages.line("label", label.tree)
        for rival in label.rivals:
            pages.put("label", f"# or the column {flow(rival)}{_classes(self.columns[rival])}")

    def _exclude(self, where: str, reason: str) -> str:
        lines = [line for line in self.pages.sections.get("exclude", []) if not line.startswith("#")]
        head = "exclude:" if not lines else None
        if head is None:
            return f"  - {flow({'where': where, 'reason': reason})}{GUESSED}"
        return f"exclude: [{flow({'where': where, 'reason': reason})}]{GUESSED}"

    def _site(self) -> None:
        column = site_of(self.records, self.used, self.pages)
        if column is None:
            self.pages.put("site", "site: {value: here}  # guessed: or {column: ...}")
            return
        self.used.add(column)
        self.pages.line("site", {"column": column})

    def _modalities(self, links: list[Link], leaks: list[str], patient: str) -> None:
        pages = self.pages
        self._files()
        if self.found.dicom and "image" not in self.namings:
            link_dicom(self.data, self.found, self.records, patient, pages)
        drafter = ColumnDrafter(self.columns, pages.say)
        lines = [*self._pairs(drafter), *self._plain(drafter), *still_columns(links)]
        pages.columns("tabular", {"kind": "tabular"}, lines)
        if drafter.unsure:
            pages.say(f"the unit is not known of: {_few(drafter.unsure)}.")
        note = self._text()
        event_leaks = draft_events(links, pages)
        if note and any(line.startswith("  text:") for line in pages.sections.get("modalities", [])):
            note = note.replace("  text:", "  note:")
        if note:
            pages.put("modalities", note)
        if leaks:
            pages.say(f"these columns may tell the label and are barred as inputs: {', '.join(leaks)}.")
        if event_leaks:
            pages.say(f"so may these of further tables: {', '.join(event_leaks)}.")
        pages.put("leaks", *_leak_lines([*leaks, *event_leaks]))

    def _files(self) -> None:
        for kind, words in (("image", "images"), ("volume", "volumes"), ("video", "clips")):
            naming = self.namings.get(kind)
            if naming is None:
                continue
            tree: dict[str, object] = {"kind": kind, "file": naming.template}
            self._found(naming, words)
            mask = self.namings.get("mask")
            many = naming.many or (mask.many if mask else None)
            if mask and kind != "video":
                tree["mask"] = mask.template
                if mask.many:
                    self.pages.say(f"several masks of one {kind} are separated by {mask.many}.")
                self.pages.say(f"{mask.hits} lesion masks are found as {mask.template}.")
            if many and kind != "video":
                tree["many"] = many
            self.pages.modality("clip" if kind == "video" else kind, tree)

    def _found(self, naming: Naming, words: str) -> None:
        missing = f"; {naming.misses} rows name none that is there" if naming.misses else ""
        self.pages.say(f"{naming.hits} {words} are found as {naming.template}{missing}.")

    def _pairs(self, drafter: ColumnDrafter) -> Iterator[str]:
        for pair in self.pairs:
            time: object = {"column": pair.time, "unit": pair.unit} if pair.unit else pair.time
            found = self.columns[pair.value]
            yield from drafter.line(slug(pair.name, "value"), found, {"time": time})
        if self.pairs:
            names = ", ".join(pair.name for pair in self.pairs)
            self.pages.say(
                f"values with a time of their own, of which none after the index time enters: {names}."
            )

    def _plain(self, drafter: ColumnDrafter) -> Iterator[str]:
        nothing = []
        paired = {column for pair in self.pairs for column in (pair.value, pair.time)}
        for name, found in self.columns.items():
            if name in self.used | paired | drafter.unit_columns or name == FILE or not is_safe_name(name):
                continue
            if found.is_note or found.is_dated:
                continue
            lines = drafter.line(name, found)
            if not lines:
                nothing.append(name)
            yield from lines
        if nothing:
            self.pages.say(
                f"not used, since constant, empty or unlike numbers and categories: {', '.join(nothing)}."
            )

    def _text(self) -> str:
        naming = self.namings.get("text")
        if naming:
            self._found(naming, "notes")
            self.pages.say("check that no note names the label.")
            return f"  text: {flow({'kind': 'text', 'file': naming.template})}{GUESSED}"
        for name, found in self.columns.items():
            if found.is_note and name not in self.used and is_safe(name):
                self.pages.say(f"'{name}' is a clinical note; check that it does not name the diagnosis.")
                return f"  text: {flow({'kind': 'text', 'column': name})}{GUESSED}"
        return ""


def _classes(found: Profile) -> str:
    """The classes of a column that may be a label; a time of an event has none."""
    if found.distinct > 6 or max(map(len, found.counts)) > LONGEST or min(found.counts.values()) < 2:
        return ""
    return ": " + ", ".join(f"{text} ({count})" for text, count in found.counts.most_common()).replace(
        "\n", " "
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _leak_lines(leaks: list[str]) -> list[str]:
    """The list of leaks, in lines that are not too long."""
    comment = "  # guessed: columns known only with or after the diagnosis"
    whole = f"leaks: {flow(leaks)}{comment}"
    if len(whole) <= 150:
        return [whole]
    lines, current = [f"leaks:{comment}"], "  ["
    for i, leak in enumerate(leaks):
        text = flow([leak])[1:-1] + (", " if i + 1 < len(leaks) else "]")
        if len(current) + len(text) > 110:
            lines.append(current.rstrip())
            current = "   "
        current += text
    return [*lines, current]
