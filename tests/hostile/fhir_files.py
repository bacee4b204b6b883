"""Bad FHIR, written by our own code: each function writes one kind of damage."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "Zebulon Quarrington"
"""A name that every file holds somewhere; it may appear in no message."""


def patient(key: str, **more: Any) -> dict[str, Any]:
    """A patient with a name."""
    names = [{"family": NAME.split()[1], "given": [NAME.split()[0]]}]
    return {"resourceType": "Patient", "id": key, "name": names, "gender": "female", **more}


def observation(key: str, subject: str | None = "Patient/p1", **more: Any) -> dict[str, Any]:
    """A body weight."""
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": key,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
        "effectiveDateTime": "2021-03-04T05:06:07+01:00",
        "valueQuantity": {"value": 70.5, "unit": "kg", "code": "kg"},
    }
    if subject is not None:
        found["subject"] = {"reference": subject, "display": NAME}
    return {**found, **more}


def bundle(*resources: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    """A bundle whose entries are known by `urn:uuid:`."""
    entries = [{"fullUrl": f"urn:uuid:{r.get('id', n)}", "resource": r} for n, r in enumerate(resources)]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def write_lines(path: Path, *lines: dict[str, Any] | bytes) -> Path:
    """An NDJSON file; what is no bytes yet becomes JSON."""
    data = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    whole = b"\n".join(data) + b"\n"
    path.write_bytes(gzip.compress(whole) if path.name.endswith(".gz") else whole)
    return path


def write_bundle(path: Path, *resources: dict[str, Any]) -> Path:
    """A transaction bundle."""
    data = json.dumps(bundle(*resources)).encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def write_long_line(path: Path, size: int = 100 << 20) -> Path:
    """A gzipped NDJSON whose second line is one resource of 100 MB, between two good ones."""
    head, tail = json.dumps(observation("long"))[:-1].encode() + b', "note": [{"text": "', b'"}]}\n'
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(json.dumps(observation("before")).encode() + b"\n" + head)
        for _ in range(size >> 20):
            stream.write(b"x" * (1 << 20))
        stream.write(tail + json.dumps(observation("after")).encode() + b"\n")
    return path


def _cut(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode()[:-20]


BAD_LINES: dict[str, tuple[Callable[[], dict[str, Any] | bytes], str, str]] = {
    "cut short": (lambda: _cut(observation("x")), "Observation", "the line is not readable JSON"),
    "invalid UTF-8": (
        lambda: json.dumps(observation("x")).encode().replace(b"Body", b"B\xff\xfedy"),
        "Observation",
        "the line is not UTF-8",
    ),
    "lone surrogate": (
        lambda: json.dumps(observation("x")).encode().replace(b"Body", b"\\ud800"),
        "Observation",
        "the line is not readable JSON",
    ),
    "nested too deep": (lambda: b"[" * 5000 + b"]" * 5000, "", "the line is not readable JSON"),
    "no resource": (lambda: b"[1, 2]", "", "it is not a resource"),
    "no type": (lambda: {"id": "x"}, "", "resourceType is missing"),
    "unknown type": (
        lambda: {"resourceType": NAME.replace(" ", ""), "id": "x"},
        "",
        "resourceType is unknown in R4",
    ),
    "no id": (lambda: {**observation("x"), "id": None}, "Observation", "id is missing"),
    "id of another type": (lambda: {**observation("x"), "id": 5}, "Observation", "id is not an id"),
    "no subject": (
        lambda: observation("x", None),
        "Observation",
        "it names no patient (subject is missing)",
    ),
    "subject is a text": (
        lambda: {**observation("x"), "subject": "Patient/p1"},
        "Observation",
        "subject is not a reference",
    ),
    "about a group": (
        lambda: observation("x", "Group/7"),
        "Observation",
        "subject.reference names no patient",
    ),
    "a search for a patient": (
        lambda: observation("x", f"Patient?identifier={NAME}"),
        "Observation",
        "subject.reference names a search, not a patient",
    ),
    "dangling": (lambda: observation("x", "Patient/nobody"), "Observation", "its patient is not in the data"),
    "value is a text": (
        lambda: observation("x", valueQuantity={"value": NAME}),
        "Observation",
        "valueQuantity.value is not a number",
    ),
    "value is true": (
        lambda: observation("x", valueQuantity={"value": True}),
        "Observation",
        "valueQuantity.value is not a number",
    ),
    "quantity is a list": (
        lambda: observation("x", valueQuantity=[{"value": 1}]),
        "Observation",
        "valueQuantity is a list where one element is expected",
    ),
    "codings are no list": (
        lambda: observation("x", code={"coding": {"code": "1"}}),
        "Observation",
        "code.coding is not a list",
    ),
    "codings hold texts": (
        lambda: observation("x", code={"coding": ["1"]}),
        "Observation",
        "code.coding is not a list of elements",
    ),
    "code is a number": (
        lambda: observation("x", code={"coding": [{"code": 5}]}),
        "Observation",
        "code.coding.code is not a text",
    ),
    "no date": (
        lambda: observation("x", effectiveDateTime="04.03.2021"),
        "Observation",
        "effectiveDateTime is not a date",
    ),
    "a day that is none": (
        lambda: observation("x", effectiveDateTime="2021-02-30"),
        "Observation",
        "effectiveDateTime is a day that does not exist",
    ),
    "components hold texts": (
        lambda: observation("x", component=[NAME]),
        "Observation",
        "component is not a list of elements",
    ),
    "a component of another type": (
        lambda: observation("x", component=[{"code": {}, "valueQuantity": {"value": "1"}}]),
        "Observation",
        "component.valueQuantity.value is not a number",
    ),
}
"""Name -> (what makes the line, its type as far as it can be known, the reason recorded)."""
