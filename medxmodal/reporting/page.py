"""The one template environment: autoescape always on, undefined names are errors, nothing is fetched."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from medxmodal.reporting import numbers
from medxmodal.reporting.strings import say

TEMPLATES = Path(__file__).resolve().parent / "templates"


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
