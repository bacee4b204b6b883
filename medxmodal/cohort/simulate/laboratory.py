"""The laboratory table of a simulated patient: CRP tells most, LDH a little, the rest nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medxmodal.cohort.simulate.design import DemoDesign, DemoSite
from medxmodal.cohort.simulate.outcomes import either

SEX = ("female", "male")
SYMPTOMS = {"cough": 0.45, "fatigue": 0.40, "dyspnoea": 0.30, "fever": 0.25, "headache": 0.15}
NO_SYMPTOM = "none"
WITH_UNIT = ("CRP", "Haemoglobin")
"""Columns that hospitals write in different units, each with its unit in a column of its own."""


@dataclass(frozen=True)
class Measure:
    """A number that is normal, or log-normal, with the same spread in the healthy and the diseased.

    Args:
        unit: The cohort's unit (UCUM).
        mean: Mean in the healthy (of the logarithm, where `log`).
        spread: Standard deviation.
        decimals: As written in the cohort's unit.
        log: Whether the logarithm is normal.
        male: Added to the mean in men.
        limits: Clipped to; only where the value tells nothing.
    """

    unit: str
    mean: float
    spread: float
    decimals: int
    log: bool = False
    male: float = 0.0
    limits: tuple[float, float] = (-math.inf, math.inf)

    def value(self, normal: float, shift: float, *, male: bool) -> float:
        """The value, rounded as written, for a standard normal number and a shift in deviations."""
        raw = self.mean + self.male * male + self.spread * (normal + shift)
        number = math.exp(raw) if self.log else raw
        return round(min(max(number, self.limits[0]), self.limits[1]), self.decimals)

    def llr(self, value: float, shift: float) -> float:
        """Log-likelihood ratio of a value whose mean is `shift` deviations higher in the diseased."""
        if shift == 0:
            return 0.0
        raw = math.log(max(value, 0.5 * 10**-self.decimals)) if self.log else value
        deviation = (raw - self.mean) / self.spread
        return shift * deviation - shift**2 / 2


MEASURES: Mapping[str, Measure] = {
    "Age": Measure("a", 57, 16, 0, limits=(18, 95)),
    "CRP": Measure("mg/L", math.log(3.2), 1.0, 1, log=True),
    "LDH": Measure("U/L", 195, 35, 0),
    "Creatinine": Measure("umol/L", math.log(72), 0.2, 0, log=True, male=0.2),
    "Haemoglobin": Measure("g/L", 133, 11, 0, male=14),
    "Leukocytes": Measure("10*9/L", math.log(7.2), 0.28, 1, log=True),
    "Temperature": Measure("Cel", 36.9, 0.45, 1),
}


@dataclass(frozen=True)
class Laboratory:
    """One patient's table.

    Args:
        cells: Column -> text as the hospital writes it; includes the unit columns.
        llr: Column -> log-likelihood ratio of its value; zero where missing.
        missing_llr: Log-likelihood ratio of which values are missing.
        missing: Columns that are missing.
    """

    cells: Mapping[str, str]
    llr: Mapping[str, float]
    missing_llr: float
    missing: tuple[str, ...]


def draw_laboratory(rng: np.random.Generator, design: DemoDesign, site: DemoSite, label: int) -> Laboratory:
    """Draw every value, then what of it was measured."""
    strength = design.strength.tabular
    shifts = {"CRP": design.crp_shift * strength, "LDH": design.ldh_shift * strength}
    male = bool(rng.random() < 0.5)
    lost = {"LDH": design.ldh_missing.weakened(strength)}
    rare = (
        either("missing", healthy=design.cell_missing, diseased=design.cell_missing)
        if (design.cell_missing)
        else None
    )
    cells, llr, missing, missing_llr = {}, {}, [], 0.0
    for name, measure in MEASURES.items():
        value = measure.value(rng.standard_normal(), shifts.get(name, 0.0) * label, male=male)
        uniform = rng.random()
        outcomes = lost.get(name, None if name == "Age" else rare)
        drawn = outcomes.draw(uniform, label=label) if outcomes else ""
        missing_llr += outcomes.llr(drawn) if outcomes else 0.0
        written = site.units.get(name)
        cells[name] = site.missing_word if drawn else _text(value, measure, written.factor if written else 1)
        llr[name] = 0.0 if drawn else measure.llr(value, shifts.get(name, 0.0))
        if drawn:
            missing.append(name)
        if name in WITH_UNIT:
            cells[f"{name}_unit"] = written.unit if written else measure.unit
    cells["Sex"] = SEX[male]
    cells["Symptoms"] = "&".join(s for s, p in SYMPTOMS.items() if rng.random() < p) or NO_SYMPTOM
    return Laboratory(cells, llr, missing_llr, tuple(missing))


def _text(value: float, measure: Measure, factor: float) -> str:
    decimals = measure.decimals + max(0, round(-math.log10(factor)))
    return f"{value * factor:.{decimals}f}"
