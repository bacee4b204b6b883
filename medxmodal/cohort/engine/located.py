"""Which files a modality of a case has: templates filled, patterns matched, rows of tables chosen."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medxmodal.cohort.engine.case import Case
from medxmodal.cohort.sources.clip import natural_order
from medxmodal.cohort.spec.cohort_spec import FileInput, VideoSpec
from medxmodal.cohort.spec.template import Template
from medxmodal.cohort.spec.where import Rule, parse_where
from medxmodal.errors import InputError

SERIES = "{files}"
"""What a table of DICOM series or of arrays calls the files of a row."""
STAR = "\x1a"
"""Stands for a star of the spec, which no cell may give."""


@dataclass(frozen=True)
class Located:
    """One input, as paths under the data folder, and its mask's.

    Args:
        files: In the order in which they are read.
        mask: The same for its mask; empty where it has none.
    """

    files: tuple[str, ...]
    mask: tuple[str, ...] = ()


class Locator:
    """Finds the inputs of one modality.

    Args:
        spec: Its spec.
        folder: The data folder.
        masks: Whether masks are looked for.
    """

    def __init__(self, spec: FileInput, folder: Path, *, masks: bool) -> None:
        self.spec, self.folder = spec, folder
        self.file = Template.parse((spec.file or SERIES).replace("*", STAR))
        mask = getattr(spec, "mask", None) if masks else None
        self.mask = Template.parse(mask.replace("*", STAR)) if mask else None
        self.rule: Rule | None = parse_where(spec.where) if spec.where else None

    @property
    def several(self) -> bool:
        """Whether a study may have several inputs of this modality."""
        return several(self.spec)

    def find(self, case: Case) -> list[Located]:
        """The inputs of a case, oldest first.

        Raises:
            InputError: A pattern matches no file.
            SpecError: A path leads out of the data folder.
        """
        if self.spec.source is None:
            return self._of(case.row.cells)
        events = case.pick(self.spec, self.spec.source, self.rule)
        if self.spec.take == "first":
            events = events[:1]
        elif self.spec.take == "last":
            events = events[-1:]
        return [found for event in events for found in self._of(event.row.cells)]

    def _of(self, cells: Mapping[str, str | None]) -> list[Located]:
        names = self._names(self.file, cells)
        if not names:
            return []
        mask = self._masks(self.mask, cells) if self.mask else ()
        if isinstance(self.spec, VideoSpec) or self.file.text == SERIES:
            return [Located(tuple(names), mask)]
        return [Located((name,), mask) for name in names]

    def _masks(self, template: Template, cells: Mapping[str, str | None]) -> tuple[str, ...]:
        try:
            return tuple(self._names(template, cells))
        except InputError:  # a pattern of masks finds as many as there are: none, without a lesion
            return ()

    def _names(self, template: Template, cells: Mapping[str, str | None]) -> list[str]:
        # With masks, the sign separates the masks of one image.
        many = self.spec.many if self.mask is None or template is self.mask else None
        known = {name: cells.get(name) for name in template.columns}
        filled = template.fill_all({n: cell and cell.replace(STAR, "?") for n, cell in known.items()}, many)
        if STAR not in template.text:
            return filled
        return [name for path in filled for name in self._matches(path)]

    def _matches(self, pattern: str) -> list[str]:
        # Stars and brackets in a cell are part of a name; only the spec's own stars are signs of a pattern.
        plain = glob.escape(pattern).replace(STAR, "*")
        found = natural_order(
            p.relative_to(self.folder).as_posix() for p in self.folder.glob(plain) if p.is_file()
        )
        if not found:
            raise InputError("no file matches the pattern of the spec for this record")
        return found


def several(spec: FileInput) -> bool:
    """Whether a study may have several inputs of a modality."""
    pattern = "*" in (spec.file or "") and not isinstance(spec, VideoSpec)
    listed = spec.many is not None and getattr(spec, "mask", None) is None and not isinstance(spec, VideoSpec)
    return spec.take == "all" or pattern or listed
