"""How the pool and its workers speak: a length, then JSON, then perhaps pixels. Nothing is unpickled."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

_LENGTH = struct.Struct("<I")
LENGTH_BYTES = _LENGTH.size
MAX_MESSAGE = 64 << 20


def pack(message: Mapping[str, Any]) -> bytes:
    """A message as bytes."""
    text = json.dumps(message, ensure_ascii=True).encode("ascii")
    return _LENGTH.pack(len(text)) + text


def length_of(head: bytes) -> int:
    """How long the message behind a head is; ValueError when no worker would send it."""
    (length,) = _LENGTH.unpack(head)
    if length > MAX_MESSAGE:
        raise ValueError("a message of more than 64 MiB")
    return int(length)


def unpack(text: bytes) -> dict[str, Any]:
    """A message from its bytes; ValueError when it is none."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("a message that is no object")
    return found


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message of a stream, or None at its end."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = length_of(head)
    text = stream.read(length)
    return unpack(text) if len(text) == length else None
