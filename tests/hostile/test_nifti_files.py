"""Each hostile NIfTI file is one readable error that names no file, and costs little memory."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from medxmodal.cohort.sources.nifti import decode_nifti
from medxmodal.errors import InputError


@pytest.fixture(scope="module")
def files(load_helper: Callable[[Path], ModuleType]) -> dict[str, tuple[bytes, str]]:
    made = load_helper(Path(__file__).with_name("nifti_files.py"))
    return {name: (data, says) for name, data, says in made.hostile()}


def test_every_hostile_file_is_an_input_error(files: dict[str, tuple[bytes, str]]) -> None:
    assert len(files) > 25
    for name, (data, says) in files.items():
        with pytest.raises(InputError) as caught:
            decode_nifti(data, "scan 3")
        said = str(caught.value)
        assert said.startswith("scan 3 "), name
        assert re.search(says, said), (name, said)


@pytest.mark.parametrize("name", ["bomb", "huge", "declares_much"])
def test_what_would_fill_the_memory_does_not(files: dict[str, tuple[bytes, str]], name: str) -> None:
    tracemalloc.start()
    with pytest.raises(InputError):
        decode_nifti(files[name][0], "scan")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80 << 20
