"""Real services on loopback, each on a free port and in a folder of its own, stopped at the end.

One that is not installed is a failure, never a skip: `make test-services` installs what it can.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
START_SECONDS = 60
PACS_USER = "medxmodal:test"


@pytest.fixture(autouse=True, scope="session")
def _stopped_is_interrupted() -> Iterator[None]:
    """Whoever stops the tests stops the services, and their folders go too."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy's address of an empty PostgreSQL database."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) or _found("postgres")
    if not binaries:
        pytest.fail("no PostgreSQL here: run these tests with `make test-services`")
    folder, port = binaries[-1].parent, _free_port()
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    with _temporary_folder(user) as data:
        make = ["initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(_as(user, [str(folder / make[0]), *make[1:], str(data / "db")]), check=True, cwd=data,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = _as(user, [str(folder / "postgres"), "-D", str(data / "db"), *options])
        ready = _as(user, [str(folder / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)])
        with _running(command, data, lambda log: subprocess.run(ready, check=False).returncode == 0):
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"


@dataclass(frozen=True)
class Pacs:
    """A real Orthanc that asks for a password.

    Args:
        root: Its own REST interface.
        named: The `server` of a spec that leads to its DICOMweb service.
        headers: What opens it.
    """

    root: str
    named: str
    headers: dict[str, str]

    def send(self, blob: bytes) -> None:
        """Store a DICOM file as it is."""
        request = urllib.request.Request(f"{self.root}/instances", blob, self.headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["Status"] in {"Success", "AlreadyStored"}

    def clear(self) -> None:
        """Remove all that it holds."""
        request = urllib.request.Request(f"{self.root}/patients", headers=self.headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            patients = json.load(answer)
        for patient in patients:
            address = f"{self.root}/patients/{patient}"
            gone = urllib.request.Request(address, headers=self.headers, method="DELETE")
            urllib.request.urlopen(gone, timeout=30).close()


@pytest.fixture(scope="session")
def pacs() -> Iterator[Pacs]:
    """An empty Orthanc with its DICOMweb plugin."""
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    binaries = _found("Orthanc", "/usr/sbin/Orthanc")
    if not binaries or not plugin.exists():
        pytest.fail("no Orthanc with its DICOMweb plugin here: run these tests with `make test-services`")
    port = _free_port()
    name, _, password = PACS_USER.partition(":")
    headers = {"Authorization": f"Basic {base64.b64encode(PACS_USER.encode()).decode()}"}
    with _temporary_folder() as folder, pytest.MonkeyPatch.context() as patch:
        settings = {
            "Name": "medxmodal", "HttpPort": port, "DicomServerEnabled": False, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True, "RegisteredUsers": {name: password},
            "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"),
            "Plugins": [str(plugin)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }  # fmt: skip
        (folder / "orthanc.json").write_text(json.dumps(settings))
        found = Pacs(f"http://127.0.0.1:{port}", "env:MEDXMODAL_TEST_PACS", headers)
        patch.setenv("MEDXMODAL_TEST_PACS", f"{found.root}/dicom-web")
        patch.setenv("MEDXMODAL_TEST_PACS_TOKEN", headers["Authorization"])
        command = [str(binaries[-1]), str(folder / "orthanc.json")]
        with _running(command, folder, lambda log: _answers(f"{found.root}/system", headers)):
            yield found


@dataclass(frozen=True)
class FhirServer:
    """A real FHIR R4 server.

    Args:
        base: Its address.
    """

    base: str

    def send(self, bundle: dict[str, Any]) -> dict[str, Any]:
        """Store a transaction bundle."""
        headers = {"Content-Type": "application/fhir+json"}
        request = urllib.request.Request(self.base, json.dumps(bundle).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            told: dict[str, Any] = json.load(answer)
        assert {entry["response"]["status"] for entry in told["entry"]} <= {"201", "200"}, told["entry"][0]
        return told


@pytest.fixture
def fhir_server() -> Iterator[FhirServer]:
    """An empty FHIR server."""
    folder = HERE / "fhir_server"
    nodes = _found("node", "nodejs")
    if not nodes or not (folder / "node_modules").is_dir():
        pytest.fail("no Node.js, or no FHIR server for it here: run these tests with `make test-services`")
    with _temporary_folder() as scratch:
        command = [str(nodes[0]), str(folder / "server.mjs")]
        with _running(command, scratch, lambda log: log.startswith("http")) as log:
            yield FhirServer(log.read_text().strip())


@contextmanager
def _running(command: Sequence[str], folder: Path, is_ready: Callable[[str], bool]) -> Iterator[Path]:
    """Run a service until it is no longer needed; gives the file of what it says."""
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(_as(None, command), stdout=stream, stderr=subprocess.STDOUT, cwd=folder)
    try:
        end = time.monotonic() + START_SECONDS
        while not is_ready(log.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(
                    f"{Path(command[-1]).name} did not start: {log.read_text(errors='replace')[-2000:]}"
                )
            time.sleep(0.1)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _as(user: str | None, command: Sequence[str]) -> list[str]:
    """A command run as a user, which ends with this process however that ends."""
    if command[0].endswith("setpriv") or not (setpriv := shutil.which("setpriv")):
        return list(command)
    identity = [f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
    return [setpriv, *identity, "--pdeathsig=TERM", "--", *command]


def _found(*names: str) -> list[Path]:
    return [Path(path) for name in names if (path := shutil.which(name))]


@contextmanager
def _temporary_folder(owner: str | None = None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="medxmodal-service-"))
    try:
        if owner:
            shutil.chown(folder, owner, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(address: str, headers: dict[str, str]) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=5).close()
    except OSError:
        return False
    return True
