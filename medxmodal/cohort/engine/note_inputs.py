"""Clinical notes of a case: from a column, a file, or lines made from events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from medxmodal.cohort.engine.case import Case, Event
from medxmodal.cohort.engine.inputs import Found, Surroundings
from medxmodal.cohort.engine.scrub import find_scrubber
from medxmodal.cohort.sources.image import load_bytes
from medxmodal.cohort.spec.cohort_spec import TextPart, TextSpec
from medxmodal.cohort.spec.template import Template
from medxmodal.cohort.spec.where import parse_where
from medxmodal.errors import InputError, SpecError

MAX_NOTE_BYTES = 16 << 20
HIDDEN = "[hidden]"
"""Stands where a word that names the label was."""
_GAP = re.compile(r"(?:\\[ -])+")
_GAPS = r"[\s\-\u2010-\u2015]+"
"""Between the words of a phrase: spaces or any hyphen or dash, one for the other."""
_REST = r"\w*(?:[\-\u2010-\u2015]\w+)*"
"""What follows the beginning of a word, with what hyphens join to it: the 19 of COVID-19."""


class TextReader:
    """A note; the text itself becomes part of the cohort."""

    def __init__(self, name: str, spec: TextSpec, around: Surroundings) -> None:
        self.name, self.spec, self.around = name, spec, around
        self.file = Template.parse(spec.file) if spec.file else None
        self.line = Template.parse(spec.line) if spec.line else None
        self.rule = parse_where(spec.where) if spec.where else None
        self.parts = [(part, Template.parse(part.line)) for part in spec.parts]
        self.hide = _hider(spec.hide)
        self.scrub = find_scrubber(spec.scrub) if spec.scrub else None
        self.hidden = 0
        self.cut = 0

    def read(self, case: Case) -> Found:
        """The note's text."""
        found = Found()
        try:
            text = self._text(case, found)
        except (InputError, SpecError) as error:
            found.problems["text"] = f"{case.row.shown}: {error.message}"
            return found
        if text:
            found.fields["text"] = self._clean(text)
        return found

    def _text(self, case: Case, found: Found) -> str | None:
        spec = self.spec
        if self.file is not None:
            return self._note(self.file, case, found)
        if self.parts:
            texts = [self._part(case, part, line) for part, line in self.parts]
            return "\n\n".join(text for text in texts if text)
        if spec.source is None:
            return case.row.cells.get(spec.column or "")
        events = _taken(case.pick(spec, spec.source, self.rule), spec.take)
        if self.line is not None:
            return "\n".join(_lines(events, self.line))
        notes = (event.row.cells.get(spec.column or "") for event in events)
        return "\n\n".join(dict.fromkeys(note for note in notes if note))

    def _part(self, case: Case, part: TextPart, line: Template) -> str:
        rule = parse_where(part.where) if part.where else None
        lines = _lines(case.pick(part, part.source or "", rule), line)
        self.cut += max(0, len(lines) - part.most)
        lines = lines[-part.most :]
        return "\n".join([part.heading, *lines] if part.heading and lines else lines)

    def _note(self, template: Template, case: Case, found: Found) -> str | None:
        relative = template.fill({name: case.row.cells.get(name) for name in template.columns})
        if relative is None:
            return None
        shown = f"the {self.name}" if self.around.identity.keyed else f"{self.name} {relative}"
        data = load_bytes(Path(self.around.root.folder, relative), shown)
        if len(data) > MAX_NOTE_BYTES:
            raise InputError(f"{shown} has {len(data) >> 20} MiB; a note is shorter")
        found.files.append(relative)
        for encoding in ("utf-8-sig", "cp1252"):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                return text.strip()
        raise InputError(f"{shown} is no text", hint="Save it as UTF-8.")

    def _clean(self, text: str) -> str:
        if self.hide is not None:
            text, count = self.hide.subn(HIDDEN, text)
            self.hidden += count
        return self.scrub(text) if self.scrub else text

    def check(self, *, final: bool) -> None:
        """Nothing can be wrong with notes as a whole."""

    @property
    def set_to_missing(self) -> dict[str, dict[str, int]]:
        """What was taken out of the notes."""
        counts = {"words that name the label": self.hidden, "earlier lines than the latest": self.cut}
        found = {why: count for why, count in counts.items() if count}
        return {"text": found} if found else {}

    @property
    def units(self) -> dict[str, dict[str, int]]:
        """Notes have no units."""
        return {}

    @property
    def remarks(self) -> list[str]:
        """Nothing is assumed."""
        return []


def _lines(events: Sequence[Event], line: Template) -> list[str]:
    """One line a row, each distinct line once."""
    texts = (line.line(event.row.cells) for event in events)
    return list(dict.fromkeys(text for text in texts if text))


def _taken(events: list[Event], take: str) -> list[Event]:
    if take == "first":
        return events[:1]
    return events[-1:] if take == "last" else events


def _hider(words: Sequence[str]) -> re.Pattern[str] | None:
    """Finds whole words in any case; `covid*` finds every word with that beginning, as COVID-19."""
    if not words:
        return None
    longest_first = sorted(words, key=len, reverse=True)
    forms = (
        _GAP.sub(lambda _: _GAPS, re.escape(w.rstrip("*"))) + (_REST if w.endswith("*") else "")
        for w in longest_first
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)", re.IGNORECASE)
