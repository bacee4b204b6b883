"""Notes: the text of FHIR attachments, decoded from base64; markup is taken off."""

from __future__ import annotations

import binascii
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from html.parser import HTMLParser
from typing import Any

from medxmodal.cohort.sources.fhir.errors import BadResource

_MARKUP = frozenset({"text/html", "application/xhtml+xml"})
_HIDDEN = frozenset({"script", "style", "head", "title"})
_BLOCKS = re.compile(
    "address|article|blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|section|table|t[dhr]|ul"
)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_TYPE = re.compile(
    r"image/(?:jpeg|png|tiff|gif|svg\+xml)|(?:application|text)/(?:pdf|rtf|xml|json|dicom|msword|zip|octet-stream)"
)
"""Types that messages name; others may be anything that somebody typed."""


def attachment_text(attachment: dict[str, Any], remarks: Counter[str], where: str) -> str | None:
    """The text of an attachment, or None where it holds none that can be read here.

    Args:
        attachment: As parsed.
        remarks: Counts what was left out and why.
        where: Its path, for messages.

    Raises:
        BadResource: Its data are not what they are declared to be.
    """
    data, declared = attachment.get("data"), attachment.get("contentType")
    if data is None:
        if attachment.get("url") is not None:
            remarks["attachments that only name a url were not fetched"] += 1
        return None
    if type(data) is not str:
        raise BadResource(f"{where}.data is not a text")
    if declared is not None and type(declared) is not str:
        raise BadResource(f"{where}.contentType is not a text")
    kind = (declared or "text/plain").partition(";")[0].strip().lower()
    if kind == "text/rtf" or (not kind.startswith("text/") and kind not in _MARKUP):
        named = f"type {kind}" if _TYPE.fullmatch(kind) else "an unknown type"
        remarks[f"attachments of {named} were not read as text"] += 1
        return None
    text = _decoded(data, declared or "", where)
    return (strip_markup(text) if kind in _MARKUP else text).strip() or None


def _decoded(data: str, declared: str, where: str) -> str:
    if any(sign.isspace() for sign in (data[76:77], data[-1:])) or "\n" in data:
        data = "".join(data.split())
    try:
        raw = binascii.a2b_base64(data, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise BadResource(f"{where}.data is not base64") from error
    charset = _CHARSET.search(declared)
    marked = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(charset[1] if charset else marked)
    except (UnicodeDecodeError, LookupError) as error:
        named = "the character set it names" if charset else "UTF-8"
        raise BadResource(f"{where}.data is not text in {named}") from error


def strip_markup(text: str) -> str:
    """The words of an HTML document, one line a block.

    Example:
        >>> strip_markup("<script>x()</script><p>No <b>acute</b> finding &lt;1 cm</p>")
        'No acute finding <1 cm'
    """
    words = _Words()
    words.feed(text)
    words.close()
    lines = (" ".join(line.split()) for line in "".join(words.found).split("\n"))
    return "\n".join(line for line in lines if line)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self.hidden += 1
        elif _BLOCKS.fullmatch(tag):
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self.hidden = max(0, self.hidden - 1)
        elif _BLOCKS.fullmatch(tag):
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.found.append(data)
