"""Writes `tests/golden/<version>/`: a small run and what it answers, for later versions to load and repeat.

Simulated patients only. Made once a version, never again: a folder that is there is left alone.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import medxmodal as mx
from medxmodal.cohort.demo import write_demo

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden"
QUICK = (
    "validation.folds=2",
    "training.epochs=2",
    "training.interval_draws=50",
    "modalities.image.size=32",
)
TRAINED, ASKED, FIRST = 60, 12, 5000


def main() -> int:
    """Make the folder of this version; the exit code is 1 when it is there already."""
    target = FOLDER / mx.__version__
    if target.exists():
        print(f"{target} is there already", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        records = write_demo(here / "training", patients=TRAINED).data
        run = mx.train("demo", mx.build("demo", records), here / "run", settings=QUICK)
        asked = write_demo(here / "asked", patients=ASKED, first_patient=FIRST).data
        table = mx.score(run, mx.build("demo", asked), here / "scores").table()
        shutil.copytree(run.folder, target / "run")
        shutil.copytree(asked, target / "data")
    kept = ["study_id", "status", "decision", "logit", "probability", "lower", "upper", "interaction"]
    shares = [name for name in table.columns if name.startswith("share.")]
    rows = table[kept + shares].to_dict(orient="records")
    (target / "scores.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
