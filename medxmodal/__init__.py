"""medxmodal: build, train, adapt, score and explain multimodal diagnosis models.

The public names below are imported on first use, so that `import medxmodal` stays instant and a
report is drawn on a laptop without torch.

Example:
    >>> import medxmodal as mx
    >>> sorted(set(dir(mx)) & {"build", "train", "score", "explain"})
    ['build', 'explain', 'score', 'train']
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort, Study
    from medxmodal.pipeline.adapt import adapt
    from medxmodal.pipeline.build import build
    from medxmodal.pipeline.classifier import DiagnosisClassifier
    from medxmodal.pipeline.describe import describe
    from medxmodal.pipeline.evaluate import evaluate
    from medxmodal.pipeline.explain import explain
    from medxmodal.pipeline.report import report
    from medxmodal.pipeline.run import load
    from medxmodal.pipeline.score import score
    from medxmodal.pipeline.train import train
    from medxmodal.pipeline.verify import verify

__version__ = "0.1.0"

__all__ = [
    "Cohort",
    "DiagnosisClassifier",
    "Study",
    "__version__",
    "adapt",
    "build",
    "describe",
    "evaluate",
    "explain",
    "load",
    "report",
    "score",
    "train",
    "verify",
]

_HOMES = {
    "Cohort": "medxmodal.cohort",
    "DiagnosisClassifier": "medxmodal.pipeline.classifier",
    "Study": "medxmodal.cohort",
    "adapt": "medxmodal.pipeline.adapt",
    "build": "medxmodal.pipeline.build",
    "describe": "medxmodal.pipeline.describe",
    "evaluate": "medxmodal.pipeline.evaluate",
    "explain": "medxmodal.pipeline.explain",
    "load": "medxmodal.pipeline.run",
    "report": "medxmodal.pipeline.report",
    "score": "medxmodal.pipeline.score",
    "train": "medxmodal.pipeline.train",
    "verify": "medxmodal.pipeline.verify",
}


class _Package(ModuleType):
    """Keeps a verb from being replaced by the room of the same name.

    Importing the room `medxmodal.explain` would bind the name `explain` here to that package, and
    `mx.explain(run, study)` would then fail, depending on what was imported before.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Import a public name from its room on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'medxmodal' has no attribute '{name}'")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion in a notebook."""
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
