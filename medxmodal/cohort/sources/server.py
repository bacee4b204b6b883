"""`Server`: asks a web server that the user named, with limits, and tells nothing of what it said.

Addresses and answers hold patient ids, UIDs and tokens, so no message and no log quotes them.
"""

from __future__ import annotations

import email.utils
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from medxmodal.cohort.sources.server_address import ServerAddress, origin
from medxmodal.errors import InputError

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What is asked again: the server is busy or broken, and may not be so for long."""
_BLOCK = 1 << 20
_MAX_REFUSAL = 1 << 20
_HINTS = {
    401: "Name the server as env:NAME and put its token into the environment variable NAME_TOKEN.",
    403: "Ask its administrator what this token may read.",
    404: "Check the address: is it the base of the service?",
}


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Args:
        silence: Seconds without a byte after which a request is given up.
        whole: Seconds that one answer may take.
        attempts: How often the same is asked.
        pause: Seconds before the second attempt; doubled for each further one.
        longest: Seconds of one pause at most, whatever the server asks for.
    """

    silence: float = 30.0
    whole: float = 900.0
    attempts: int = 5
    pause: float = 0.5
    longest: float = 60.0


@dataclass(frozen=True)
class Answer:
    """What a server gave.

    Args:
        content_type: Media type with its parameters, as sent.
        body: All of it.
        partial: Whether it warns of further results, in the words of DICOMweb (PS3.18, 8.3.4.4).
    """

    content_type: str
    body: bytes
    partial: bool = False


@dataclass(frozen=True)
class _Refusal:
    """A request that failed.

    Args:
        reason: Why, in words without ids.
        status: What the server answered; 0 if nothing.
        after: Seconds after which it wants to be asked again.
    """

    reason: str
    status: int = 0
    after: float | None = None


class Server:
    """A server, as a spec names it.

    Args:
        kind: How messages name it: `the FHIR server`.
        address: `https://host/base` or `env:NAME`; see `ServerAddress.named`.
        token: `env:NAME`; see there.
        patience: How long it is waited for.
        explain: Takes the body of a refusal and gives words without ids.
        sleep: Waits between attempts.

    Raises:
        SpecError: The address or a variable is wrong.
        PrivacyError: A secret is given in plain, or would travel unencrypted.
    """

    def __init__(
        self,
        kind: str,
        address: str,
        *,
        token: str = "",
        patience: Patience | None = None,
        explain: Callable[[bytes], str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.kind = kind
        self.address = ServerAddress.named(address, token, kind)
        self.patience = patience or Patience()
        self._explain, self._sleep = explain, sleep
        proxies = urllib.request.ProxyHandler({} if self.address.is_loopback else None)
        encrypted = urllib.request.HTTPSHandler(context=ssl.create_default_context())
        self._opener = urllib.request.build_opener(proxies, encrypted, _SameServer())

    def get(self, address: str, *, accept: str, limit: int, what: str) -> Answer:
        """Ask for something, and again where the server is busy or broken.

        Args:
            address: On this server; see `ServerAddress.of`.
            accept: The media type wanted.
            limit: Bytes of the answer at most.
            what: How messages name the request; no ids.

        Raises:
            InputError: The server refuses, is not there, is too slow, or sends too much.
        """
        if not self.address.owns(address):
            raise self._elsewhere(what)
        headers = {"Accept": accept, "User-Agent": "medxmodal"}
        if self.address.authorization:
            headers["Authorization"] = self.address.authorization
        request = urllib.request.Request(address, headers=headers)
        refusal = _Refusal("")
        for attempt in range(self.patience.attempts):
            if attempt:
                pause = self.patience.pause * 2 ** (attempt - 1) if refusal.after is None else refusal.after
                self._sleep(min(max(pause, 0.0), self.patience.longest))
            found = self._once(request, limit, what)
            if isinstance(found, Answer):
                return found
            refusal = found
            if refusal.status and refusal.status not in RETRIED:
                raise InputError(
                    f"{self.kind} {refusal.reason} ({what})", hint=_HINTS.get(refusal.status, "")
                )
        raise InputError(
            f"{self.kind} {refusal.reason} ({what}; asked {self.patience.attempts} times)",
            hint="Check the address, or try again later.",
        )

    def _once(self, request: urllib.request.Request, limit: int, what: str) -> Answer | _Refusal:
        end = time.monotonic() + self.patience.whole
        try:
            with self._opener.open(request, timeout=self.patience.silence) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise InputError(f"{self.kind} packs what it was asked for plain ({what})")
                told = str(response.headers.get("Content-Type", ""))
                partial = "additional results" in str(response.headers.get("Warning", ""))
                return Answer(told, self._body(response, limit, end, what), partial)
        except urllib.error.HTTPError as error:
            with error:
                return self._refusal(error, end, what)
        except _Elsewhere:
            raise self._elsewhere(what) from None
        except (OSError, http.client.HTTPException, _CutShort) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise InputError(
                    f"the certificate of {self.kind} is not trusted",
                    hint="Put the hospital's certificates into a file and name it in SSL_CERT_FILE.",
                ) from None
            return _Refusal(self._failure(cause))

    def _elsewhere(self, what: str) -> InputError:
        return InputError(
            f"{self.kind} points to another server ({what})",
            hint="Only what was named is asked: name that one, if it is right.",
        )

    def _failure(self, cause: object) -> str:
        if isinstance(cause, TimeoutError):
            return f"was silent for {self.patience.silence:g} s"
        if isinstance(cause, http.client.IncompleteRead | _CutShort):
            return "sent an answer that was cut short"
        known = cause.strerror if isinstance(cause, OSError) else None
        return f"cannot be reached: {known or type(cause).__name__}"

    def _refusal(self, error: urllib.error.HTTPError, end: float, what: str) -> _Refusal:
        try:
            words = self._explain(self._body(error, _MAX_REFUSAL, end, what)) if self._explain else ""
        except (OSError, http.client.HTTPException, _CutShort, InputError):
            words = ""
        after = _seconds(error.headers.get("Retry-After", ""))
        return _Refusal(f"answers {error.code}" + (f" ({words})" if words else ""), error.code, after)

    def _body(self, response: Any, limit: int, end: float, what: str) -> bytes:  # noqa: ANN401 - untyped
        """All of an answer, as far as it keeps to the limits of size and time."""
        told = str(response.headers.get("Content-Length", ""))
        declared = int(told) if re.fullmatch(r"\d{1,18}", told) else None
        blocks: list[bytes] = []
        size = 0
        while True:
            if max(size, declared or 0) > limit:
                raise InputError(f"{self.kind} sends more than {limit >> 20} MiB at once ({what})")
            if time.monotonic() > end:
                raise InputError(f"{self.kind} takes more than {self.patience.whole:g} s ({what})")
            block = response.read1(_BLOCK)
            if not block:
                break
            blocks.append(block)
            size += len(block)
        if declared is not None and size < declared:
            raise _CutShort
        return b"".join(blocks)


class _CutShort(Exception):
    """The connection ended before the answer did."""


class _Elsewhere(Exception):
    """The server redirects to another one."""


class _SameServer(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Follow only to the server that was named: the token and the ids go nowhere else."""
        if origin(newurl) != origin(req.full_url):
            raise _Elsewhere
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _seconds(told: str) -> float | None:
    """What `Retry-After` says: seconds, or a date."""
    if re.fullmatch(r"\d{1,9}", told):
        return float(told)
    try:
        until = email.utils.parsedate_to_datetime(told)
    except ValueError:
        return None
    return (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
