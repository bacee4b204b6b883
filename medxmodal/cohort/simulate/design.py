"""`DemoDesign`: every parameter of the embedded cohort, so that a test or a shift changes one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from medxmodal.cohort.simulate.outcomes import Outcomes, either
from medxmodal.errors import CohortError


@dataclass(frozen=True)
class WrittenUnit:
    """The unit a hospital writes a column in.

    Args:
        unit: UCUM.
        factor: What the value in the cohort's unit is multiplied by to be written so.
    """

    unit: str
    factor: float


@dataclass(frozen=True)
class DemoSite:
    """One simulated hospital.

    Args:
        name: As written in the table.
        prevalence: Probability of the disease.
        share: How many of the patients come here, relative to the other hospitals.
        gain: Factor of the image's intensities.
        offset: Added to them, in shares of the full scale.
        gamma: Their exponent, before gain and offset.
        noise: Standard deviation of the detector's noise, in shares of the full scale.
        no_image: Probability that there is no image.
        no_table: Probability that there is no laboratory table.
        no_note: Probability that there is no note.
        missing_word: What is written into a cell that was not measured.
        units: Column -> the unit it is written in, where it is not the cohort's own.
    """

    name: str
    prevalence: float
    share: float = 1.0
    gain: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0
    noise: float = 0.015
    no_image: float = 0.1
    no_table: float = 0.05
    no_note: float = 0.15
    missing_word: str = ""
    units: Mapping[str, WrittenUnit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.prevalence < 1:
            raise _wrong(self.name, "prevalence", self.prevalence, "a number between 0 and 1")
        if self.share <= 0 or self.gain <= 0 or self.gamma <= 0 or self.noise < 0:
            raise _wrong(self.name, "share, gain, gamma or noise", "not positive", "positive numbers")
        for what in ("no_image", "no_table", "no_note"):
            if not 0 <= getattr(self, what) <= 1:
                raise _wrong(self.name, what, getattr(self, what), "a probability")


@dataclass(frozen=True)
class Strength:
    """How much of what the design says of the label each modality still tells, 0 (nothing) to 1."""

    image: float = 1.0
    tabular: float = 1.0
    text: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise CohortError(f"strength of the {name} is {value}", hint="Give a number from 0 to 1.")


NORTH = DemoSite("north", prevalence=0.30, share=0.40)
HARBOUR = DemoSite(
    "harbour", prevalence=0.42, share=0.35, gain=1.12, offset=0.05, gamma=0.85, no_note=0.22,
    units={"CRP": WrittenUnit("mg/dL", 0.1)},
)  # fmt: skip
HILL = DemoSite(
    "hill", prevalence=0.55, share=0.25, gain=0.82, gamma=1.2, noise=0.035, no_image=0.14,
    missing_word="n/a", units={"Haemoglobin": WrittenUnit("g/dL", 0.1)},
)  # fmt: skip

FINDING = Outcomes({"none": (0.85, 0.11), "faint": (0.10, 0.27), "marked": (0.05, 0.62)})
CONTRAST = {"faint": (0.50, 0.62), "marked": (0.70, 0.90)}
WORDS = (
    either("night sweats", healthy=0.16, diseased=0.34),
    either("weight loss", healthy=0.15, diseased=0.29),
    either("feels well", healthy=0.32, diseased=0.17),
    Outcomes({"": (0.52, 0.55), "pleural pain": (0.15, 0.27), "no pleural pain": (0.33, 0.18)}),
)


@dataclass(frozen=True)
class DemoDesign:
    """What causes what in the embedded cohort.

    The label is drawn by the prevalence of its hospital. Given label and hospital, image, laboratory
    and note are independent, so that the log-likelihood ratios of what is present add up to the exact
    posterior: logit p = logit prevalence + llr.image + llr.tabular + llr.text + llr.missing.

    Args:
        sites: The hospitals.
        strength: How much each modality tells.
        finding: What the image shows: no lesion, a faint or a marked one. Contrasts of the two do not
            overlap, so that the finding can be read from the picture.
        contrast: Finding -> range of the share of intensity that is lost inside the lesion.
        area: Range of the lesion's share of the image's area.
        distractors: Fewest and most of them an image has, whatever the label.
        side: Rows and columns of an image.
        crp_shift: How many standard deviations log CRP is higher in the diseased.
        ldh_shift: The same for LDH.
        ldh_missing: LDH is ordered because a patient looks ill, so it is missing more in the healthy.
        cell_missing: Probability that any other laboratory value is missing.
        words: What of the note depends on the label. A phrase that starts with `no ` is written among
            what is denied, with `feels` as a state, any other among what is reported.
    """

    sites: tuple[DemoSite, ...] = (NORTH, HARBOUR, HILL)
    strength: Strength = Strength()
    finding: Outcomes = FINDING
    contrast: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(CONTRAST))
    area: tuple[float, float] = (0.022, 0.096)
    distractors: tuple[int, int] = (2, 5)
    side: int = 96
    crp_shift: float = 1.05
    ldh_shift: float = 0.4
    ldh_missing: Outcomes = field(default_factory=lambda: either("missing", healthy=0.38, diseased=0.20))
    cell_missing: float = 0.03
    words: tuple[Outcomes, ...] = WORDS

    def __post_init__(self) -> None:
        names = [site.name for site in self.sites]
        if not names or len(set(names)) < len(names):
            raise CohortError(f"the hospitals are {names}", hint="Give at least one, each with its own name.")
        if not 0.005 <= self.area[0] < self.area[1] <= 0.15:
            raise CohortError(f"lesion area is {self.area}", hint="Give a range within 0.005 to 0.15.")
        if not 32 <= self.side <= 1024:
            raise CohortError(f"an image's side is {self.side}", hint="Give 32 to 1024 pixels.")

    def at(self, *sites: DemoSite) -> DemoDesign:
        """The same causes at other hospitals."""
        return replace(self, sites=sites)

    def with_prevalence(self, prevalence: float) -> DemoDesign:
        """The same hospitals with another prevalence: a pure prevalence shift."""
        return self.at(*(replace(site, prevalence=prevalence) for site in self.sites))

    def complete(self) -> DemoDesign:
        """Nothing is missing anywhere."""
        sites = (replace(site, no_image=0.0, no_table=0.0, no_note=0.0) for site in self.sites)
        always = either("missing", healthy=1e-12, diseased=1e-12)
        return replace(self, sites=tuple(sites), ldh_missing=always, cell_missing=0.0)


def _wrong(site: str, what: str, came: object, expected: str) -> CohortError:
    return CohortError(f"hospital '{site}': {what} is {came}; expected {expected}")
