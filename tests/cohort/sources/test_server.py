"""Servers: what is asked again and when, what is refused, and that no secret and no id is told."""

from __future__ import annotations

import email.utils
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from medxmodal.cohort.sources.server import Answer, Patience, Server
from medxmodal.errors import InputError, MedxmodalError, PrivacyError, SpecError

PLANTED = "MRN-4711"
"""An id in the address and in all that the server says."""


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def ask(web: Any, pauses: list[float]) -> Callable[..., Answer]:
    """Asks for something with an id in its address."""

    def asked(limit: int = 1 << 20, **patience: float) -> Answer:
        server = Server("the server", web.base, patience=Patience(**patience), sleep=pauses.append)
        address = server.address.of("Patient", [("id", PLANTED)])
        return server.get(address, accept="text/plain", limit=limit, what="ask")

    return asked


@contextmanager
def refused(says: str) -> Iterator[None]:
    """The request fails with these words, and no message of its traceback shows the id."""
    with pytest.raises(InputError, match=says) as error:
        yield
    assert PLANTED not in "".join(traceback.format_exception(error.value, limit=0))


def replies(web: Any, *given: tuple[int, dict[str, str], bytes]) -> None:
    waiting = list(given)
    web.respond = lambda path, query: waiting.pop(0) if len(waiting) > 1 else waiting[0]


OK = (200, {"Content-Type": "text/plain"}, b"fine")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_ever_more_slowly(
    web: Any, ask: Callable[..., Answer], pauses: list[float], status: int
) -> None:
    replies(web, *[(status, {}, PLANTED.encode())] * 3, OK)
    assert ask().body == b"fine"
    assert pauses == [0.5, 1.0, 2.0]


def test_it_is_given_up_in_the_end(web: Any, ask: Callable[..., Answer], pauses: list[float]) -> None:
    replies(web, (503, {}, PLANTED.encode()))
    with refused(r"answers 503 \(ask; asked 5 times\)"):
        ask()
    assert len(web.asked) == 5
    assert len(pauses) == 4


def test_retry_after_is_kept_to_and_capped(web: Any, ask: Callable[..., Answer], pauses: list[float]) -> None:
    soon = email.utils.formatdate(time.time() + 20, usegmt=True)
    told = ["7", "86400", soon, "nonsense"]
    replies(web, *[(429, {"Retry-After": after}, b"") for after in told], OK)
    assert ask().body == b"fine"
    assert pauses[:2] == [7, 60]
    assert 17 < pauses[2] <= 20
    assert pauses[3] == 4.0


@pytest.mark.parametrize(
    ("status", "hint"), [(400, ""), (401, "NAME_TOKEN"), (403, "token"), (404, "base of the service")]
)
def test_a_refusal_is_final_and_says_what_to_do(
    web: Any, ask: Callable[..., Answer], status: int, hint: str
) -> None:
    replies(web, (status, {}, PLANTED.encode()))
    with refused(f"the server answers {status} .*{hint}"):
        ask()
    assert len(web.asked) == 1


def test_a_silent_server_is_not_waited_for(web: Any, ask: Callable[..., Answer]) -> None:
    done = threading.Event()

    def silent(path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        done.wait(5)
        return OK

    web.respond = silent
    began = time.monotonic()
    with refused(r"silent for 0\.1 s"):
        ask(silence=0.1, attempts=2)
    done.set()
    assert time.monotonic() - began < 3


def test_an_answer_has_a_time_limit_however_steadily_it_drips(web: Any, ask: Callable[..., Answer]) -> None:
    def drops() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.02)
            yield b"x"

    web.respond = lambda path, query: (200, {"Content-Length": "200"}, drops())
    with refused(r"takes more than 0\.2 s"):
        ask(whole=0.2)


def test_an_answer_that_is_cut_short_is_asked_for_again(web: Any, ask: Callable[..., Answer]) -> None:
    replies(web, (200, {"Content-Length": "400"}, b"half"), OK)
    assert ask().body == b"fine"
    replies(web, (200, {"Content-Length": "400"}, b"half"))
    with refused("cut short"):
        ask()


