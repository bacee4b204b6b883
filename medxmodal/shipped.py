"""The cohort specs and recipes that come with the package: a name stands for its file.

In a checkout they are `cohorts/` and `pipelines/` of the repository's root, in an installed wheel
`medxmodal/_shipped/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Kind = Literal["cohorts", "pipelines"]

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Kind, name: str) -> Path | None:
    """The YAML file that `name` stands for, or None when no such file is shipped.

    Args:
        kind: Cohort specs or recipes.
        name: File name without `.yaml`; anything else, paths included, stands for nothing.

    Example:
        >>> shipped("cohorts", "no_such_cohort") is None
        True
    """
    return _files(kind).get(name)


def shipped_names(kind: Kind) -> list[str]:
    """All names of a kind, sorted.

    Example:
        >>> isinstance(shipped_names("pipelines"), list)
        True
    """
    return list(_files(kind))


def _files(kind: Kind) -> dict[str, Path]:
    folder = _PACKAGE / "_shipped" / kind
    if not folder.is_dir() and (_PACKAGE.parent / "pyproject.toml").is_file():
        folder = _PACKAGE.parent / kind
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
