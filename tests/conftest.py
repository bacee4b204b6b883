"""What all tests share: no network, no leaking seeds, and where public data may lie."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import hypothesis
import numpy as np
import pytest

# Before torch is imported, here and in the commands that tests start: `make test` runs two workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]

# Reproducible and without deadlines: a slow machine is not a wrong result.
hypothesis.settings.register_profile("medxmodal", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("medxmodal")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data sets, one folder each: `$MEDXMODAL_DATA`, or `../shared/data` beside the checkout."""
    named = os.environ.get("MEDXMODAL_DATA")
    if named:
        folder = Path(named)
        if not folder.is_dir():
            pytest.fail(f"MEDXMODAL_DATA names {folder}, and there is no such folder")
        return folder
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no public data sets here: set MEDXMODAL_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser for tests marked `services`; its absence is a failure, never a skip."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    pytest.fail("no Chromium or Chrome on the PATH: run these tests with `make test-services`")


@pytest.fixture
def rng() -> np.random.Generator:
    """An explicit generator; the library never draws from global ones."""
    return np.random.default_rng(20261124)


@pytest.fixture(autouse=True)
def _fixed_torch_seed() -> None:
    """Layers a test builds by hand start from the same weights, whatever ran before."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(20261124)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is taken from the user's cache, and nothing is left there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDXMODAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything works offline: a connection that leaves this machine fails the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        outside = self.family != socket.AF_UNIX and isinstance(address, tuple)
        if outside and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to connect to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def load_helper() -> Callable[[Path], ModuleType]:
    """Loads a file of the tests that is no test itself; they are no package, so none imports another."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"medxmodal_test_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def hospital(load_helper: Callable[[Path], ModuleType]) -> ModuleType:
    """`tests/hospital.py`: a tiny hospital, its cohort and its run, to make more of."""
    return load_helper(ROOT / "tests" / "hospital.py")


@pytest.fixture(scope="session")
def trained(hospital: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """`.run` (loaded), `.folder`, `.cohort` it was trained on, and `.new`: an unlabelled one it never saw."""
    from medxmodal.model import LoadedRun

    root = tmp_path_factory.mktemp("hospital")
    cohort = hospital.make_cohort(hospital.make_data(root / "data", 90))
    new = hospital.make_cohort(hospital.make_data(root / "new", 41, seed=7, prefix="n"), unlabelled=True)
    new.save(root / "new_cohort")
    folder = hospital.make_run(cohort, root / "run")
    return SimpleNamespace(run=LoadedRun.load(folder), folder=folder, cohort=cohort, new=new, root=root)
