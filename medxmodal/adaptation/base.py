"""What a rung of the ladder is given and what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from medxmodal.records import CalibrationRecord


@dataclass(frozen=True)
class Source:
    """What the run knows of its own site.

    Args:
        labels: (n,), 0 or 1.
        probability: Out-of-fold probabilities by the run's calibrators, (n,).
        crossfit: Out-of-fold probabilities whose calibrators saw neither study nor fold, (n,).
    """

    labels: np.ndarray
    probability: np.ndarray
    crossfit: np.ndarray


@dataclass(frozen=True)
class Target:
    """What is known of the other site: no labels.

    Args:
        probability: The run's calibrated probabilities, (n,).
        patients: Patient of each study, (n,).
    """

    probability: np.ndarray
    patients: np.ndarray


@dataclass(frozen=True)
class Adapted:
    """A run's calibration for the other site.

    Args:
        calibration: In place of the run's own.
        how: What was done, in one sentence.
        facts: Figures for the run's record, JSON types.
    """

    calibration: CalibrationRecord
    how: str
    facts: dict[str, Any] = field(default_factory=dict)


class Rung(ABC):
    """One rung: cheap ones change the calibration only."""

    @abstractmethod
    def adapt(self, calibration: CalibrationRecord, source: Source, target: Target) -> Adapted:
        """The calibration for the target.

        Raises:
            AdaptationError: The rung cannot be taken on this target.
        """
