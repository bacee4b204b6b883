"""The clinical note of a simulated patient: two to four short sentences, few words of which matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medxmodal.cohort.simulate.design import DemoDesign

OPENINGS = (
    "Seen in the outpatient clinic.",
    "Referred by the family doctor.",
    "Came to the emergency room on foot.",
    "Second visit this year.",
    "Admitted for further tests.",
    "Sent for imaging by the ward.",
)
CLOSINGS = (
    "Lives with family.",
    "Works in an office.",
    "Non-smoker.",
    "Takes a tablet for blood pressure.",
    "Vaccinated last autumn.",
    "Examination otherwise as before.",
    "Will be called with the results.",
)
NEUTRAL_REPORTS = ("poor sleep", "mild headache", "dry mouth", "back pain after lifting")
NEUTRAL_DENIALS = ("known allergies", "recent travel", "pets at home", "earlier operations")


@dataclass(frozen=True)
class Note:
    """A note.

    Args:
        text: All of it.
        words: The phrases in it that tell something of the label.
        llr: Log-likelihood ratio of all that is said and not said.
    """

    text: str
    words: tuple[str, ...]
    llr: float


def draw_note(rng: np.random.Generator, design: DemoDesign, label: int) -> Note:
    """Draw the phrases that matter given the label, and everything around them without it."""
    outcomes = [outcome.weakened(design.strength.text) for outcome in design.words]
    said = [outcome.draw(rng.random(), label=label) for outcome in outcomes]
    words = tuple(word for word in said if word)
    llr = sum(outcome.llr(word) for outcome, word in zip(outcomes, said, strict=True))
    return Note(_write(rng, words), words, llr)


def _write(rng: np.random.Generator, words: Sequence[str]) -> str:
    """A note around the phrases that matter; what it adds depends on them alone."""
    opening, closing = _one(rng, OPENINGS), _one(rng, CLOSINGS)
    report, denial = _one(rng, NEUTRAL_REPORTS), _one(rng, NEUTRAL_DENIALS)
    with_report, with_denial, with_closing = rng.random(3) < (0.4, 0.5, 0.4)
    states = [word for word in words if word.startswith("feels")]
    denied = [word.removeprefix("no ") for word in words if word.startswith("no ")]
    reported = [word for word in words if word not in states and not word.startswith("no ")]
    reported += [report] * bool(with_report)
    denied += [denial] * bool(with_denial)
    rng.shuffle(reported)
    rng.shuffle(denied)
    middle = []
    if reported or states:
        clauses = states + ([f"reports {_joined(reported, 'and')}"] if reported else [])
        middle.append(f"{' and '.join(clauses).capitalize()}.")
    if denied:
        middle.append(f"No {_joined(denied, 'and no')}.")
    ending = [closing] if with_closing or not middle else []
    return " ".join([opening, *middle, *ending])


def _one(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _joined(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
