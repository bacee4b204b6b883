"""File names made of study ids: safe on every system, never outside their folder, never the same twice."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

LONGEST_NAME = 80
RESERVED = frozenset({"index", "con", "prn", "aux", "nul"})


def file_names(study_ids: Iterable[str]) -> dict[str, str]:
    """A file name, without its ending, for each study: its id where that is safe, else cleaned with a hash.

    Ids that differ only in what was cleaned, or in case, get different names.

    Args:
        study_ids: All ids that share the folder; may hold anything.

    Example:
        >>> file_names(["case-012", "A/../7"])
        {'case-012': 'case-012', 'A/../7': 'A_._7-34d42e36'}
    """
    plain = {study_id: _clean(study_id) for study_id in study_ids}
    taken = Counter(name.casefold() for name in plain.values())
    found = {
        study_id: name
        if name == study_id and taken[name.casefold()] == 1 and name.casefold() not in RESERVED
        else f"{name}-{_hash(study_id)[:8]}"
        for study_id, name in plain.items()
    }
    if len({name.casefold() for name in found.values()}) == len(found):
        return found
    return {study_id: _hash(study_id) for study_id in found}


def _hash(study_id: str) -> str:
    return hashlib.sha256(study_id.encode("utf-8", "surrogatepass")).hexdigest()


def _clean(study_id: str) -> str:
    kept = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "_", study_id))
    return kept.strip("._-")[:LONGEST_NAME] or "study"
