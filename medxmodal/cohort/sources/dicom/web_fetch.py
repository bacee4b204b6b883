"""`fetch_series`: the files of a DICOMweb series, bit for bit as the server stores them (WADO-RS).

Its instances are fetched one by one, so that a fetch that was stopped goes on where it was, and memory
holds one file. Files are named by content; an index beside them knows the instances by hashed UID.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from medxmodal.cohort.root import file_sha256
from medxmodal.cohort.sources.dicom.bare import bare_dicom
from medxmodal.cohort.sources.dicom.file import open_dicom
from medxmodal.cohort.sources.dicom.limits import MAX_BYTES, guarded
from medxmodal.cohort.sources.dicom.scan import scan_dicom
from medxmodal.cohort.sources.dicom.web import PAGE, check_uid, dicomweb_server, pages
from medxmodal.cohort.sources.rows import Table
from medxmodal.cohort.sources.server import Answer, Server
from medxmodal.errors import InputError

ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""As it was stored: nothing is unpacked or packed again on the way."""
MAX_INSTANCES = 100_000
_SOP_INSTANCE = "00080018"


def fetch_series(
    server: Server | str,
    study_uid: str,
    series_uid: str,
    into: Path,
    *,
    bare: bool = False,
    max_bytes: int = MAX_BYTES,
) -> list[Path]:
    """Fetch the instances of a series that are not there yet.

    Args:
        server: The server, or its base address.
        study_uid: Its StudyInstanceUID.
        series_uid: Its SeriesInstanceUID.
        into: A folder; made where it is not there, for its owner only.
        bare: Keep the pixels and what it takes to read them, and no ids, names or dates.
        max_bytes: Of one instance.

    Returns:
        Its files, `<sha256>.dcm`, sorted by name; `scan_dicom` puts them into geometric order.

    Raises:
        SpecError: A UID or the address is wrong.
        InputError: The server refuses, or sends something else than what was asked for.
    """
    asked = server if isinstance(server, Server) else dicomweb_server(server)
    path = f"studies/{check_uid(study_uid)}/series/{check_uid(series_uid)}/instances"
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    uids = _instances(asked, path)
    index = _Index.read(into, f"bare-{_hashed(series_uid)}" if bare else f"series-{_hashed(series_uid)}")
    files = set()
    for number, uid in enumerate(uids, 1):
        found = index.find(uid)
        if found is None:
            what = f"instance {number} of {len(uids)}"
            address = asked.address.of(f"{path}/{check_uid(uid)}")
            answer = asked.get(address, accept=ACCEPT, limit=max_bytes, what=what)
            data = _instance(answer, uid, f"{what} of {asked.kind}")
            found = index.add(uid, bare_dicom(data, f"{what} of {asked.kind}") if bare else data)
        files.add(found)
    return sorted(files)


def fetch_all(server: Server | str, table: Table, into: Path) -> Table:
    """Fetch all series of a table and read their headers.

    Args:
        server: The server, or its base address.
        table: What `query_dicomweb` gave, or some of its rows.
        into: A folder; made where it is not there, for its owner only.

    Returns:
        What `scan_dicom` says of the files fetched.

    Raises:
        SpecError: A UID or the address is wrong.
        InputError: The server refuses, or sends something else than what was asked for.
    """
    asked = server if isinstance(server, Server) else dicomweb_server(server)
    for row in table.rows:
        try:
            fetch_series(
                asked, row.cells["StudyInstanceUID"] or "", row.cells["SeriesInstanceUID"] or "", into
            )
        except InputError as error:
            raise InputError(f"{row.shown}: {error.message}", hint=error.hint) from None
    return scan_dicom(into, "*.dcm")


