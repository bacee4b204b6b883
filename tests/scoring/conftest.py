"""A tiny hospital and a run trained on it, made once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest


def load_helper() -> ModuleType:
    path = Path(__file__).with_name("hospital.py")
    spec = importlib.util.spec_from_file_location("medxmodal_test_hospital", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def hospital() -> ModuleType:
    return load_helper()


@pytest.fixture(scope="session")
def trained(hospital: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """`.run` (loaded), `.folder`, `.cohort` it was trained on, and `.new`: a cohort it never saw."""
    from medxmodal.model import LoadedRun

    root = tmp_path_factory.mktemp("hospital")
    cohort = hospital.make_cohort(hospital.make_data(root / "data", 90))
    new = hospital.make_cohort(hospital.make_data(root / "new", 41, seed=7, prefix="n"), unlabelled=True)
    new.save(root / "new_cohort")
    folder = hospital.make_run(cohort, root / "run")
    return SimpleNamespace(run=LoadedRun.load(folder), folder=folder, cohort=cohort, new=new, root=root)
