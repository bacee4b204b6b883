"""`make venv`: made once, left alone while current, made again when anything it was made from changes."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[str]]]:
    """Runs the tool in a checkout of its own; gives the exit code and the steps, which are not really run."""
    venv = load("venv")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(venv, "ROOT", tmp_path)
    monkeypatch.setattr(venv, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(venv, "STAMP", tmp_path / ".venv" / ".stamp")

    def run(fails: str = "") -> tuple[int, list[str]]:
        steps: list[str] = []

        def fake(step: list[object], **_: object) -> SimpleNamespace:
            words = " ".join(map(str, step))
            python = tmp_path / ".venv" / "bin" / "python"
            if "import pip" in words:
                if not python.exists():
                    raise FileNotFoundError(python)
                return SimpleNamespace(returncode=0)
            steps.append("venv" if "-m venv" in words else "install")
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
            return SimpleNamespace(returncode=int(steps[-1] == fails))

        monkeypatch.setattr(subprocess, "run", fake)
        return venv.main(), steps

    return run


def test_it_is_made_once_and_then_left_alone(made: Callable[..., tuple[int, list[str]]]) -> None:
    assert made() == (0, ["venv", "install"])
    assert made() == (0, [])
    assert made() == (0, [])


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_installs_into_the_one_that_is_there(
    made: Callable[..., tuple[int, list[str]]], tmp_path: Path, name: str
) -> None:
    made()
    (tmp_path / name).write_text("changed")
    assert made() == (0, ["install"])
    assert made() == (0, [])


def test_one_whose_python_is_gone_is_made_anew(
    made: Callable[..., tuple[int, list[str]]], tmp_path: Path
) -> None:
    made()
    (tmp_path / ".venv" / "bin" / "python").unlink()
    assert made() == (0, ["venv", "install"])


@pytest.mark.parametrize("step", ["venv", "install"])
def test_a_step_that_fails_leaves_no_stamp(
    made: Callable[..., tuple[int, list[str]]], tmp_path: Path, step: str
) -> None:
    code, steps = made(step)
    assert code == 1
    assert steps[-1] == step
    assert not (tmp_path / ".venv" / ".stamp").exists()
    assert made()[0] == 0


def test_the_environment_of_these_tests_is_current() -> None:
    venv = load("venv")
    if not venv.STAMP.is_file():
        pytest.skip("these tests run in another environment than .venv")
    assert venv.STAMP.read_text().strip() == venv.wanted()


def test_constraints_name_the_whole_closure_without_local_builds() -> None:
    pins = load("constraints").closure("medxmodal")
    assert {"torch", "numpy", "pydantic", "efficientnet-lite-pytorch", "ruff", "pytest"} <= set(pins)
    assert "medxmodal" not in pins
    assert not [pin for pin in pins.values() if "+" in pin]
    written = (ROOT / "constraints.txt").read_text().splitlines()
    listed = {line.split("==")[0] for line in written if line and not line.startswith("#")}
    assert set(pins) <= listed