def test_a_huge_answer_is_not_taken(web: Any, ask: Callable[..., Answer]) -> None:
    replies(web, (200, {}, bytes(3 << 20)))
    with refused("more than 1 MiB"):
        ask()
    replies(web, (200, {"Content-Length": str(10**15)}, b""))
    with refused("more than 1 MiB"):
        ask()
    replies(web, (200, {"Content-Encoding": "gzip"}, b"bomb"))
    with refused("packs"):
        ask()


def test_a_server_that_is_not_there(ask: Callable[..., Answer], web: Any, pauses: list[float]) -> None:
    server = Server("the server", "http://127.0.0.1:1", sleep=pauses.append)
    with refused("cannot be reached: Connection refused"):
        server.get("http://127.0.0.1:1/x", accept="*/*", limit=1, what="ask")


def test_redirects_stay_on_the_server(web: Any, ask: Callable[..., Answer]) -> None:
    replies(web, (302, {"Location": f"{web.base}/elsewhere"}, b""), OK)
    assert ask().body == b"fine"
    for other in ("http://127.0.0.2:9/x", web.base.replace("127.0.0.1", "localhost"), "ftp://127.0.0.1/x"):
        replies(web, (302, {"Location": other}, b""))
        with refused(r"points to another server|answers 302"):
            ask()


def test_another_address_is_not_asked_at_all(web: Any) -> None:
    with refused("another server"):
        Server("the server", web.base).get("http://127.0.0.2/x", accept="*/*", limit=1, what="ask")
    assert web.asked == []


def test_a_token_goes_to_the_address_beside_it_only(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec from elsewhere names a server of its own: no token of this user's reaches it."""
    replies(web, OK)
    monkeypatch.setenv("CLINIC", web.base + "/")
    monkeypatch.setenv("CLINIC_TOKEN", "s3cret")
    monkeypatch.setenv("BASIC", "Basic dTpw")
    for address, token, sent in (
        ("env:CLINIC", "", "Bearer s3cret"),
        (web.base, "", None),
        (web.base, "env:BASIC", "Basic dTpw"),
    ):
        server = Server("the server", address, token=token)
        server.get(server.address.of("x"), accept="*/*", limit=99, what="ask")
        assert web.headers[-1].get("authorization") == sent


@pytest.mark.parametrize(
    ("address", "token", "wrong", "says"),
    [
        ("https://me:hunter2@pacs.example/rs", "", PrivacyError, "name or password"),
        ("https://pacs.example/rs", "hunter2", PrivacyError, "in plain"),
        ("http://pacs.example/rs", "env:HUNTER", PrivacyError, "unencrypted"),
        ("env:MEDXMODAL_NO_SUCH", "", SpecError, "MEDXMODAL_NO_SUCH is not set"),
        ("https://pacs.example/rs", "env:MEDXMODAL_NO_SUCH", SpecError, "is not set"),
        ("https://pacs.example/rs", "env:BROKEN", SpecError, "no token has"),
        ("file:///etc/passwd", "", SpecError, "no web address"),
        ("pacs.example", "", SpecError, "no web address"),
        ("http://pacs..example", "", SpecError, "no web address"),
        ("https://pacs.example:port/rs", "", SpecError, "no web address"),
        ("https://pacs.example/rs?x=hunter2", "", SpecError, "no web address"),
        ("https://pacs.example/r s", "", SpecError, "no web address"),
    ],
)
def test_an_address_that_will_not_do(
    address: str, token: str, wrong: type[MedxmodalError], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUNTER", "hunter2")
    monkeypatch.setenv("BROKEN", "hunter2\nHost: evil")
    with pytest.raises(wrong, match=says) as error:
        Server("the server", address, token=token)
    assert "hunter2" not in str(error.value)
