"""A note as words: where each stands, what it is called in a vocabulary, and whether it is denied.

A word in the scope of a negation gets a key of its own, so that "no fever" and "fever" are different
words to a model, and both remain the words that stand in the note. Positions do not depend on any
vocabulary: word i of a note is the same word for every member of a run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

NEGATIONS = (
    "no",
    "not",
    "without",
    "denies",
    "denied",
    "deny",
    "denying",
    "negative",
    "never",
    "neither",
    "nor",
)
"""Words after which what follows is denied; so does any word that ends in n't."""
RESTARTS = ("but", "however", "although", "though", "except", "reports", "complains", "presents")
"""Words that end the scope of a negation."""
DENIED = "no~"
"""Starts the key of a denied word; no word of a note holds a tilde inside."""
ENDS = frozenset(".;:!?()")
"""Marks that end the scope of a negation. A comma does not: "denies fever, chills"."""
PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Numbers of padding and of words never learned; learned words are numbered from FIRST."""
_WORD = re.compile(r"\w+(?:[-'\u2019]\w+)*|[^\w\s]")
_BULLETS = frozenset("-*\u2022")


@dataclass(frozen=True)
class Word:
    """A word or punctuation mark of a note.

    Args:
        text: As it stands in the note.
        start: Its first character.
        end: The character after its last.
        key: Its name in a vocabulary: lower case, with `DENIED` before it when it is denied.
    """

    text: str
    start: int
    end: int
    key: str


def split_words(text: str, negations: Collection[str] = NEGATIONS) -> list[Word]:
    """The words and punctuation marks of a note, in order.

    A negation reaches to the end of its sentence, paragraph or list item, or to a word that starts
    anew (`RESTARTS`).

    Args:
        text: The note.
        negations: Words that deny what follows, in lower case.

    References:
        Chapman et al., A simple algorithm for identifying negated findings and diseases in discharge
        summaries, J Biomed Inform 2001.

    Example:
        >>> [word.key for word in split_words("No fever, chills. Cough")]
        ['no', 'no~fever', ',', 'no~chills', '.', 'cough']
    """
    words: list[Word] = []
    denied, before = False, 0
    for match in _WORD.finditer(text):
        found = match.group()
        key = unicodedata.normalize("NFKC", found).casefold().replace("\u2019", "'")
        lines = text.count("\n", before, match.start())
        before = match.end()
        cue = key in negations or key.endswith("n't")
        if key in ENDS or key in RESTARTS or lines > 1 or (lines and key in _BULLETS):
            denied = False
        marked = denied and not cue and found[0].isalnum()
        words.append(Word(found, match.start(), match.end(), DENIED + key if marked else key))
        denied = denied or cue
    return words


def learn_vocabulary(
    notes: Sequence[Sequence[Word]], owners: Sequence[str], fewest: int, most: int
) -> list[str]:
    """Keys that occur in the notes of enough patients, most frequent first, then by name.

    Args:
        notes: Words of each note.
        owners: Patient of each note. A word of fewer than `fewest` patients is left out: it may name
            one of them.
        fewest: Fewest patients.
        most: Most keys.
    """
    having: dict[str, set[str]] = {}
    for words, owner in zip(notes, owners, strict=True):
        for word in words:
            having.setdefault(word.key, set()).add(owner)
    frequent = [(-len(patients), key) for key, patients in having.items() if len(patients) >= fewest]
    return [key for _, key in sorted(frequent)[:most]]
