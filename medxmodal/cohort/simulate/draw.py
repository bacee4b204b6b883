"""One simulated patient: label, then image, laboratory and note given the label, then what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

import numpy as np

from medxmodal.cohort.simulate.design import DemoDesign, DemoSite
from medxmodal.cohort.simulate.distractors import draw_distractors
from medxmodal.cohort.simulate.laboratory import Laboratory, draw_laboratory
from medxmodal.cohort.simulate.lesion import draw_lesion
from medxmodal.cohort.simulate.note import Note, draw_note
from medxmodal.cohort.simulate.picture import Picture

MODALITIES = ("image", "tabular", "text")
FIRST_DAY, DAYS = date(2024, 1, 1), 730


class Stream(IntEnum):
    """Each part of a patient has its own randomness, so that a shift changes what it names only."""

    LABEL = 0
    IMAGE = 1
    TEXTURE = 2
    LABORATORY = 3
    NOTE = 4
    MISSING = 5
    REST = 6


@dataclass(frozen=True)
class Patient:
    """A simulated patient with all that is known of it, also what its records will not say.

    Args:
        patient_id: Made of seed and number, so that other seeds give other patients.
        site: Its hospital.
        label: 1 diseased, 0 healthy.
        index_time: Day of the examination.
        treatment: Given after the diagnosis: never an input.
        finding: What the image shows.
        picture: The image.
        image_llr: Log-likelihood ratio of the finding.
        laboratory: The table.
        note: The note.
        present: Modality -> whether the study has it.
    """

    patient_id: str
    site: DemoSite
    label: int
    index_time: date
    treatment: str
    finding: str
    picture: Picture
    image_llr: float
    laboratory: Laboratory
    note: Note
    present: Mapping[str, bool]

    @property
    def llr(self) -> dict[str, float]:
        """Log-likelihood ratio of each modality and of what is missing; zero where absent."""
        known = {
            "image": self.image_llr,
            "tabular": sum(self.laboratory.llr.values()),
            "text": self.note.llr,
        }
        found = {name: value if self.present[name] else 0.0 for name, value in known.items()}
        return {**found, "missing": self.laboratory.missing_llr if self.present["tabular"] else 0.0}

    @property
    def logit(self) -> float:
        """Exact posterior logit of the disease given hospital and all that is present."""
        prior = self.site.prevalence
        return math.log(prior / (1 - prior)) + sum(self.llr.values())


def draw_patient(seed: int, number: int, design: DemoDesign) -> Patient:
    """The patient of this number; it does not depend on how many others are drawn."""

    def stream(which: Stream) -> np.random.Generator:
        return np.random.default_rng((seed, number, which))

    rng = stream(Stream.LABEL)
    site = _site(design, rng.random())
    label = int(rng.random() < site.prevalence)
    outcomes = design.finding.weakened(design.strength.image)
    rng = stream(Stream.IMAGE)
    finding = outcomes.draw(rng.random(), label=label)
    distractors = draw_distractors(rng, design.distractors)
    contrast = design.contrast.get(finding)
    lesion = draw_lesion(rng, design.area, contrast) if contrast else None
    rng = stream(Stream.REST)
    return Patient(
        patient_id=f"sim-{seed}-{number:04d}",
        site=site,
        label=label,
        index_time=FIRST_DAY + timedelta(days=int(rng.integers(DAYS))),
        treatment="antibiotics" if rng.random() < (0.05, 0.95)[label] else "none",
        finding=finding,
        picture=Picture(lesion, distractors, (seed, number, Stream.TEXTURE)),
        image_llr=outcomes.llr(finding),
        laboratory=draw_laboratory(stream(Stream.LABORATORY), design, site, label),
        note=draw_note(stream(Stream.NOTE), design, label),
        present=_present(stream(Stream.MISSING), site),
    )


def _site(design: DemoDesign, uniform: float) -> DemoSite:
    edges = np.cumsum([site.share for site in design.sites])
    return design.sites[min(int(np.searchsorted(edges / edges[-1], uniform, "right")), len(edges) - 1)]


def _present(rng: np.random.Generator, site: DemoSite) -> dict[str, bool]:
    """Which modalities a study has, whatever the label; one without any keeps its image."""
    lost = rng.random(3) < (site.no_image, site.no_table, site.no_note)
    present = {name: not gone for name, gone in zip(MODALITIES, lost.tolist(), strict=True)}
    return present if any(present.values()) else {**present, "image": True}
