"""File names from table columns: `images/{image}` or `masks/{image:stem}_mask.png`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from medxmodal.errors import SpecError

_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Template:
    """A path relative to the data root with columns to fill in.

    Args:
        text: As written in the spec.
        columns: Columns it reads, in order.

    Raises:
        SpecError: From `parse`: unbalanced braces, no column, or a form other than `:stem`.

    Example:
        >>> Template.parse("masks/{image:stem}_mask.png").fill({"image": "p1.jpg"})
        'masks/p1_mask.png'
        >>> Template.parse("{image}").fill({"image": None}) is None
        True
    """

    text: str
    columns: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Check a template."""
        fields = [_split(found) for found in _FIELD.findall(text)]
        rest = _FIELD.sub("", text)
        if not fields or "{" in rest or "}" in rest or any(not name for name, _ in fields):
            raise SpecError(
                f"'{text}' names no file: it needs a column in braces",
                hint="Write for example images/{image} or masks/{image:stem}.png.",
            )
        for name, form in fields:
            if form not in {"", "stem"}:
                raise SpecError(
                    f"'{text}' asks for '{name}' as '{form}'", hint="The only form is {column:stem}."
                )
        return cls(text, tuple(dict.fromkeys(name for name, _ in fields)))

    def fill(self, row: Mapping[str, str | None]) -> str | None:
        """The relative path for one record, or None when a column is empty.

        Raises:
            SpecError: The path would leave the data folder.
        """
        if any(row[name] is None for name in self.columns):
            return None

        def value(match: re.Match[str]) -> str:
            name, form = _split(match[1])
            cell = (row[name] or "").replace("\\", "/")
            return PurePosixPath(cell).stem if form == "stem" else cell

        path = PurePosixPath(_FIELD.sub(value, self.text))
        if path.is_absolute() or ".." in path.parts or "\0" in str(path) or re.match(r"[A-Za-z]:", str(path)):
            raise SpecError("a file name leads out of the data folder", hint="Write it relative to --data.")
        return str(path)


def _split(field: str) -> tuple[str, str]:
    name, colon, form = field.rpartition(":")
    return (name.strip(), form.strip()) if colon else (form.strip(), "")
