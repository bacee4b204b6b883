"""Who is who: ids kept as they are, or replaced by keyed pseudonyms whose key stays elsewhere."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from medxmodal.cohort.root import HASHED
from medxmodal.errors import one_line

SHIFT_DAYS = 365
"""Index times of a keyed cohort move by up to this many days, the same for all of a patient's."""


class Identity(Protocol):
    """How a cohort names patients, studies, inputs and cells."""

    keyed: bool

    def patient(self, real: str) -> str:
        """Id of a patient in the cohort."""

    def study(self, real: str) -> str:
        """Id of a study in the cohort."""

    def time(self, real: datetime, patient: str) -> datetime:
        """Index time in the cohort; `patient` is the real id."""

    def quote(self, text: str, instead: str = "its text") -> str:
        """A cell's text in a message, or what stands there when it may not be shown."""

    def locator(self, path: str, sha256: str) -> str:
        """How a reference finds its file."""

    def shown(self, modality: str, position: int, path: str, sha256: str) -> str:
        """How messages name an input; `position` counts studies from 1."""


class Kept:
    """`ids: keep`: the records are pseudonymous already."""

    keyed = False

    def patient(self, real: str) -> str:
        """The id itself."""
        return real

    def study(self, real: str) -> str:
        """The id itself."""
        return real

    def time(self, real: datetime, patient: str) -> datetime:
        """The time itself."""
        del patient
        return real

    def quote(self, text: str, instead: str = "its text") -> str:
        """The text on one line, cut where it is long."""
        del instead
        return f"'{one_line(text[:60])}'" + ("..." if len(text) > 60 else "")

    def locator(self, path: str, sha256: str) -> str:
        """The path relative to the data root."""
        del sha256
        return path

    def shown(self, modality: str, position: int, path: str, sha256: str) -> str:
        """The path; of several files the first."""
        del position, sha256
        return f"{modality} {path.splitlines()[0]}"


@dataclass(frozen=True)
class Keyed:
    """`ids: keyed`: HMAC-SHA256 pseudonyms, shifted times, inputs named by content.

    Args:
        key: 32 secret bytes; the same key gives the same pseudonyms.

    Example:
        >>> one = Keyed(bytes(32))
        >>> one.patient("Jan") == Keyed(bytes(32)).patient("Jan") != one.patient("Ewa")
        True
    """

    key: bytes
    keyed = True

    def _digest(self, use: str, real: str) -> bytes:
        return hmac.new(self.key, f"{use}\0{real}".encode(), hashlib.sha256).digest()

    def patient(self, real: str) -> str:
        """`p` and 20 hex digits."""
        return "p" + self._digest("patient", real).hex()[:20]

    def study(self, real: str) -> str:
        """`s` and 20 hex digits."""
        return "s" + self._digest("study", real).hex()[:20]

    def time(self, real: datetime, patient: str) -> datetime:
        """Moved by 1 to 365 days to either side, the same for all of a patient's studies."""
        number = int.from_bytes(self._digest("shift", patient)[:8], "big") % (2 * SHIFT_DAYS)
        return real + timedelta(days=number - SHIFT_DAYS + (number >= SHIFT_DAYS))

    def quote(self, text: str, instead: str = "its text") -> str:
        """What stands instead of it."""
        del text
        return instead

    def locator(self, path: str, sha256: str) -> str:
        """The content hash."""
        del path
        return f"{HASHED}{sha256}"

    def shown(self, modality: str, position: int, path: str, sha256: str) -> str:
        """Position and content hash."""
        del path
        return f"{modality} of study {position} (sha256 {sha256[:12]}...)"
