"""Blanking out who a note is about: refused, for want of a library that holds what it promises offline.

Tried in November 2026 on one sentence with a patient's name, record number, date of birth, address, telephone
number, e-mail address, social security number and physician's name, without network and without models:

- scrubadub 2.0.1 (MIT, last release 2023) blanks the telephone number and the e-mail address only;
- presidio-analyzer 2.2.366 (MIT) by its pattern recognisers finds the date of birth and the e-mail address,
  no name and no record number, and tries to fetch a list from the network; names need a spaCy model;
- philter-lite 0.6.0 (BSD-3-Clause, clinical) needs NLTK's tagger, which is downloaded;
- datafog 4.9.0 leaves both names, the record number, the street and the date in words.

A note that is called scrubbed and still names the patient is worse than one that is known to. When a library
does it, this is its place: a function from text to text.
"""

from __future__ import annotations

from typing import NoReturn

from medxmodal.errors import SpecError


def scrub(text: str) -> NoReturn:
    """Refuse.

    Args:
        text: A note.

    Raises:
        SpecError: Always.
    """
    del text
    raise refusal()


def refusal() -> SpecError:
    """Why a spec that asks for scrubbed notes is refused; to be raised before the first note is read."""
    return SpecError(
        "scrub: true: no library on hand removes names and record numbers from notes offline",
        hint="Leave `scrub` out and build from notes that were de-identified at the hospital.",
    )
