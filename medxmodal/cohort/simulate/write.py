"""Simulated patients as files: the records a hospital would hand over, and the truth beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from medxmodal.cohort.simulate.design import DemoDesign
from medxmodal.cohort.simulate.draw import MODALITIES, Patient
from medxmodal.cohort.simulate.picture import render
from medxmodal.errors import CohortError

TABLE, IMAGES = "patients.csv", "images"
TRUTH, MASKS = "truth.csv", "masks"
LABELS = ("healthy", "disease")


def write_records(patients: Sequence[Patient], data: Path, design: DemoDesign) -> None:
    """Write `patients.csv` and `images/`."""
    table = pd.DataFrame([_record(patient) for patient in patients]).to_csv(index=False, lineterminator="\n")
    target = data / TABLE
    if target.exists() and target.read_bytes() != table.encode():
        raise CohortError(
            f"{data} holds another simulated cohort", hint="Name an empty folder, or remove that one."
        )
    (data / IMAGES).mkdir(parents=True, exist_ok=True)
    for patient in patients:
        if patient.present["image"]:
            pixels = render(patient.picture, patient.site, design.side)
            _save(pixels, data / IMAGES, patient)
    target.write_bytes(table.encode())


def write_truth(patients: Sequence[Patient], truth: Path, design: DemoDesign) -> None:
    """Write `truth.csv` and `masks/`, one for every image, black where it shows no lesion."""
    (truth / MASKS).mkdir(parents=True, exist_ok=True)
    for patient in patients:
        if patient.present["image"]:
            lesion = patient.picture.lesion
            mask = lesion.mask(design.side) if lesion else np.zeros((design.side, design.side), dtype=bool)
            _save(np.asarray(mask * 255, dtype=np.uint8), truth / MASKS, patient)
    text = truth_table(patients, design).to_csv(index=False, lineterminator="\n")
    (truth / TRUTH).write_bytes(text.encode())


def truth_table(patients: Sequence[Patient], design: DemoDesign) -> pd.DataFrame:
    """What is true of each study, one row a study; see `load_truth` for the columns."""
    return pd.DataFrame([_truth(patient, design) for patient in patients]).astype(
        {"lesion_present": "boolean"}
    )


def _save(pixels: NDArray[np.uint8], folder: Path, patient: Patient) -> None:
    """Write a PNG that says of itself that it is simulated, should it ever be taken away from here."""
    said = PngInfo()
    said.add_text("Description", "Simulated by medxmodal; no real patient")
    Image.fromarray(pixels).save(folder / f"{patient.patient_id}.png", pnginfo=said)


def _record(patient: Patient) -> dict[str, str]:
    """One row of the table."""
    cells: Mapping[str, str] = patient.laboratory.cells
    if not patient.present["tabular"]:
        cells = dict.fromkeys(cells, "")
    return {
        "patient_id": patient.patient_id,
        "hospital": patient.site.name,
        "index_time": patient.index_time.isoformat(),
        "image": f"{patient.patient_id}.png" if patient.present["image"] else "",
        **cells,
        "note": patient.note.text if patient.present["text"] else "",
        "treatment": patient.treatment,
        "diagnosis": LABELS[patient.label],
    }


def _truth(patient: Patient, design: DemoDesign) -> dict[str, object]:
    shown, lesion = patient.present["image"], patient.picture.lesion if patient.present["image"] else None
    table = patient.present["tabular"]
    return {
        "study_id": patient.patient_id,
        "site": patient.site.name,
        "label": patient.label,
        "probability": 1 / (1 + math.exp(-patient.logit)),
        "logit": patient.logit,
        "prevalence": patient.site.prevalence,
        **{f"llr.{name}": value for name, value in patient.llr.items()},
        **{f"present.{name}": patient.present[name] for name in MODALITIES},
        "column.CRP": patient.laboratory.llr["CRP"] if table else 0.0,
        "column.LDH": patient.laboratory.llr["LDH"] if table else 0.0,
        "missing_columns": "&".join(patient.laboratory.missing) if table else "",
        "words": "&".join(patient.note.words) if patient.present["text"] else "",
        "finding": patient.finding if shown else "",
        "lesion_present": lesion is not None if shown else None,
        "lesion_area_share": float(lesion.mask(design.side).mean()) if lesion else 0.0,
        "lesion_contrast": lesion.contrast if lesion else 0.0,
        "lesion_x": lesion.x if lesion else math.nan,
        "lesion_y": lesion.y if lesion else math.nan,
        "distractors": "&".join(d.kind for d in patient.picture.distractors) if shown else "",
    }
