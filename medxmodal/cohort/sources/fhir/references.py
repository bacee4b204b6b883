"""Whom a resource is about: references of every form, resolved to the id of a patient."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from medxmodal.cohort.sources.fhir.errors import BadResource

_ID = re.compile(r"[^\s/#?|]{1,128}")
_URL = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([^\s/#?|]{1,128})(?:/_history/[^/]+)?$")
_NONE: Mapping[str, str] = {}


def resource_id(resource: dict[str, Any], full_url: object = None) -> str | None:
    """The id of a resource, else the one its bundle gives it.

    Raises:
        BadResource: It has an id that is none.
    """
    found = resource.get("id")
    if found is None:
        if type(full_url) is str and full_url.startswith("urn:uuid:"):
            return full_url[9:]
        match = _URL.search(full_url) if type(full_url) is str else None
        return match[2] if match else None
    if type(found) is not str or not _ID.fullmatch(found):
        raise BadResource("id is not an id")
    return found


def bundle_urls(entries: list[Any]) -> dict[str, str]:
    """The full URLs of a bundle whose ids cannot be read off them."""
    urls: dict[str, str] = {}
    for entry in entries:
        if type(entry) is dict and type(entry.get("resource")) is dict:
            url, found = entry.get("fullUrl"), entry["resource"].get("id")
            if type(url) is str and type(found) is str and not url.endswith(found):
                urls[url] = found
    return urls


def reference_id(text: str, urls: Mapping[str, str] = _NONE, *, wanted: str = "") -> str | None:
    """The id that a reference points at, or None where it names none of the type wanted.

    Example:
        >>> reference_id("https://a.org/fhir/Patient/7/_history/2", wanted="Patient")
        '7'
    """
    found = urls.get(text)
    if found is not None:
        return found
    if text.startswith("urn:uuid:"):
        return text[9:]
    match = _URL.search(text)
    return match[2] if match and (not wanted or match[1] == wanted) else None


def patient_of(resource: dict[str, Any], urls: Mapping[str, str] = _NONE) -> str:
    """The id of the patient whom a resource is about.

    Raises:
        BadResource: It names none, or something that is no patient.
    """
    subject = resource.get("subject")
    if subject is None:
        subject = resource.get("patient")
        if subject is None:
            raise BadResource("it names no patient (subject is missing)")
    if type(subject) is not dict:
        raise BadResource("subject is not a reference")
    text = subject.get("reference")
    if type(text) is not str:
        raise BadResource(
            "subject.reference is missing" if text is None else "subject.reference is not a text"
        )
    if text.startswith("Patient/") and _ID.fullmatch(text, 8):
        return text[8:]
    if text.startswith("#"):
        return _contained(resource, text[1:], urls)
    found = reference_id(text, urls, wanted="Patient")
    if found is None:
        conditional = "a search, not a patient" if text.startswith("Patient?") else "no patient"
        raise BadResource(f"subject.reference names {conditional}")
    return found


def _contained(resource: dict[str, Any], local: str, urls: Mapping[str, str]) -> str:
    """A contained patient's own id counts only inside its resource; what it links to counts outside."""
    held = resource.get("contained")
    for inner in held if type(held) is list else []:
        if type(inner) is dict and inner.get("id") == local and inner.get("resourceType") == "Patient":
            links = inner.get("link")
            for link in links if type(links) is list else []:
                other = link.get("other") if type(link) is dict else None
                text = other.get("reference") if type(other) is dict else None
                found = reference_id(text, urls, wanted="Patient") if type(text) is str else None
                if found is not None:
                    return found
            raise BadResource("its patient is contained in it and links to no patient of the data")
    raise BadResource("subject.reference names a contained patient who is not there")
