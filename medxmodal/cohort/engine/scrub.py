"""Blanking out who a note is about, by a scrubber that is installed beside the toolkit.

None ships with it. Tried in November 2026 on one sentence with a patient's name, record number, date of
birth, address, telephone number, e-mail address, social security number and physician's name, without
network and without models:

- scrubadub 2.0.1 (MIT, last release 2023) blanks the telephone number and the e-mail address only;
- presidio-analyzer 2.2.366 (MIT) by its pattern recognisers finds the date of birth and the e-mail address,
  no name and no record number, and tries to fetch a list from the network; names need a spaCy model;
- philter-lite 0.6.0 (BSD-3-Clause, clinical) needs NLTK's tagger, which is downloaded;
- datafog 4.9.0 leaves both names, the record number, the street and the date in words.

A note that is called scrubbed and still names the patient is worse than one that is known to. Where a
hospital has a scrubber that it trusts (Presidio with a model of its language, say), its own package names it:

    [project.entry-points."medxmodal.scrub"]
    ours = "our_package:scrub"          # a function from text to text
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from medxmodal.errors import SpecError

GROUP = "medxmodal.scrub"


def find_scrubber(name: str) -> Callable[[str], str]:
    """The installed scrubber of a name.

    Args:
        name: Of an entry point of the group `medxmodal.scrub`.

    Raises:
        SpecError: There is none, before any note is read.
    """
    found = entry_points(group=GROUP)
    if name not in found.names:
        known = f"Installed: {', '.join(sorted(found.names))}." if found.names else "None is installed."
        raise SpecError(
            f"there is no scrubber '{name}' for notes",
            hint=f"{known} A package gives one by an entry point of the group {GROUP}: a function from "
            "text to text. Or build from notes that were de-identified before.",
        )
    scrubber: Callable[[str], str] = found[name].load()
    return scrubber
