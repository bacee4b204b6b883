"""`score`: a run and a cohort in, one row a study out."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.errors import ScoringError
from medxmodal.pipeline.cohort import as_cohort
from medxmodal.pipeline.run import as_run

if TYPE_CHECKING:
    import pandas as pd

    from medxmodal.cohort import Cohort
    from medxmodal.pipeline.run import Run
    from medxmodal.progress import Progress
    from medxmodal.scoring import ScoreSummary


class Scores:
    """A folder of scores.

    Args:
        folder: `SCORES/`.
        summary: What the job did.
    """

    def __init__(self, folder: Path, summary: ScoreSummary) -> None:
        self.folder, self.summary = folder, summary

    def table(self) -> pd.DataFrame:
        """One row a study, task and target; columns as in the contract."""
        from medxmodal.scoring import read_scores

        return read_scores(self.folder)

    def __repr__(self) -> str:
        counts = f"{self.summary.scored} scored, {self.summary.failed} failed"
        return f"Scores({counts}, {self.folder})"


def score(
    run: Run | str | Path,
    cohort: Cohort | str | Path,
    out: str | Path | None = None,
    *,
    engine: str = "local",
    sink: str | None = None,
    data: str | Path | None = None,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Score a cohort, labelled or not. The same call resumes a job that was stopped.

    A study the run was trained on is scored by the member that did not see it.

    Args:
        run: A run or its folder.
        cohort: A cohort or its folder.
        out: The folder of scores; by default one under `medxmodal-out/` named after run and cohort.
        engine: Where scoring runs; `local` in this version.
        sink: None in this version.
        data: The data folder, where a cohort folder is read and its data lie elsewhere now.
        only: Study ids to score; all by default.
        progress: Called with words, done and total.

    Returns:
        The scores. Studies that failed are rows with their reason, and listed in `.summary`.

    Raises:
        ScoringError: The folder holds another job, or the engine is not in this version.
        RunError: The run is damaged, or the cohort does not give what it reads.
        CohortError: There is nothing to score.

    Example:
        `mx.score(run, cohort).table()`
    """
    from medxmodal.scoring import check_engine, score_local

    check_engine(engine, sink)
    chosen, studies = as_run(run), as_cohort(cohort, data)
    folder = Path(out) if out is not None else default_folder("scores", chosen, studies)
    if folder.exists() and not folder.is_dir():
        raise ScoringError(f"{folder} is a file", hint="Name a folder for --out.")
    return Scores(folder, score_local(chosen.loaded, studies, folder, progress=progress, only=only))


def default_folder(kind: str, run: Run, cohort: Cohort) -> Path:
    """Where results lie when no place is named: under `medxmodal-out/`, after run and cohort."""
    name = f"{run.folder.name}-{cohort.spec.name}-{cohort.fingerprint[:8]}"
    return Path("medxmodal-out") / kind / name
