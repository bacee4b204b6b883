"""FHIR R4 servers: searches page by page, and whole types as NDJSON for `read_fhir`.

A server is asked only where a spec or a caller names it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import orjson

from medxmodal.cohort.sources.fhir.types import R4_TYPES
from medxmodal.cohort.sources.server import Patience, Server
from medxmodal.errors import InputError, SpecError

MAX_PAGE = 128 << 20
"""Bytes of one page."""
PAGE = 200
"""Resources asked for at once."""
_ACCEPT = "application/fhir+json"
_EMPTY_PAGES = 20
"""So many pages in a row without a resource are no paging any more."""
_HINT = "Check that the address is the base of a FHIR R4 service, such as https://host/fhir."


def fhir_server(address: str, *, token: str = "", patience: Patience | None = None) -> Server:
    """A FHIR server by its address; see `Server`."""
    return Server("the FHIR server", address, token=token, patience=patience, explain=_outcome_codes)


def search(
    server: Server | str, resource: str, params: Sequence[tuple[str, str]] = (), *, page: int = PAGE
) -> Iterator[dict[str, Any]]:
    """All resources that a search finds, each once.

    Follows the links to the next page where the server gives them, and counts on with `_offset` where it
    does not.

    Args:
        server: The server, or its base address.
        resource: Type to search.
        params: Further parameters of the search.
        page: Resources asked for at once.

    Yields:
        Parsed resources, in the server's order; those that it includes too.

    Raises:
        SpecError: The type or the address is wrong.
        InputError: The server refuses, or its pages do not lead to an end.
    """
    if resource not in R4_TYPES:
        raise SpecError(f"'{resource}' is no FHIR R4 resource type")
    asked = server if isinstance(server, Server) else fhir_server(server)
    yield from _Search(asked, resource, (*params, ("_count", str(page))), page).resources()


class _Search:
    """One search: what was seen, and where the next page is."""

    def __init__(self, server: Server, resource: str, params: tuple[tuple[str, str], ...], page: int) -> None:
        self.server, self.resource, self.params, self.page = server, resource, params, page
        self.seen: set[bytes] = set()
        self.matches = 0
        self.number = 0

    @property
    def what(self) -> str:
        """How messages name the page asked for."""
        return f"search for {self.resource}, page {self.number}"

    def resources(self) -> Iterator[dict[str, Any]]:
        """Page after page."""
        address, visited, empty, linked = self.server.address.of(self.resource, self.params), set(), 0, False
        while address:
            visited.add(address)
            self.number += 1
            bundle = self._page(address)
            entries = self._entries(bundle)
            fresh = [entry for entry in entries if self._is_new(entry)]
            yield from fresh
            following = self._following(bundle, address)
            linked = linked or bool(following)
            if entries and not fresh and (following or not (linked or self._is_whole(bundle))):
                raise InputError(f"{self.server.kind} gives the same page again ({self.what})")
            empty = 0 if entries else empty + 1
            if following in visited or empty > _EMPTY_PAGES:
                raise InputError(f"the pages of {self.server.kind} never end ({self.what})")
            if not linked and fresh and not self._is_last(bundle, len(fresh)):
                following = self.server.address.of(
                    self.resource, (*self.params, ("_offset", str(self.matches)))
                )
            address = following
        self._check_total(bundle)

    def _page(self, address: str) -> dict[str, Any]:
        answer = self.server.get(address, accept=_ACCEPT, limit=MAX_PAGE, what=self.what)
        try:
            bundle = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            told = "unreadable JSON" if "json" in answer.content_type.lower() else "no JSON"
            raise InputError(f"{self.server.kind} sends {told} ({self.what})", hint=_HINT) from None
        kind = bundle.get("resourceType") if isinstance(bundle, dict) else None
        if kind == "OperationOutcome":
            codes = _outcome_codes(answer.body) or "no reason"
            raise InputError(f"{self.server.kind} refuses: {codes} ({self.what})")
        if kind != "Bundle" or not isinstance(bundle.get("entry", []), list):
            raise InputError(f"{self.server.kind} sends no Bundle ({self.what})", hint=_HINT)
        return dict(bundle)

    def _entries(self, bundle: dict[str, Any]) -> list[dict[str, Any]]:
        """The resources of a page, without the server's remarks."""
        found = []
        for entry in bundle.get("entry", []):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
                raise InputError(f"{self.server.kind} sends an entry that is no resource ({self.what})")
            mode = entry["search"].get("mode") if isinstance(entry.get("search"), dict) else None
            if mode != "outcome" and resource["resourceType"] != "OperationOutcome":
                found.append(resource)
        return found

    def _is_new(self, resource: dict[str, Any]) -> bool:
        if not isinstance(resource.get("id"), str):
            raise InputError(f"{self.server.kind} sends a resource without an id ({self.what})")
        key = _key(resource)
        if key in self.seen:
            return False
        self.seen.add(key)
        self.matches += resource["resourceType"] == self.resource
        return True

    def _following(self, bundle: dict[str, Any], address: str) -> str:
        """The page that the server links to; empty if none."""
        links = bundle.get("link")
        for link in links if isinstance(links, list) else []:
            if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
                with suppress(ValueError):
                    found = urljoin(address, str(link["url"]))
                    if self.server.address.owns(found):
                        return found
                raise InputError(
                    f"{self.server.kind} says that the next page is on another server ({self.what})",
                    hint="Name the address under which the server knows itself.",
                )
        return ""

    def _is_last(self, bundle: dict[str, Any], fresh: int) -> bool:
        """Whether a server that gives no links has no further page."""
        total = bundle.get("total")
        return self.matches >= total if isinstance(total, int) else fresh < self.page

    def _is_whole(self, bundle: dict[str, Any]) -> bool:
        """Whether a server that knows no `_offset` had given everything before."""
        total = bundle.get("total")
        if not isinstance(total, int):
            params = [pair for pair in self.params if pair[0] != "_count"]
            counted = self.server.address.of(self.resource, (*params, ("_summary", "count")))
            total = self._page(counted).get("total")
        return total == self.matches

    def _check_total(self, bundle: dict[str, Any]) -> None:
        """Nothing is lost in silence."""
        total = bundle.get("total")
        if isinstance(total, int) and self.matches < total:
            raise InputError(
                f"{self.server.kind} gave {self.matches} of {total} resources ({self.what})",
                hint="It may hide some from this token, or have changed meanwhile: try again.",
            )


