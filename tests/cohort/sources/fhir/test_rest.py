"""FHIR servers: every resource once whatever the paging, and a clear word where a server misbehaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medxmodal.cohort.sources.fhir.read import default_view, read_fhir
from medxmodal.cohort.sources.fhir.rest import fetch, fhir_server, resources, search
from medxmodal.cohort.sources.server import Patience, Server
from medxmodal.errors import InputError, SpecError

PLANTED = "MRN-4711"
JSON = {"Content-Type": "application/fhir+json"}
Reply = tuple[int, dict[str, str], bytes]


def patients(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"resourceType": "Patient", "id": f"p{n}", "gender": "male"} for n in range(first, first + count)]


def bundle(found: list[dict[str, Any]], **more: Any) -> Reply:
    page = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in found], **more}
    return 200, JSON, json.dumps(page).encode()


def ids(found: Any) -> list[str]:
    return [resource["id"] for resource in found]


@pytest.fixture
def server(web: Any) -> Server:
    return fhir_server(f"{web.base}/fhir", patience=Patience(pause=0))


def linked(web: Any, stored: list[dict[str, Any]], base: str = "") -> Callable[[str, dict[str, str]], Reply]:
    """A server that gives links, to addresses that only it understands."""

    def respond(path: str, query: dict[str, str]) -> Reply:
        size, at = int(query.get("_count", 2)), int(query.get("state", 0))
        more = at + size < len(stored)
        links = [{"relation": "next", "url": f"{base}?state={at + size}&_count={size}"}] if more else []
        return bundle(stored[at : at + size], link=links)

    return respond


def counted(stored: list[dict[str, Any]], *, total: bool) -> Callable[[str, dict[str, str]], Reply]:
    """A server that gives no links and knows `_offset`."""

    def respond(path: str, query: dict[str, str]) -> Reply:
        if query.get("_summary") == "count":
            return bundle([], total=len(stored))
        size, at = int(query["_count"]), int(query.get("_offset", 0))
        return bundle(stored[at : at + size], **({"total": len(stored)} if total else {}))

    return respond


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 9])
@pytest.mark.parametrize("kind", ["relative links", "absolute links", "offset", "offset and total"])
def test_every_resource_comes_once(web: Any, server: Server, kind: str, count: int) -> None:
    stored = patients(count)
    if "links" in kind:
        web.respond = linked(web, stored, f"{web.base}/fhir/Patient" if "absolute" in kind else "")
    else:
        web.respond = counted(stored, total="total" in kind)
    assert ids(search(server, "Patient", page=3)) == ids(stored)
    assert "_count=3" in web.asked[0]
    assert web.headers[0]["accept"] == "application/fhir+json"


def test_a_server_that_gives_smaller_pages_than_asked_for(web: Any, server: Server) -> None:
    stored = patients(7)
    inner = counted(stored, total=True)
    web.respond = lambda path, query: inner(path, query | {"_count": "2"})
    assert ids(search(server, "Patient", page=100)) == ids(stored)


def test_a_server_that_knows_no_paging_and_gave_all(web: Any, server: Server) -> None:
    """Its one page happens to be full: only the count can tell that nothing is missing."""
    stored = patients(3)
    inner = counted(stored, total=False)
    web.respond = lambda path, query: inner(path, {k: v for k, v in query.items() if k != "_offset"})
    assert ids(search(server, "Patient", page=3)) == ids(stored)
    stored += patients(1, first=3)
    with pytest.raises(InputError, match=r"same page again \(search for Patient, page 2\)"):
        list(search(server, "Patient", page=3))


def test_what_comes_twice_is_given_once(web: Any, server: Server) -> None:
    """A record that was added meanwhile pushes others to the next page."""
    pages = {"0": patients(3), "3": patients(3, first=2), "5": patients(0)}
    web.respond = lambda path, query: bundle(pages[query.get("_offset", "0")])
    assert ids(search(server, "Patient", page=3)) == ["p0", "p1", "p2", "p3", "p4"]


def test_remarks_are_no_resources_and_what_is_included_is(web: Any, server: Server) -> None:
    entries = [
        {"resource": {"resourceType": "Observation", "id": "o"}, "search": {"mode": "match"}},
        {"resource": {"resourceType": "Patient", "id": "p"}, "search": {"mode": "include"}},
        {"resource": {"resourceType": "OperationOutcome", "id": "x"}, "search": {"mode": "outcome"}},
    ]
    web.respond = lambda path, query: bundle([], entry=entries, total=1)
    assert ids(search(server, "Observation", [("_include", "Observation:subject")])) == ["o", "p"]
    assert "_include=Observation%3Asubject" in web.asked[0]


def test_the_next_page_is_never_looked_for_on_another_server(web: Any, server: Server) -> None:
    elsewhere = [
        f"http://127.0.0.2/fhir?{PLANTED}", "//evil.example/fhir", "file:///etc/passwd", "http://[",
        web.base.replace("127.0.0.1", "localhost") + "/fhir",
    ]  # fmt: skip
    for url in elsewhere:
        link = [{"relation": "next", "url": url}]
        web.respond = lambda path, query, link=link: bundle(patients(1), link=link)
        with pytest.raises(InputError, match="another server") as error:
            list(search(server, "Patient"))
        assert PLANTED not in str(error.value)
    assert len(web.asked) == len(elsewhere)


def test_paging_that_never_ends_is_seen(web: Any, server: Server) -> None:
    def link(url: str) -> list[dict[str, str]]:
        return [{"relation": "next", "url": url}]

    calls = iter(range(10**6))
    web.respond = lambda path, query: bundle(patients(2), link=link(f"?n={next(calls)}"))
    with pytest.raises(InputError, match="same page again"):
        list(search(server, "Patient"))
    web.respond = lambda path, query: bundle([], link=link(f"?n={next(calls)}"))
    with pytest.raises(InputError, match="never end"):
        list(search(server, "Patient"))
    web.respond = lambda path, query: bundle([], link=link("?n=1"))
    with pytest.raises(InputError, match="never end"):
        list(search(server, "Patient"))


def test_fewer_resources_than_the_server_counts_are_an_error(web: Any, server: Server) -> None:
    pages = {"0": patients(3), "3": patients(0)}
    web.respond = lambda path, query: bundle(pages[query.get("_offset", "0")], total=5)
    with pytest.raises(InputError, match="gave 3 of 5 resources"):
        list(search(server, "Patient", page=3))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>Sign in, MRN-4711</html>"), "no JSON .*base of a FHIR"),
        ((200, JSON, b'{"resourceType": "Bundle", "entry": [{"MRN-4711'), "unreadable JSON"),
        ((200, JSON, b"[" * 100_000), "unreadable JSON"),
        ((200, JSON, b'"MRN-4711"'), "no Bundle"),
        ((200, JSON, b'{"resourceType": "Patient", "id": "MRN-4711"}'), "no Bundle"),
        ((200, JSON, b'{"resourceType": "Bundle", "entry": {"MRN-4711": 1}}'), "no Bundle"),
        ((200, JSON, b'{"resourceType": "Bundle", "entry": ["MRN-4711"]}'), "no resource"),
        (bundle([{"id": PLANTED}]), "no resource"),
        (bundle([{"resourceType": "Patient", "name": [{"text": PLANTED}]}]), "without an id"),
        ((500, {"Content-Type": "text/html"}, b"MRN-4711"), r"500 \(search for Patient, page 1; asked"),
    ],
)  # fmt: skip
def test_what_is_no_search_result(web: Any, server: Server, reply: Reply, says: str) -> None:
    web.respond = lambda path, query: reply
    with pytest.raises(InputError, match=says) as error:
        list(search(server, "Patient"))
    assert PLANTED not in str(error.value)


@pytest.mark.parametrize("status", [200, 400, 403, 503])
def test_an_operation_outcome_is_told_by_its_codes_alone(web: Any, server: Server, status: int) -> None:
    issue = {"severity": "error", "code": "not-supported", "diagnostics": f"no {PLANTED}"}
    odd = {"code": PLANTED}
    outcome = json.dumps({"resourceType": "OperationOutcome", "issue": [issue, odd, 7]}).encode()
    web.respond = lambda path, query: (status, JSON, outcome)
    with pytest.raises(InputError, match="not-supported") as error:
        list(search(server, "Patient"))
    assert PLANTED not in str(error.value)


def test_unknown_types_and_dates_are_not_sent(web: Any, server: Server) -> None:
    with pytest.raises(SpecError, match="no FHIR R4 resource type"):
        list(search(server, "Patient/../secret"))
    with pytest.raises(SpecError, match="no date"):
        list(resources(server, ["Patient"], since="yesterday"))
    assert web.asked == []


def test_patients_come_first_and_what_changed_since(web: Any, server: Server) -> None:
    web.respond = lambda path, query: bundle([{"resourceType": path.split("/")[-1], "id": "1"}])
    found = list(resources(server, ["Observation", "Patient", "Condition", "Patient"], since="2026-01-31"))
    assert [r["resourceType"] for r in found] == ["Patient", "Condition", "Observation"]
    assert all("_lastUpdated=ge2026-01-31" in asked for asked in web.asked)


def test_fetched_files_do_not_depend_on_the_order_of_the_server(
    web: Any, server: Server, tmp_path: Path
) -> None:
    stored = patients(9)
    web.respond = counted(stored, total=True)
    (one,) = fetch(server, ["Patient"], tmp_path / "one", page=4)
    web.respond = linked(web, stored[::-1])
    (two,) = fetch(server, ["Patient"], tmp_path / "two", page=2)
    assert one.read_bytes() == two.read_bytes()
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["Patient.ndjson"]
    assert (tmp_path / "two").stat().st_mode & 0o077 == 0
    (tmp_path / "scratch").mkdir()
    store = read_fhir([one], {"patients": default_view("Patient")}, tmp_path / "scratch", buckets=1)
    assert store.found == {"Patient": 9}


def test_a_fetch_that_breaks_leaves_no_half_file(web: Any, server: Server, tmp_path: Path) -> None:
    web.respond = lambda path, query: (404, {}, b"") if "_offset" in query else bundle(patients(2))
    with pytest.raises(InputError, match="page 2"):
        fetch(server, ["Patient"], tmp_path, page=2)
    assert list(tmp_path.iterdir()) == []
