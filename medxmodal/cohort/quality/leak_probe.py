"""What tells the label suspiciously well on its own: one column, one presence, one word, or the site.

A diagnosis is rarely written in one cell. Where one input alone nearly decides the label, it was most
likely written down after the diagnosis, or says who was examined instead of who is ill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from medxmodal.cohort.quality.note_words import NoteWords, note_words
from medxmodal.cohort.quality.presence import FOLDS, field_missing
from medxmodal.cohort.spec.cohort_spec import TabularSpec, TextSpec
from medxmodal.cohort.split.folds import kfold
from medxmodal.cohort.study import Study, Value
from medxmodal.errors import CohortError
from medxmodal.records import LeakSuspect
from medxmodal.statistics import Estimate
from medxmodal.statistics.clustered import clustered_auroc

if TYPE_CHECKING:
    from medxmodal.cohort.cohort import Cohort

Kind = Literal["column", "presence", "word", "site"]


class Limit(NamedTuple):
    """From where an input is suspicious: its AUROC, and the lower end of its interval."""

    auroc: float
    lower: float


LIMITS: dict[Kind, Limit] = {
    "column": Limit(0.9, 0.8),
    "presence": Limit(0.75, 0.75),
    "word": Limit(0.8, 0.8),
    "site": Limit(0.75, 0.75),
}
"""A single honest measurement seldom reaches 0.9 (troponin for infarction does, so a suspect is a question
and not a verdict), and a few hundred patients cannot hold the lower end there: the radiologist's verdict on
200 breasts has 0.91 [0.84, 0.96]. That something is there at all, or where it was taken, should say little;
and one word out of a whole note should not reach what a good test does."""
WHY: dict[Kind, str] = {
    "column": "this column alone nearly decides the label; was it known before the diagnosis?",
    "presence": "whether it is there at all tells the label; it may say who was examined, not who is ill",
    "word": "whether the note holds this alone tells the label; does the note name the diagnosis?",
    "site": "the site alone tells the label; a model can learn the scanner instead of the disease",
}
FEWEST = 5
"""Fewer patients of either class cannot be divided into folds; with few the intervals are wide enough."""
MOST_LEVELS = 20
"""A number with so few values may be a code: it is asked as a category too."""
MOST_WORDS = 20
LEVEL = 0.95


class Probe(NamedTuple):
    """One score to hold against the label.

    Args:
        kind: What it comes from.
        name: `modality.column`, `modality` or `modality: word`.
        rows: Positions among the labelled studies.
        score: A score a row.
        directed: Whether high means positive already (an out-of-fold score): below 0.5 says nothing.
    """

    kind: Kind
    name: str
    rows: np.ndarray
    score: np.ndarray
    directed: bool = False


def leak_probe(cohort: Cohort) -> list[LeakSuspect]:
    """Hold every column, every presence, every word of the notes and the site alone against the label.

    Numbers are taken as they are, in both directions; categories by their out-of-fold log likelihood
    ratio, by patient; missing values only as presence. Intervals count patients and are widened by the
    number of inputs of the same kind (Bonferroni), so that asking many does not make suspects.

    Args:
        cohort: A labelled cohort; with fewer than five patients of a class nothing can be said.

    Returns:
        The suspects, by kind and then the strongest first. A word is left out where a shorter one that is
        part of it tells as much; at most 20 words a modality.
    """
    known = np.flatnonzero(np.isfinite(cohort.labels()))
    asked = _Asked.of(cohort, known)
    if asked is None:
        return []
    probes = [*_columns(cohort, asked), *_presence(cohort, asked), *_site(cohort, asked)]
    tried = {kind: sum(probe.kind == kind for probe in probes) for kind in LIMITS}
    found = [suspect for probe in probes if (suspect := _judge(probe, asked, tried[probe.kind]))]
    best: dict[tuple[str, str], LeakSuspect] = {}
    for suspect in found:
        place = (suspect.kind, suspect.name)
        best[place] = max(best.get(place, suspect), suspect, key=lambda s: s.lower)
    ordered = sorted(best.values(), key=lambda s: (list(LIMITS).index(s.kind), -s.auroc, s.name))
    return [*ordered, *_words(cohort, asked)]


def unasked(cohort: Cohort) -> str:
    """Why a labelled cohort cannot be asked for leaks; empty where it can, or has no labels."""
    y = cohort.labels()
    if not np.isfinite(y).any():
        return ""
    ill, well = (len({p for p, label in zip(cohort.patients, y, strict=True) if label == c}) for c in (1, 0))
    if min(ill, well) >= FEWEST:
        return ""
    return f"leaks were not looked for: {ill} positive and {well} negative patients are too few"


@dataclass(frozen=True)
class _Asked:
    """The labelled studies, their labels, and the folds of out-of-fold scores."""

    studies: Sequence[Study]
    positions: np.ndarray
    y: np.ndarray
    patients: np.ndarray
    fold: np.ndarray

    @classmethod
    def of(cls, cohort: Cohort, known: np.ndarray) -> _Asked | None:
        y, patients = cohort.labels()[known], [cohort.patients[i] for i in known]
        if min(len({p for p, label in zip(patients, y, strict=True) if label == c}) for c in (0, 1)) < FEWEST:
            return None
        try:
            content = [cohort.content[i] for i in known]
            folds = kfold(y, patients, folds=FOLDS, seed=0, content=content)
        except CohortError:
            return None
        fold = np.zeros(len(y), dtype=int)
        for part in folds:
            fold[list(part.test)] = part.fold
        codes = np.unique(np.asarray(patients), return_inverse=True)[1]
        return cls([cohort[int(i)] for i in known], known, y, codes, fold)

    def estimate(self, probe: Probe, level: float) -> Estimate:
        """The AUROC, turned so that it is at least one half unless the score has a direction."""
        y, groups = self.y[probe.rows], self.patients[probe.rows]
        made = clustered_auroc(y, probe.score, groups, level=level)
        if probe.directed or not made.value < 0.5:
            return made
        return clustered_auroc(y, -probe.score, groups, level=level)


def _judge(probe: Probe, asked: _Asked, tried: int) -> LeakSuspect | None:
    y = asked.y[probe.rows]
    if min((y == 1).sum(), (y == 0).sum()) < 2:
        return None
    made = asked.estimate(probe, 1 - (1 - LEVEL) / max(tried, 1))
    limit = LIMITS[probe.kind]
    if not (made.value >= limit.auroc and made.lower >= limit.lower):
        return None
    return LeakSuspect(
        kind=probe.kind,
        name=probe.name,
        auroc=round(made.value, 4),
        lower=round(made.lower, 4),
        upper=round(made.upper, 4),
        n=made.n,
        why=WHY[probe.kind],
    )


def _columns(cohort: Cohort, asked: _Asked) -> Iterator[Probe]:
    for name, modality in cohort.spec.modalities.items():
        if not isinstance(modality, TabularSpec):
            continue
        for column in modality.columns:
            cells = [study.inputs.get(name, {}).get(column) for study in asked.studies]
            rows = np.array([i for i, cell in enumerate(cells) if cell is not None], dtype=int)
            if not rows.size:
                continue
            values: list[Value] = [cells[i] for i in rows]
            shown = f"{name}.{column}"
            if isinstance(values[0], float):
                numbers = np.array(values, dtype=float)
                yield Probe("column", shown, rows, numbers)
                if len(np.unique(numbers)) > MOST_LEVELS:
                    continue
            yield Probe("column", shown, rows, _out_of_fold(values, rows, asked), directed=True)


def _presence(cohort: Cohort, asked: _Asked) -> Iterator[Probe]:
    """Presence over all studies: a column is also missing where its whole table is."""
    rows = np.arange(len(asked.positions))
    for name, missing in field_missing(cohort).items():
        there = 1 - np.nan_to_num(missing[asked.positions], nan=1.0)
        if len(np.unique(there)) > 1:
            yield Probe("presence", name, rows, there)


def _site(cohort: Cohort, asked: _Asked) -> Iterator[Probe]:
    sites: list[Value] = [cohort.sites[i] for i in asked.positions]
    if len(set(sites)) > 1:
        rows = np.arange(len(sites))
        yield Probe("site", "site", rows, _out_of_fold(sites, rows, asked), directed=True)


def _out_of_fold(values: Sequence[Value], rows: np.ndarray, asked: _Asked) -> np.ndarray:
    """Log likelihood ratio of a study's levels, counted in the other folds only, (rows,).

    Each class is counted in shares of its own size, and a level never seen elsewhere gives exactly zero,
    so that neither the folds' prevalence nor a level of one patient ranks anybody.
    """
    levels = [value if isinstance(value, tuple) else (value,) for value in values]
    codes: dict[object, int] = {}
    entry = np.array([codes.setdefault(word, len(codes)) for words in levels for word in words], dtype=int)
    owner = np.repeat(np.arange(len(levels)), [len(words) for words in levels])
    y, fold = asked.y[rows], asked.fold[rows]
    scores = np.zeros(len(levels))
    for part in np.unique(fold):
        train = fold != part
        totals = [max(float((train & (y == c)).sum()), 1.0) for c in (0, 1)]
        counted = [
            np.bincount(entry[(train & (y == c))[owner]], minlength=len(codes)).astype(float) for c in (0, 1)
        ]
        everyone = sum(totals)
        shares = [(n + total / everyone) / total for n, total in zip(counted, totals, strict=True)]
        ratio = np.log(shares[1]) - np.log(shares[0])
        test = ~train[owner]
        scores += np.bincount(owner[test], weights=ratio[entry[test]], minlength=len(levels))
    return scores


def _words(cohort: Cohort, asked: _Asked) -> Iterator[LeakSuspect]:
    for name, modality in cohort.spec.modalities.items():
        if not isinstance(modality, TextSpec):
            continue
        texts = [str(study.inputs.get(name, {}).get("text") or "") for study in asked.studies]
        rows = np.flatnonzero([bool(text) for text in texts])
        words = note_words([texts[i] for i in rows], [str(asked.patients[i]) for i in rows])
        named: list[LeakSuspect] = []
        for suspect in sorted(
            _telling(name, words, rows, asked), key=lambda s: (-s.auroc, s.name.count(" "), s.name)
        ):
            parts = set(suspect.name.partition(": ")[2].split())
            if not any(set(said.name.partition(": ")[2].split()) < parts for said in named):
                named.append(suspect)
        yield from named[:MOST_WORDS]


def _telling(modality: str, words: NoteWords, rows: np.ndarray, asked: _Asked) -> Iterator[LeakSuspect]:
    y = asked.y[rows]
    ill, well = max(float(y.sum()), 1.0), max(float((1 - y).sum()), 1.0)
    for word, notes in zip(words.words, words.notes, strict=True):
        positives = float(y[notes].sum())
        if abs(positives / ill - (len(notes) - positives) / well) / 2 + 0.5 < LIMITS["word"].auroc:
            continue
        holds = np.zeros(len(rows))
        holds[notes] = 1.0
        suspect = _judge(Probe("word", f"{modality}: {word}", rows, holds), asked, len(words.words))
        if suspect:
            yield suspect