def resources(
    server: Server | str, types: Sequence[str], since: str | None = None, *, page: int = PAGE
) -> Iterator[dict[str, Any]]:
    """All resources of some types; patients first, so that the others' patients are known.

    Args:
        server: The server, or its base address.
        types: Resource types.
        since: Only what was changed at or after this date or time.
        page: Resources asked for at once.

    Raises:
        SpecError: A type, the address or the date is wrong.
        InputError: The server refuses, or its pages do not lead to an end.
    """
    asked = server if isinstance(server, Server) else fhir_server(server)
    params = []
    if since is not None:
        if not re.fullmatch(r"\d{4}(-\d\d(-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?)?)?", since):
            raise SpecError("`since` is no date", hint="Write 2026-11-24 or 2026-11-24T08:00:00+01:00.")
        params = [("_lastUpdated", f"ge{since}")]
    for resource in _ordered(types):
        yield from search(asked, resource, params, page=page)


def fetch(server: Server | str, types: Sequence[str], into: Path, *, page: int = PAGE) -> list[Path]:
    """Write all resources of some types as NDJSON, one file a type, for `read_fhir`.

    Resources are sorted, so that the same contents give the same bytes, whatever the server's order.

    Args:
        server: The server, or its base address.
        types: Resource types.
        into: A folder that only its owner can read; made where it is not there.
        page: Resources asked for at once.

    Returns:
        The files; their names say a type and nothing of what they hold.

    Raises:
        SpecError: A type or the address is wrong.
        InputError: The server refuses, or its pages do not lead to an end.
    """
    asked = server if isinstance(server, Server) else fhir_server(server)
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = []
    for resource in _ordered(types):
        path = into / f"{resource}.ndjson"
        _write_sorted(search(asked, resource, page=page), path)
        files.append(path)
    return files


def _ordered(types: Sequence[str]) -> list[str]:
    return sorted(set(types), key=lambda resource: (resource != "Patient", resource))


def _write_sorted(found: Iterator[dict[str, Any]], path: Path) -> None:
    """Spill lines as they come, then copy them in the order of their ids' hashes."""
    spilled, part = path.with_suffix(".spilled"), path.with_suffix(".part")
    places: list[tuple[bytes, int, int]] = []
    try:
        with spilled.open("w+b") as stream:
            at = 0
            for resource in found:
                line = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS) + b"\n"
                places.append((_key(resource), at, len(line)))
                stream.write(line)
                at += len(line)
            with part.open("wb") as target:
                for _, start, length in sorted(places):
                    stream.seek(start)
                    target.write(stream.read(length))
        os.replace(part, path)
    finally:
        spilled.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def _key(resource: dict[str, Any]) -> bytes:
    """What a resource is known by, short."""
    name = f"{resource['resourceType']}/{resource['id']}"
    return hashlib.sha256(name.encode(errors="surrogatepass")).digest()[:16]


def _outcome_codes(body: bytes) -> str:
    """The codes of an OperationOutcome; its words may quote ids and are left out.

    Example:
        >>> _outcome_codes(b'{"resourceType":"OperationOutcome","issue":[{"code":"not-found"}]}')
        'not-found'
    """
    try:
        outcome = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    codes = [issue.get("code") for issue in issues or [] if isinstance(issue, dict)]
    known = {code for code in codes if isinstance(code, str) and re.fullmatch(r"[a-z-]{3,20}", code)}
    return ", ".join(sorted(known))
