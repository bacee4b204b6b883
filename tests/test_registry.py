"""The registry: names stand for classes, specs make equal objects, mistakes come with a suggestion."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from medxmodal import registry
from medxmodal.errors import RegistryError


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry whose changes are undone."""
    monkeypatch.setattr(
        registry, "_classes", {kind: dict(found) for kind, found in registry._classes.items()}
    )
    monkeypatch.setattr(registry, "_discovered", set(registry._discovered))


class Gated:
    def __init__(self, width: int, bias: bool = True) -> None:
        self.width, self.bias = width, bias


@pytest.mark.parametrize(
    ("kind", "some"),
    [("fusion", "additive"), ("modality", "image"), ("task", "binary"), ("attribution", "grad_cam")],
)
def test_discovery_finds_what_ships(kind: str, some: str) -> None:
    found = registry.names(kind)
    assert some in found
    assert found == sorted(found)
    assert registry.get(kind, some).registered_name == some


def test_a_registered_class_is_made_from_its_spec_and_back(clean: None) -> None:
    registry.register("fusion", "gated")(Gated)
    made = registry.create("fusion", {"name": "gated", "width": 3})
    assert (made.width, made.bias) == (3, True)
    assert registry.spec_of(made) == {"name": "gated", "width": 3}
    other = registry.create(
        "fusion", registry.spec_of(registry.create("fusion", "gated", width=2, bias=False))
    )
    assert (other.width, other.bias) == (2, False)


@pytest.mark.parametrize("name", registry.names("fusion"))
def test_every_fusion_goes_there_and_back(name: str) -> None:
    made = registry.create("fusion", name)
    assert registry.spec_of(made) == {"name": name}


def test_creating_leaves_the_spec_as_it_was(clean: None) -> None:
    registry.register("fusion", "gated")(Gated)
    spec = {"name": "gated", "width": 1}
    registry.create("fusion", spec)
    assert spec == {"name": "gated", "width": 1}


def test_wrong_names_kinds_and_settings_are_said() -> None:
    with pytest.raises(RegistryError, match=r"unknown fusion 'additve' .*Did you mean 'additive'"):
        registry.create("fusion", "additve")
    with pytest.raises(RegistryError, match=r"unknown fusion 'zzz' \(known: additive.*Use one of"):
        registry.create("fusion", "zzz")
    with pytest.raises(RegistryError, match=r"has no setting 'interactions'. Did you mean 'interaction'"):
        registry.create("fusion", {"name": "additive", "interactions": "on"})
    with pytest.raises(RegistryError, match=r"'late' has no setting 'x'. Use one of: none"):
        registry.create("fusion", {"name": "late", "x": 1})
    with pytest.raises(RegistryError, match=r"unknown kind 'fusions'. Use one of: .*fusion"):
        registry.names("fusions")


def test_a_name_belongs_to_one_class(clean: None) -> None:
    registry.register("fusion", "gated")(Gated)
    registry.register("fusion", "gated")(Gated)
    with pytest.raises(RegistryError, match="'gated' is already registered by"):
        registry.register("fusion", "gated")(type("Other", (), {}))


def test_a_third_party_adds_its_own(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    point = SimpleNamespace(name="gated", load=lambda: Gated)
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [point] if group == "medxmodal.fusion" else []
    )
    registry._discovered.discard("fusion")
    assert "gated" in registry.names("fusion")
    assert registry.create("fusion", {"name": "gated", "width": 4}).width == 4


def test_naming_a_fusion_imports_no_image_encoder() -> None:
    code = """
import sys
from medxmodal import registry
registry.create("fusion", "late")
assert "medxmodal.fusion.late" in sys.modules
assert not [name for name in sys.modules if name.startswith("medxmodal.modalities") or name == "monai"]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
