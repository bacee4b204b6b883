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
        found = self.fill_all(row)
        return found[0] if found else None

    def fill_all(self, row: Mapping[str, str | None], many: str | None = None) -> list[str]:
        """The relative paths for one record; none when a column is empty.

        Args:
            row: Column -> cell; a newline in a cell separates the files of one input.
            many: Sign that separates several names in a cell.

        Raises:
            SpecError: A path would leave the data folder.

        Example:
            >>> Template.parse("masks/{m}").fill_all({"m": "a.png&b.png"}, "&")
            ['masks/a.png', 'masks/b.png']
        """
        if any(row[name] is None for name in self.columns):
            return []
        choices = [(name, _names(row[name] or "", many)) for name in self.columns]
        longest = max(len(names) for _, names in choices)
        filled = []
        for i in range(longest):
            cells = {name: names[i] if i < len(names) else names[-1] for name, names in choices}
            filled.append(self._path(cells))
        return filled

    def line(self, row: Mapping[str, str | None]) -> str | None:
        """The text with its columns filled in, or None when all of them are empty; no path."""
        if all(row.get(name) is None for name in self.columns):
            return None
        return _FIELD.sub(lambda match: row.get(_split(match[1])[0]) or "", self.text).strip()

    def _path(self, cells: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            name, form = _split(match[1])
            cell = cells[name].replace("\\", "/")
            return PurePosixPath(cell).stem if form == "stem" else cell

        path = PurePosixPath(_FIELD.sub(value, self.text))
        if path.is_absolute() or ".." in path.parts or "\0" in str(path) or re.match(r"[A-Za-z]:", str(path)):
            raise SpecError("a file name leads out of the data folder", hint="Write it relative to --data.")
        return str(path)


def _names(cell: str, many: str | None) -> list[str]:
    names = [cell]
    for sign in ("\n", many):
        if sign:
            names = [part.strip() for name in names for part in name.split(sign) if part.strip()]
    return names or [cell]


def _split(field: str) -> tuple[str, str]:
    name, colon, form = field.rpartition(":")
    return (name.strip(), form.strip()) if colon else (form.strip(), "")
