"""`Run`: what training leaves, as an object that shows itself."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.errors import RunError
from medxmodal.records import RunRecord

if TYPE_CHECKING:
    import pandas as pd

    from medxmodal.model import LoadedRun

Metrics = dict[str, dict[str, dict[str, dict[str, float | None]]]]


class Run:
    """A run folder.

    Args:
        folder: `RUN/`.

    Raises:
        RunError: The folder is no run.

    Example:
        >>> Run(Path("/nowhere"))
        Traceback (most recent call last):
        ...
        medxmodal.errors.RunError: /nowhere is no run: it has no run.json. Name a folder that `train` made.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "run.json").is_file():
            raise RunError(
                f"{self.folder} is no run: it has no run.json", hint="Name a folder that `train` made."
            )
        self.record = RunRecord.read(self.folder / "run.json")

    @cached_property
    def metrics(self) -> Metrics:
        """`metrics.json`."""
        found: Metrics = json.loads((self.folder / "metrics.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def loaded(self) -> LoadedRun:
        """The members in memory, ready to predict."""
        from medxmodal.model import LoadedRun

        return LoadedRun.load(self.folder)

    def table(self) -> pd.DataFrame:
        """The metrics as one row a model and metric: value, lower, upper, n."""
        return metrics_frame(self.metrics)

    def __repr__(self) -> str:
        facts = self.record
        size = f"{len(facts.members)} members, {facts.cohort.studies} studies"
        return f"Run({facts.name!r}, {size}, {self.folder})"

    def _repr_html_(self) -> str:
        from medxmodal.reporting import run_card

        return run_card(self.record, self.metrics)


def metrics_frame(metrics: Metrics) -> pd.DataFrame:
    """Metrics as one row a task, model and metric."""
    import pandas as pd

    rows = [
        {"task": task, "model": model, "metric": metric, **estimate}
        for task, models in metrics.items()
        for model, figures in models.items()
        for metric, estimate in figures.items()
    ]
    return pd.DataFrame(rows)


def load(folder: str | Path) -> Run:
    """Open a run folder.

    Args:
        folder: `RUN/`.

    Raises:
        RunError: The folder is no run, or is damaged.

    Example:
        `mx.load("run").table()`
    """
    return Run(folder)


def as_run(run: Run | str | Path) -> Run:
    """A run, from a run or its folder."""
    return run if isinstance(run, Run) else Run(run)
