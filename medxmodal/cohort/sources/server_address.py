"""`ServerAddress`: where a server is and what opens it, so that no spec holds or redirects a secret."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, urlencode, urlsplit

from medxmodal.errors import PrivacyError, SpecError

ENV = "env:"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class ServerAddress:
    """A server's address, checked.

    Args:
        base: Without a slash at its end.
        authorization: The header of that name; empty if none.
    """

    base: str
    authorization: str = ""

    @classmethod
    def named(cls, address: str, token: str, kind: str) -> Self:
        """Take an address as a spec or a caller gives it.

        Args:
            address: `https://host/base`, or `env:NAME` where the environment variable NAME holds that; then
                NAME_TOKEN may hold its token, so that no spec can send a token to another address.
            token: `env:NAME` of a bearer token, or of a whole `Basic ...`; for callers in Python.
            kind: How messages name the server.

        Raises:
            SpecError: The address or a variable is wrong.
            PrivacyError: A secret is given in plain, or would travel unencrypted.
        """
        name = address.removeprefix(ENV) if address.startswith(ENV) else ""
        base = (_variable(name, f"the address of {kind}") if name else address).rstrip("/")
        parts = _checked(base, kind)
        if token and not token.startswith(ENV):
            raise PrivacyError(f"the token of {kind} is given in plain", hint="Write env:NAME.")
        if token:
            secret = _variable(token.removeprefix(ENV), f"the token of {kind}")
        else:
            secret = os.environ.get(f"{name}_TOKEN", "").strip() if name else ""
        if secret and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise PrivacyError(f"the token of {kind} would travel unencrypted", hint="Use https.")
        return cls(base, _authorization(secret, kind))

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return urlsplit(self.base).hostname in _LOOPBACK

    def of(self, path: str, params: Sequence[tuple[str, str]] = ()) -> str:
        """The address of something on it."""
        return f"{self.base}/{path}" + (f"?{urlencode(params)}" if params else "")

    def owns(self, address: str) -> bool:
        """Whether an address is on this server.

        Example:
            >>> ServerAddress("https://pacs.example/rs").owns("https://pacs.example.evil/rs/studies")
            False
        """
        return origin(address) == origin(self.base)


def origin(address: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None where it is no address.

    Example:
        >>> origin("https://PACS.example/rs"), origin("http://[")
        (('https', 'pacs.example', 443), None)
    """
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", port


def _checked(address: str, kind: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port  # which may be no number
        (parts.hostname or "").encode("idna")
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.username is not None or parts.password is not None:
        raise PrivacyError(
            f"the address of {kind} holds a user's name or password",
            hint="Write env:NAME, and put `Basic ...` or a token into the environment variable NAME_TOKEN.",
        )
    odd = parts.query or parts.fragment or not (address.isascii() and address.isprintable()) or " " in address
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        raise SpecError(f"the address of {kind} is no web address", hint="Write https://host/base.")
    return parts


def _variable(name: str, what: str) -> str:
    found = os.environ.get(name, "").strip()
    if not found:
        raise SpecError(f"the environment variable {name} is not set", hint=f"Set it to {what}.")
    return found


def _authorization(secret: str, kind: str) -> str:
    if not (secret.isascii() and secret.isprintable()):
        raise SpecError(f"the token of {kind} holds signs that no token has")
    return secret if not secret or secret.startswith(("Basic ", "Bearer ")) else f"Bearer {secret}"
