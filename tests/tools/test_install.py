"""`pip install .` beside a torch of one's own: it stays, whichever build it is, and nothing needs a CUDA."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
BUILDS = ("2.8.0+cu126", "2.9.1+rocm6.4", "2.11.0+cu128", "2.99.0", "2.12.0.dev20260301+cu130")
"""From 2.8 on, which MONAI asks for; an older one stays where it is named as a constraint."""
TIED = {"torchvision", "torchaudio", "timm", "xformers", "triton"}


def core() -> list[Requirement]:
    """What the wheel's metadata asks for, extras left out."""
    metadata = ProjectMetadata(str(ROOT), PluginManager())
    return [Requirement(text) for text in metadata.core.dependencies]


def closure(requirements: list[Requirement]) -> Iterator[tuple[str, Requirement]]:
    """Who asks for what, all the way down, as the installed metadata say; torch's own needs left out."""
    todo = [("medxmodal", requirement) for requirement in requirements]
    seen: set[str] = set()
    while todo:
        asker, requirement = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        yield asker, requirement
        name = canonicalize_name(requirement.name)
        if name in seen or name == "torch":
            continue
        seen.add(name)
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        todo += [(name, Requirement(text)) for text in needs]


@pytest.mark.parametrize("build", BUILDS)
def test_no_one_asks_for_another_torch_than_the_one_that_is_there(build: str) -> None:
    asked = [(asker, r) for asker, r in closure(core()) if canonicalize_name(r.name) == "torch"]
    assert {"medxmodal", "lightning"} <= {asker for asker, _ in asked}
    for asker, requirement in asked:
        assert requirement.specifier.contains(Version(build), prereleases=True), (asker, str(requirement))
        assert requirement.url is None


def test_nothing_whose_wheels_are_tied_to_one_cuda() -> None:
    assert not TIED & {canonicalize_name(requirement.name) for _, requirement in closure(core())}


def test_requirements_have_lower_bounds_only() -> None:
    for requirement in core():
        assert [specifier.operator for specifier in requirement.specifier] == [">="], str(requirement)


def would_install(torch: str, tmp_path: Path) -> set[str] | None:
    """What `pip install .` would install offline, beside this torch; None where it cannot."""
    facts = tmp_path / f"torch-{torch}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {torch}\n")
    (facts / "INSTALLER").write_text("pip\n")
    report = tmp_path / "report.json"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--dry-run"]
    done = subprocess.run(
        [*pip, "--no-index", "--no-build-isolation", "--report", str(report), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "PIP_CONFIG_FILE": os.devnull},
        cwd=tmp_path,
    )
    if done.returncode:
        return None
    return {item["metadata"]["name"] for item in json.loads(report.read_text())["install"]}


def test_pip_keeps_a_gpu_build_of_torch(tmp_path: Path) -> None:
    assert would_install("2.99.0+cu128", tmp_path) == {"medxmodal"}


@pytest.mark.slow
def test_pip_would_replace_one_that_is_too_old(tmp_path: Path) -> None:
    """The counter-proof: pip looks at this torch, and would have to fetch another."""
    found = would_install("1.13.0+cu117", tmp_path)
    assert found is None or "torch" in found
