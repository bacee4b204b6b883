"""`Deleted`: resources that the history of a server, or a bulk export, says are gone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from medxmodal.cohort.cells import parse_time

_FILE = "deleted"
_ADDRESS = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([^\s/#?|]{1,128})(?:/_history/[^/]+)?$")


@dataclass(frozen=True)
class Deleted:
    """What was deleted, and when.

    Args:
        when: Type and id, as in `Observation/17`, -> time of the deletion; empty where it is not said.
    """

    when: Mapping[str, str]

    def covers(self, kind: str, key: str, updated: str) -> bool:
        """Whether a version of a resource is gone: it was not written again after the deletion."""
        time = self.when.get(f"{kind}/{key}")
        if time is None:
            return False
        gone, written = parse_time(time), parse_time(updated)
        return gone is None or written is None or written <= gone

    def save(self, folder: Path) -> None:
        """Write it for the workers."""
        (folder / _FILE).write_bytes(orjson.dumps(dict(self.when)))

    @classmethod
    def load(cls, folder: Path) -> Deleted:
        """Read what `save` wrote."""
        return cls(orjson.loads((folder / _FILE).read_bytes()))


def deleted_entry(entry: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Type, id and time of what an entry of a bundle deletes; None where it deletes nothing.

    Example:
        >>> deleted_entry({"request": {"method": "DELETE", "url": "Observation/17"}})
        ('Observation', '17', '')
    """
    request, response = entry.get("request"), entry.get("response")
    if type(request) is not dict or request.get("method") != "DELETE":
        return None
    match = _ADDRESS.search(request["url"]) if type(request.get("url")) is str else None
    if match is None:
        return None
    time = response.get("lastModified") if type(response) is dict else None
    return match[1], match[2], time if type(time) is str else ""
