"""The embedded cohort: simulated patients of three hospitals, whose truth is known.

An ultrasound-like image, a laboratory table with units and a short note, drawn from a known causal
structure (`DemoDesign`). The truth lies outside the data folder and is for tests and benchmarks only:
they ask whether probabilities, shares and maps recover it. Nothing here is a real patient.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from medxmodal.cohort.simulate.design import DemoDesign, DemoSite, Strength, WrittenUnit
from medxmodal.cohort.simulate.draw import Patient, draw_patient
from medxmodal.cohort.simulate.write import TRUTH, truth_table, write_records, write_truth
from medxmodal.errors import CohortError

__all__ = [
    "DemoDesign", "DemoPaths", "DemoSite", "Strength", "WrittenUnit", "draw_truth", "load_truth",
    "write_demo",
]  # fmt: skip
SEED = 20261124
DESIGN = DemoDesign()


class DemoPaths(NamedTuple):
    """Where a simulated cohort lies.

    Args:
        data: Folder to build from: `patients.csv` and `images/`.
        truth: `truth.csv` and `masks/<study_id>.png`, for tests only.
    """

    data: Path
    truth: Path


def write_demo(
    out: Path, *, patients: int = 240, seed: int = SEED, design: DemoDesign = DESIGN, first_patient: int = 0
) -> DemoPaths:
    """Write simulated patients as a hospital would hand them over, and their truth beside.

    The same arguments give the same bytes. A patient depends on seed, number and design alone, so
    another seed or range of numbers gives fresh ones with other ids.

    Args:
        out: Folder to write `data/` and `truth/` into.
        patients: How many.
        seed: Of all randomness.
        design: The causal structure.
        first_patient: Number of the first.

    Raises:
        CohortError: A number is negative, or `out` holds other simulated patients.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     paths = write_demo(Path(folder), patients=3)
        ...     print(sorted(p.name for p in paths.data.iterdir()), len(load_truth(paths.truth)))
        ['images', 'patients.csv'] 3
    """
    drawn = _draw(patients, seed, design, first_patient)
    paths = DemoPaths(Path(out) / "data", Path(out) / "truth")
    write_records(drawn, paths.data, design)
    write_truth(drawn, paths.truth, design)
    return paths


def draw_truth(
    *, patients: int = 240, seed: int = SEED, design: DemoDesign = DESIGN, first_patient: int = 0
) -> pd.DataFrame:
    """The truth of the patients that `write_demo` would write, without writing or rendering.

    Example:
        >>> truth = draw_truth(patients=5)
        >>> bool((truth["probability"].round(3) < 1).all()), len(truth)
        (True, 5)
    """
    return truth_table(_draw(patients, seed, design, first_patient), design)


def load_truth(path: Path) -> pd.DataFrame:
    """Read `truth.csv`, given its folder or itself.

    Args:
        path: `DemoPaths.truth`, or the file.

    Returns:
        One row a study: `study_id site label`; `probability` and `logit`, the exact posterior given the
        hospital's `prevalence` and all that is present; `llr.image llr.tabular llr.text llr.missing`,
        which add up to logit minus the prevalence's logit, zero where absent; `present.<modality>`;
        `column.CRP column.LDH`, the parts of llr.tabular; `missing_columns`; `words` of the note that
        matter; `finding` (none, faint, marked); `lesion_present` (missing without an image),
        `lesion_area_share lesion_contrast lesion_x lesion_y`; `distractors`.

    Raises:
        CohortError: There is none.
    """
    file = path / TRUTH if path.is_dir() else path
    if not file.is_file():
        raise CohortError(f"there is no {file}", hint="Only simulated cohorts have a truth: see write_demo.")
    texts = ["study_id", "site", "missing_columns", "words", "finding", "distractors"]
    table = pd.read_csv(file, dtype={**dict.fromkeys(texts, "string"), "lesion_present": "boolean"})
    return table.fillna(dict.fromkeys(texts, "")).astype(dict.fromkeys(texts, object))


def _draw(patients: int, seed: int, design: DemoDesign, first: int) -> list[Patient]:
    if patients < 1 or seed < 0 or first < 0:
        raise CohortError(
            f"patients is {patients}, seed {seed}, first_patient {first}",
            hint="Ask for at least one patient; seed and first_patient are not negative.",
        )
    return [draw_patient(seed, number, design) for number in range(first, first + patients)]
