"""Series that lie on a DICOMweb server: fetched when a study needs them, named by content from then on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medxmodal.cohort.root import MADE
from medxmodal.errors import InputError

REMOTE = "dicomweb:"


def remote_series(cells: Mapping[str, str | None]) -> str:
    """What stands for the files of a series on a server."""
    return f"{REMOTE}{cells['StudyInstanceUID']}/{cells['SeriesInstanceUID']}"


def fetched(name: str, server: str | None, into: Path | None) -> tuple[str, ...]:
    """The locators of a series' files, fetched now and stripped of all but pixels and what decodes them.

    Args:
        name: What `remote_series` gave.
        server: Address of the server.
        into: Folder of the inputs that the build makes.

    Raises:
        InputError: The server refuses or does not have it; no UID is named.
    """
    if server is None or into is None:
        raise InputError("a series lies on a server that the spec does not name", hint="Give `server`.")
    from medxmodal.cohort.sources.dicom.web_fetch import fetch_series

    study, _, series = name.removeprefix(REMOTE).partition("/")
    return tuple(f"{MADE}{path.name}" for path in fetch_series(server, study, series, into, bare=True))
