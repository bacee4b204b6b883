"""The one template environment: autoescape always on, undefined names are errors, nothing is fetched."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from medxmodal.reporting import numbers
from medxmodal.reporting.strings import say

TEMPLATES = Path(__file__).resolve().parent / "templates"


_TURNS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Signs that turn the direction of whatever follows; letters know theirs without them."""


def _one_way(value: object) -> object:
    """A text of the data, which may not turn the page's own words around."""
    return value.translate(_TURNS) if isinstance(value, str) else value


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment of every page and card."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_one_way,
    )
    made.globals["say"] = say
    for name in ("percent", "signed", "figure", "unit", "named", "listed", "moment"):
        made.filters[name] = getattr(numbers, name)
    return made


def fill(template: str, **values: object) -> str:
    """Fill a template of `templates/`.

    Args:
        template: File name.
        **values: What the template names; strings are escaped, always.
    """
    return environment().get_template(template).render(**values)
