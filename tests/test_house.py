"""The house rules that no linter knows: what imports what at run time, sizes, public names, the wheel."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import medxmodal as mx
from medxmodal import shipped

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "medxmodal"
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"torch", "monai", "captum", "lightning", "pytorch_lightning"}
SLOW = HEAVY | {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "pint", "ucumvert"}

WALK = """
import importlib, pkgutil, sys
heavy, rooms = set(sys.argv[1].split()), sys.argv[2:]
for room in rooms:
    package = importlib.import_module(room)
    found = pkgutil.walk_packages(getattr(package, "__path__", []), room + ".")
    for name in [room, *(module.name for module in found)]:
        importlib.import_module(name)
        if heavy & set(sys.modules):
            sys.exit(f"{name} imports {sorted(heavy & set(sys.modules))}")
"""


def fresh(code: str, *arguments: str, cwd: Path | None = None) -> str:
    """Run code in a fresh interpreter and return its standard output."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_nothing_slow() -> None:
    loaded = fresh("import sys, medxmodal; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert "medxmodal" in loaded
    assert not SLOW & set(loaded)


def test_help_imports_nothing_slow() -> None:
    code = """
import sys
sys.argv = ["medxmodal", "--help"]
try:
    from medxmodal.cli import main
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print(*{name.split('.')[0] for name in sys.modules})
"""
    *text, modules = fresh(code).splitlines()
    assert "medxmodal" in "\n".join(text)
    assert not SLOW & set(modules.split())


def test_torch_free_rooms_import_no_torch_at_run_time() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (rooms,) = [contract["source_modules"] for contract in contracts if contract["type"] == "forbidden"]
    assert "medxmodal.reporting" in rooms
    fresh(WALK, " ".join(HEAVY), *rooms)


def test_typing_imports_no_torch() -> None:
    loaded = fresh("import sys\nfrom medxmodal.typing import Tokens, Logit\nprint(*sys.modules)").split()
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("name", mx.__all__)
def test_every_public_name_resolves(name: str) -> None:
    value = getattr(mx, name)
    if name != "__version__":
        assert callable(value)
        assert value.__name__ == name
        assert value.__doc__


def test_public_names_are_few_listed_and_typed() -> None:
    assert len(mx.__all__) <= 15
    assert set(mx.__all__) == {*mx._HOMES, "__version__"}
    assert set(mx.__all__) <= set(dir(mx))
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == mx._HOMES


def test_a_wrong_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        mx.explian  # noqa: B018


def test_the_verb_explain_survives_its_room() -> None:
    code = """
import medxmodal as mx, medxmodal.explain, sys
from medxmodal import explain
assert callable(mx.explain) and mx.explain is explain
assert sys.modules["medxmodal.explain"].__path__
"""
    fresh(code)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short_and_finished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, "one concept a file: split it"
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)
    assert "from __future__ import annotations" in text or not _defines_anything(text)


def test_files_are_short_on_the_whole() -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    assert lengths[len(lengths) // 2] <= 150


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_unpickles_evaluates_or_seeds_globally(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    assert not imported & {"pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
    forbidden = {"eval", "exec", "print", "np.random.seed", "random.seed", "seed_everything"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in forbidden, f"line {node.lineno}"
            if called == "torch.load":
                # Only for weights that others packaged so; this reader refuses everything but tensors.
                assert "weights_only=True" in ast.unparse(node), f"line {node.lineno}"
    at_import = {
        ast.unparse(node.value.func)
        for node in tree.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    }
    assert not {call for call in at_import if call.startswith("warnings.")}


def test_shipped_names_are_the_files_of_the_root() -> None:
    for kind in ("cohorts", "pipelines"):
        names = shipped.shipped_names(kind)
        assert names == sorted(path.stem for path in (ROOT / kind).glob("*.yaml"))
        assert names
        assert all(shipped.shipped(kind, name) == ROOT / kind / f"{name}.yaml" for name in names)
        assert shipped.shipped(kind, f"../{kind}/{names[0]}") is None


def test_recipes_are_short() -> None:
    for path in (ROOT / "pipelines").glob("*.yaml"):
        assert len(path.read_text().splitlines()) <= 60, path.name


def test_constraints_pin_what_the_project_needs() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert all("+" not in version for version in pins.values()), (
        "a local build such as +cpu shuts out the others"
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    for requirement in wanted:
        name, _, bound = requirement.partition(">=")
        if not name.startswith("medxmodal["):
            assert bound, f"{requirement}: a lower bound and nothing else"
            assert not re.search(r"[<=!~,]", bound), f"{requirement}: a lower bound and nothing else"
            assert re.sub(r"[._]", "-", name.partition("[")[0].lower()) in pins


@pytest.mark.slow
def test_a_wheel_holds_the_whole_package_and_what_is_shipped(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    tracked = subprocess.run(
        ["git", "ls-files", "medxmodal"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert [name for name in tracked if not (site / name).is_file()] == []
    code = f"""
import sys; sys.path.insert(0, {str(site)!r})
import medxmodal
from medxmodal.shipped import shipped, shipped_names
assert medxmodal.__file__.startswith({str(site)!r})
for kind in ("cohorts", "pipelines"):
    for name in shipped_names(kind):
        assert shipped(kind, name).is_file()
        print(kind, name)
"""
    inside = fresh(code, cwd=tmp_path).splitlines()
    assert inside == [
        f"{kind} {name}" for kind in ("cohorts", "pipelines") for name in shipped.shipped_names(kind)
    ]
    assert inside


def _defines_anything(text: str) -> bool:
    body = ast.parse(text).body
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AnnAssign) for node in body)
