"""Encrypted servers: an unknown certificate is refused, one from the hospital's file is not."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from medxmodal.cohort.sources.server import Patience, Server
from medxmodal.errors import InputError

pytestmark = pytest.mark.services

MAKE = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
NAMES = ["-addext", "subjectAltName=DNS:localhost"]


class Hello(http.server.BaseHTTPRequestHandler):
    """Says hello, and which token it was sent."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Authorization"].encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    made = tmp_path / "localhost.pem"
    command = [*MAKE.split(), *NAMES, "-keyout", str(tmp_path / "key.pem"), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(host: str, port: int) -> bytes:
    server = Server("the server", f"https://{host}:{port}", token="env:TOKEN", patience=Patience(attempts=1))
    return server.get(server.address.of("x"), accept="*/*", limit=99, what="ask").body


def test_only_a_trusted_certificate_of_the_right_name_will_do(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    with pytest.raises(InputError, match=r"certificate of the server is not trusted.*SSL_CERT_FILE"):
        ask("localhost", port)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ask("localhost", port) == b"Bearer s3cret"
    with pytest.raises(InputError, match="not trusted"):
        ask("127.0.0.1", port)
