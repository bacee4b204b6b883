"""What can go wrong, by name: every error a user may meet is a `MedxmodalError`.

A message says what was wrong, where, what was expected, what came, and what to do next.
The CLI turns any `MedxmodalError` into one readable line and exit code 2.
"""

from __future__ import annotations


def one_line(text: str) -> str:
    """A text without line breaks and control characters, whatever a table's cell may hold.

    Example:
        >>> one_line(f"first{chr(10)}second{chr(27)}[2J")
        'first second [2J'
    """
    return "".join(sign if sign.isprintable() else " " for sign in text)


class MedxmodalError(Exception):
    """The request, or what it points at, is wrong.

    Args:
        message: What is wrong and where, with what was expected and what came.
        hint: The next step for the user, one sentence.

    Example:
        >>> str(MedxmodalError("column 'Age' is missing", hint="Correct the spec."))
        "column 'Age' is missing. Correct the spec."
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = one_line(message)
        self.hint = one_line(hint)
        super().__init__(f"{self.message.rstrip('.')}. {self.hint}" if hint else self.message)


class SpecError(MedxmodalError):
    """A cohort spec is wrong, or does not fit its data."""


class RecipeError(MedxmodalError):
    """A recipe is wrong, or does not fit its cohort."""


class CohortError(MedxmodalError):
    """A cohort folder is missing, damaged or cannot do what is asked of it."""


class InputError(MedxmodalError):
    """One study's input cannot be read; in batch it is recorded for that study."""


class RunError(MedxmodalError):
    """A run folder is missing, damaged or does not fit what is asked of it."""


class TrainingError(MedxmodalError):
    """Training cannot start or cannot go on (one class only, no studies, NaN loss)."""


class ScoringError(MedxmodalError):
    """A scoring job cannot start or go on (another job's folder, an unknown engine)."""


class ExplanationError(MedxmodalError):
    """An explanation method does not fit the model, or records are damaged."""


class ReportError(MedxmodalError):
    """A report cannot be made from the records given."""


class RegistryError(MedxmodalError):
    """A name is not registered for its kind."""


class PrivacyError(MedxmodalError):
    """The request would put identifiers where they do not belong."""


class AdaptationError(MedxmodalError):
    """A run cannot be adapted to a site as asked (an implausible prevalence, an adapted run)."""
