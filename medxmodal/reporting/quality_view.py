"""What the quality check found, kind by kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medxmodal.records import Quality
from medxmodal.reporting.missing_view import field_name
from medxmodal.reporting.numbers import figure, percent
from medxmodal.reporting.reasons import by_reason
from medxmodal.reporting.strings import say

MOST_LINES = 12
"""So many lines of one kind of finding are listed; the rest is counted."""


@dataclass(frozen=True)
class Finding:
    """One kind of thing that the quality check found."""

    title: str
    lines: list[str]


@dataclass(frozen=True)
class Suspect:
    """An input that tells the label on its own."""

    name: str
    kind: str
    auroc: str
    interval: str
    n: int
    why: str


def findings(quality: Quality) -> list[Finding]:
    """What was found; what was not found is left out."""
    found = {
        "failed": by_reason(study.reason for study in quality.failed),
        "problems": by_reason(
            ": ".join(filter(None, [problem.modality, problem.field, problem.reason]))
            for problem in quality.problems
        ),
        "missing": _counts(quality.set_to_missing),
        "units": _counts(quality.units),
        "duplicates": _groups(quality.duplicate_inputs),
        "near": _groups(quality.near_duplicates),
        "rows": _groups(quality.duplicate_rows),
        "burnt": [
            say(
                "quality.burnt.one",
                name=field_name(name),
                count=text.suspected,
                all=text.studies,
                share=percent(text.share),
            )
            for name, text in quality.burnt_in_text.items()
            if text.suspected
        ],
        "constant": [field_name(name) for name in quality.constant_columns],
        "leaks": list(quality.leak_columns_found),
        "skipped": list(quality.skipped_exclusions),
        "notes": list(quality.notes),
    }
    return [Finding(say(f"quality.{kind}"), shortened(lines)) for kind, lines in found.items() if lines]


def suspects(quality: Quality) -> list[Suspect]:
    """What may leak the label, as the probe found it."""
    return [
        Suspect(
            name=found.name,
            kind=say(f"leak.{found.kind}"),
            auroc=figure(found.auroc),
            interval=say("leak.interval", lower=figure(found.lower), upper=figure(found.upper)),
            n=found.n,
            why=found.why,
        )
        for found in quality.leak_suspects
    ]


def _counts(words: dict[str, dict[str, int]]) -> list[str]:
    return [
        say("quality.missing.one", field=field_name(name), counts=_listed(counts))
        for name, counts in words.items()
    ]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {number}" for word, number in counts.items())


def _groups(groups: Iterable[Sequence[str]]) -> list[str]:
    return [", ".join(group) for group in groups]


def shortened(lines: list[str]) -> list[str]:
    """The first lines, and how many more there are."""
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], say("quality.more", count=len(lines) - MOST_LINES)]
