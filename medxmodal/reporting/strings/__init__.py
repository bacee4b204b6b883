"""Every word that reports say, in one place: to translate, replace the values and keep the keys.

`{names}` are filled in; figures arrive already written (`medxmodal.reporting.numbers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from medxmodal.reporting.strings.card import CARD
from medxmodal.reporting.strings.cohort import COHORT
from medxmodal.reporting.strings.describe import DESCRIBE
from medxmodal.reporting.strings.run import RUN
from medxmodal.reporting.strings.study import STUDY

TEXT: Mapping[str, str] = MappingProxyType({**STUDY, **COHORT, **DESCRIBE, **RUN, **CARD})
"""All words, by key."""

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "a": "years",
        "mo": "months",
        "d": "days",
        "h": "hours",
        "Cel": "°C",
        "umol/L": "µmol/L",
        "ug/L": "µg/L",
        "ug/mL": "µg/mL",
        "10*9/L": "10⁹/L",
        "10*12/L": "10¹²/L",
        "mm[Hg]": "mmHg",
        "[iU]/L": "IU/L",
        "m[iU]/L": "mIU/L",
        "kg/m2": "kg/m²",
        "/min": "per minute",
        "%": "%",
        "1": "",
    }
)
"""UCUM codes as clinicians write them."""


def say(key: str, **values: object) -> str:
    """The words behind a key, with its places filled in.

    Args:
        key: One of `TEXT`.
        **values: What fills the places.

    Raises:
        KeyError: No such words, or a place is left open: a mistake in the code, never of the user.

    Example:
        >>> say("answer.called", name="malignant")
        'Called malignant'
    """
    return TEXT[key].format(**values)
