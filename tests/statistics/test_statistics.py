"""The room as a whole: what it exports and how lightly it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import medxmodal.statistics as room

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_is_there_and_documented() -> None:
    things = {name: getattr(room, name) for name in room.__all__}
    missing = [
        name for name, thing in things.items() if callable(thing) and not (thing.__doc__ or "").strip()
    ]
    assert len(things) > 20
    assert not missing
    assert room.__all__ == sorted(room.__all__)


def test_it_loads_numpy_and_none_of_the_heavy_packages() -> None:
    code = (
        "import sys, medxmodal.statistics;"
        "print(sorted({'torch', 'monai', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
