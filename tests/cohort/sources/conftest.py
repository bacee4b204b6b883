"""A tiny web server on loopback that says whatever a test wants it to say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest


@dataclass
class Web:
    """What the server says, and what it was asked.

    Args:
        base: Its address.
        respond: Takes a request's path and parameters; gives status, headers and body, whole or in
            blocks. With a `Content-Length` of its own an answer is shorter than it says.
        asked: Paths with parameters, in order.
        headers: The headers of each.
    """

    base: str
    respond: Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes | Iterable[bytes]]] = (
        lambda path, query: (
            404,
            {},
            b"",
        )
    )
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    """A server in this process."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.headers.append({name.lower(): value for name, value in self.headers.items()})
            parts = urlsplit(self.path)
            status, headers, body = made.respond(parts.path, dict(parse_qsl(parts.query)))
            self.send_response(status)
            if isinstance(body, bytes):
                headers, body = {"Content-Length": str(len(body))} | headers, [body]
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for block in body:
                self.wfile.write(block)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    made = Web(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
