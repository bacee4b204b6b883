"""Which words and pairs of words each note holds, for asking whether one of them tells the label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

FEWEST_PATIENTS = 10
"""A word in the notes of fewer patients is not looked at: it cannot be judged, and it may be a name."""
_Entry = TypeVar("_Entry")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class NoteWords:
    """Words that enough patients' notes hold.

    Args:
        words: Sorted; a pair of neighbours is joined by a space.
        notes: For each word, the positions of the notes that hold it, ascending.
    """

    words: tuple[str, ...]
    notes: tuple[np.ndarray, ...]


def note_words(texts: Sequence[str], patients: Sequence[str], *, fewest: int = FEWEST_PATIENTS) -> NoteWords:
    """Words and pairs of neighbouring words, lower case, without digits.

    Args:
        texts: The notes.
        patients: Patient of each.
        fewest: Patients that a word needs.

    Example:
        >>> note_words(["Fever, no cough"] * 2, ["a", "b"], fewest=2).words
        ('cough', 'fever', 'fever no', 'no', 'no cough')
    """
    numbers: dict[str, int] = {}
    split = [[numbers.setdefault(word, len(numbers)) for word in _split(text)] for text in texts]
    who = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    common = _held_by(((i, words) for i, words in enumerate(split)), who, fewest)
    kept = set(common)
    both = (
        (i, [(a, b) for a, b in pairwise(words) if a in kept and b in kept]) for i, words in enumerate(split)
    )
    pairs = _held_by(both, who, fewest)
    spelt = list(numbers)
    found = {spelt[word]: notes for word, notes in common.items()}
    found |= {f"{spelt[a]} {spelt[b]}": notes for (a, b), notes in pairs.items()}
    ordered = sorted(found)
    return NoteWords(tuple(ordered), tuple(found[word] for word in ordered))


def _split(text: str) -> Iterator[str]:
    return (match.group() for match in _WORD.finditer(text.lower()))


def _held_by(
    notes: Iterable[tuple[int, Iterable[_Entry]]], who: np.ndarray, fewest: int
) -> dict[_Entry, np.ndarray]:
    """Entry -> positions of the notes that hold it, for entries of enough patients."""
    held: dict[_Entry, list[int]] = {}
    for position, entries in notes:
        for entry in set(entries):
            held.setdefault(entry, []).append(position)
    found = {}
    for entry, positions in held.items():
        if len(positions) >= fewest and len(Counter(who[positions].tolist())) >= fewest:
            found[entry] = np.array(positions)
    return found
