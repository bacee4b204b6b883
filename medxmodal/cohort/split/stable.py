"""Splits that stay: a patient keeps their part when others come or go."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medxmodal.errors import CohortError

ALL = ""
"""The one stratum of a split without strata."""


def hash_split(patients: Sequence[str], shares: Sequence[float], salt: str) -> list[int]:
    """The part of each study, from a hash of its patient alone.

    Each patient has a number between 0 and 1, SHA-256 of salt and patient; parts are ranges of it. So
    nobody else's coming or going can move a patient, on any machine. The price: shares are met on
    average only, and no class is dealt out evenly (for that, `StableSplit`).

    Args:
        patients: Patient a study: an id, or whatever else is the same every time.
        shares: Share of each part; they add up to 1.
        salt: Another one is another split.

    Returns:
        Number of the part, from 0, a study.

    Raises:
        CohortError: The shares are not positive, or do not add up to 1.

    Example:
        >>> hash_split(["ann", "bob", "ann"], [0.5, 0.5], "v1") == hash_split(["ann", "bob", "ann", "eve"],
        ...     [0.5, 0.5], "v1")[:3]
        True
    """
    edges = _edges(shares)
    return [_part(uniform(patient, salt), edges) for patient in patients]


def uniform(patient: str, salt: str) -> float:
    """A patient's number, from 0 to just below 1.

    Example:
        >>> 0 <= uniform("ann", "v1") < 1
        True
    """
    digest = hashlib.sha256(f"{len(salt)}:{salt}{patient}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


@dataclass(frozen=True)
class StableSplit:
    """A split whose thresholds were set once, so that each part then had its share of every stratum.

    Stratified and stable at once is possible only so far. The thresholds are quantiles of the patients
    there at first, and are kept: those patients stay where they are for ever, and who comes later is dealt
    by the same thresholds, evenly on average. Two things are given up: later patients do not make the
    shares exact again, and a patient whose stratum changes (a first positive study) may change parts.

    Args:
        salt: Of the hash.
        shares: Share of each part.
        thresholds: Stratum -> the numbers at which one part ends and the next begins.
    """

    salt: str
    shares: tuple[float, ...]
    thresholds: Mapping[str, tuple[float, ...]]

    @classmethod
    def fit(
        cls, patients: Sequence[str], strata: Sequence[str], shares: Sequence[float], salt: str
    ) -> StableSplit:
        """Set the thresholds by the patients on hand.

        Args:
            patients: Patient a study.
            strata: What is to be dealt evenly, a study, such as the label; a patient belongs to the last
                of theirs in alphabetical order (`1` after `0`: positive with one positive study).
            shares: Share of each part; they add up to 1.
            salt: Another one is another split.

        Raises:
            CohortError: The shares do not add up, or patients and strata differ in number.
        """
        _edges(shares)
        numbers: dict[str, list[float]] = {}
        for patient, stratum in _strata(patients, strata).items():
            numbers.setdefault(stratum, []).append(uniform(patient, salt))
        thresholds = {stratum: _quantiles(sorted(found), shares) for stratum, found in numbers.items()}
        return cls(salt, tuple(shares), dict(sorted(thresholds.items())))

    def assign(self, patients: Sequence[str], strata: Sequence[str]) -> list[int]:
        """The part of each study; a stratum that was not there at first is dealt by the shares.

        Args:
            patients: Patient a study.
            strata: Stratum a study.
        """
        usual = _edges(self.shares)
        own = _strata(patients, strata)
        parts = {p: _part(uniform(p, self.salt), self.thresholds.get(s, usual)) for p, s in own.items()}
        return [parts[patient] for patient in patients]


def _strata(patients: Sequence[str], strata: Sequence[str]) -> dict[str, str]:
    if len(patients) != len(strata):
        raise CohortError(f"{len(strata)} strata do not fit {len(patients)} patients")
    own: dict[str, str] = {}
    for patient, stratum in zip(patients, strata, strict=True):
        own[patient] = max(own.get(patient, stratum), stratum)
    return own


def _quantiles(numbers: list[float], shares: Sequence[float]) -> tuple[float, ...]:
    """Thresholds midway between the patients on either side."""
    padded = [0.0, *numbers, 1.0]
    places = [round(float(edge) * len(numbers)) for edge in np.cumsum(shares)[:-1]]
    return tuple((padded[place] + padded[place + 1]) / 2 for place in places)


def _edges(shares: Sequence[float]) -> tuple[float, ...]:
    if len(shares) < 2 or not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        raise CohortError(
            f"the shares are {', '.join(f'{share:g}' for share in shares) or 'none'}",
            hint="Use at least two positive numbers that add up to 1.",
        )
    return tuple(float(edge) for edge in np.cumsum(shares)[:-1])


def _part(number: float, edges: Sequence[float]) -> int:
    return int(np.searchsorted(edges, number, side="right"))