def _instances(server: Server, path: str) -> list[str]:
    """The SOPInstanceUIDs of a series."""
    found: dict[str, None] = {}
    for item in pages(server, path, {}, PAGE, "list of instances"):
        element = item.get(_SOP_INSTANCE)
        value = element.get("Value") if isinstance(element, dict) else None
        if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], str):
            raise InputError(f"{server.kind} lists an instance without a SOPInstanceUID")
        found[value[0]] = None
        if len(found) > MAX_INSTANCES:
            raise InputError(f"{server.kind} lists more than {MAX_INSTANCES:,} instances of one series")
    if not found:
        raise InputError(f"{server.kind} has no instances of the series asked for")
    return list(found)


def _instance(answer: Answer, uid: str, shown: str) -> bytes:
    """The one DICOM file of an answer, checked to be what was asked for."""
    plain = answer.content_type.split(";")[0].strip().lower() == "application/dicom"
    data = answer.body if plain else only_part(answer, shown)
    with guarded(shown):
        dataset = open_dicom(data, shown, ("SOPInstanceUID",)).dataset
        same = str(dataset.get("SOPInstanceUID") or "") == uid
    if data[128:132] != b"DICM" or not same:
        raise InputError(f"{shown} is another DICOM object than the one asked for")
    return data


def only_part(answer: Answer, shown: str) -> bytes:
    r"""The content of a multipart answer that has one part.

    Args:
        answer: What a server gave.
        shown: How messages name it.

    Raises:
        InputError: It is no multipart, has another number of parts, or was cut short.

    Example:
        >>> body = b"--b" + b"\r\n" * 2 + b"DICM" + b"\r\n--b--"
        >>> only_part(Answer("multipart/related; boundary=b", body), "the answer")
        b'DICM'
    """
    told = re.search(r';\s*boundary="?([^";]{1,200})', answer.content_type)
    if not answer.content_type.lower().startswith("multipart/related") or told is None:
        raise InputError(f"{shown} is no multipart answer", hint="Check the address of the server.")
    mark = b"--" + told[1].strip().encode("latin-1", "replace")
    body = answer.body
    if not body.startswith(mark):  # a preamble may come first
        body = body[body.find(b"\r\n" + mark) + 2 :]
    head = body.find(b"\r\n\r\n")
    end = body.find(b"\r\n" + mark, max(head + 2, 0))
    if not body.startswith(mark) or head < 0 or end < 0:
        raise InputError(f"{shown} was cut short", hint="Try again.")
    if body[end + 2 + len(mark) :][:2] != b"--":
        raise InputError(f"{shown} holds several parts, or was cut short")
    return body[head + 4 : end]


@dataclass(frozen=True)
class _Index:
    """Which instances of a series lie in a folder: one line each, hashed UID and content hash."""

    path: Path
    known: dict[str, str]

    @classmethod
    def read(cls, folder: Path, name: str) -> Self:
        path = folder / f"{name}.jsonl"
        known = {}
        for line in path.read_bytes().splitlines() if path.is_file() else ():
            try:
                uid, sha256 = orjson.loads(line)
            except (orjson.JSONDecodeError, ValueError, TypeError):
                continue  # the last line of a fetch that was stopped
            if isinstance(uid, str) and re.fullmatch(r"[0-9a-f]{64}", str(sha256)):
                known[uid] = str(sha256)
        return cls(path, known)

    def find(self, uid: str) -> Path | None:
        """The file of an instance, where it is there and whole."""
        sha256 = self.known.get(_hashed(uid))
        path = self.path.parent / f"{sha256}.dcm"
        return path if sha256 and path.is_file() and file_sha256(path) == sha256 else None

    def add(self, uid: str, data: bytes) -> Path:
        """Write a file whole or not at all, then say so."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path.parent / f"{sha256}.dcm"
        handle, part = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise
        with self.path.open("ab") as stream:
            stream.write(b"\n" + orjson.dumps([_hashed(uid), sha256]))
        return path


def _hashed(uid: str) -> str:
    return hashlib.sha256(uid.encode(errors="surrogatepass")).hexdigest()
