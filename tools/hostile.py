"""Writes `tests/hostile/corpus/`: hostile DICOM and NIfTI files that stay, whatever the libraries make later.

The generators are in `tests/hostile/`; a case that is there is left alone.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1] / "tests" / "hostile"
CORPUS = HERE / "corpus"
MOST = 256 << 10
"""Larger cases are only made while testing."""


def main() -> int:
    """Write the cases that are not there yet."""
    sys.path.insert(0, str(HERE))
    cases = {
        f"dicom/{case}": files for case, files in importlib.import_module("dicom_files").corpus().items()
    }
    for name, data, _ in importlib.import_module("nifti_files").hostile():
        cases[f"nifti/{name}"] = {f"{name}.nii": data}
    for case, files in cases.items():
        folder = CORPUS / case.replace(" ", "_")
        if folder.exists() or sum(map(len, files.values())) > MOST:
            continue
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
