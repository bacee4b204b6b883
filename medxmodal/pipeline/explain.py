"""`explain`: why a run answers as it does, for one study or for a cohort."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

from medxmodal.cohort import Study
from medxmodal.errors import ExplanationError
from medxmodal.pipeline.cohort import as_cohort
from medxmodal.pipeline.run import as_run

if TYPE_CHECKING:
    import numpy as np

    from medxmodal.cohort import Cohort
    from medxmodal.pipeline.run import Run
    from medxmodal.progress import Progress
    from medxmodal.records import ExplanationIndex, ExplanationRecord


class ExplanationView:
    """One study explained; in a notebook it shows its report.

    Args:
        record: Everything the report says.
        arrays: Images and maps by the names that the record's panels give.
    """

    def __init__(self, record: ExplanationRecord, arrays: Mapping[str, np.ndarray]) -> None:
        self.record, self.arrays = record, arrays

    def save(self, path: str | Path) -> Path:
        """Write the report as one HTML file that needs no network."""
        from medxmodal.reporting import explanation_page

        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(explanation_page(self.record, self.arrays), encoding="utf-8")
        return target

    def open(self) -> Path:
        """Show the report in the browser; the file, in a new temporary folder."""
        import tempfile
        import webbrowser

        path = self.save(Path(tempfile.mkdtemp(prefix="medxmodal-")) / "explanation.html")
        webbrowser.open(path.as_uri())
        return path

    def __repr__(self) -> str:
        made = self.record.prediction
        shares = ", ".join(
            f"{part.name} {part.share:+.2f}" for part in self.record.modalities if part.present
        )
        return f"Explanation({made.study_id!r}, probability {made.probability or 0.0:.3f}, shares: {shares})"

    def _repr_html_(self) -> str:
        from medxmodal.reporting import explanation_card

        return explanation_card(self.record, self.arrays)


class ExplanationsView:
    """A folder of explanations.

    Args:
        folder: `EXPLAIN/`.

    Raises:
        ReportError: The folder holds no explanations.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @cached_property
    def index(self) -> ExplanationIndex:
        """`index.json`."""
        from medxmodal.reporting.folder import read_index

        return read_index(self.folder)

    @property
    def failures(self) -> dict[str, str]:
        """Study id -> reason, of those that could not be explained."""
        return {entry.study_id: entry.error for entry in self.index.entries if entry.status == "failed"}

    def __len__(self) -> int:
        return len(self.index.entries) - len(self.failures)

    def __getitem__(self, study_id: str) -> ExplanationView:
        """The explanation of a study.

        Raises:
            ExplanationError: There is none, or it failed.
        """
        from medxmodal.records import ExplanationRecord
        from medxmodal.reporting.folder import beside, read_arrays

        entry = next((entry for entry in self.index.entries if entry.study_id == study_id), None)
        if entry is None or not entry.file:
            why = "there is no explanation of this study" if entry is None else entry.error
            raise ExplanationError(
                f"study '{study_id}': {why}", hint=f"The folder holds {len(self)} explanations."
            )
        record = ExplanationRecord.read(beside(self.folder, entry.file))
        return ExplanationView(record, read_arrays(self.folder, record))

    def __repr__(self) -> str:
        return f"Explanations({len(self)} explained, {len(self.failures)} failed, {self.folder})"


@overload
def explain(
    run: Run | str | Path,
    what: Study,
    out: None = None,
    *,
    method: str | None = None,
    command: str = "",
) -> ExplanationView: ...


@overload
def explain(
    run: Run | str | Path,
    what: Cohort | str | Path,
    out: str | Path | None = None,
    *,
    studies: Collection[str] | None = None,
    method: str | None = None,
    progress: Progress | None = None,
    command: str = "",
    data: str | Path | None = None,
) -> ExplanationsView: ...


def explain(
    run: Run | str | Path,
    what: Study | Cohort | str | Path,
    out: str | Path | None = None,
    *,
    studies: Collection[str] | None = None,
    method: str | None = None,
    progress: Progress | None = None,
    command: str = "",
    data: str | Path | None = None,
) -> ExplanationView | ExplanationsView:
    """Explain one study in memory, or a cohort into a folder. The same call resumes one that was stopped.

    The prediction is the one that scoring gives. A study the run was trained on is explained by the
    member that did not see it.

    Args:
        run: A run or its folder.
        what: A study, a cohort, or a cohort's folder.
        out: The folder of explanations; by default one under `medxmodal-out/` named after run and
            cohort. None for a study.
        studies: Ids of the cohort's studies to explain; all by default.
        method: Attribution method for the modalities that it fits, over the recipe's.
        progress: Called with words, done and total.
        command: What to write into records as the command.
        data: The data folder, where a cohort folder is read and its data lie elsewhere now.

    Returns:
        The explanation of a study, which shows itself in a notebook and has `.save` and `.open`; or the
        explanations of a cohort, by study id, with `.failures`.

    Raises:
        ExplanationError: A method does not fit, a study is not in the cohort, or `out` holds other things.
        InputError: The one study cannot be read.
        RunError: The run is damaged, or the cohort does not give what it reads.
        CohortError: There is nothing to explain.

    Example:
        `mx.explain(run, cohort[0]).save("case.html")`
    """
    from medxmodal.explain import Explainer, write_explanations

    chosen = as_run(run)
    if isinstance(what, Study):
        if out is not None or studies is not None:
            raise ExplanationError(
                "one study is explained in memory and takes neither `out` nor `studies`",
                hint='Give the cohort instead, or save the page: explain(run, study).save("case.html").',
            )
        made = Explainer(chosen.loaded, method=method, command=command).explain(what)
        return ExplanationView(made.record, made.arrays)
    cohort = as_cohort(what, data)
    folder = Path(out) if out is not None else _default_folder(chosen, cohort)
    explainer = Explainer(chosen.loaded, cohort.spec, method=method, command=command)
    write_explanations(explainer, cohort, folder, studies=studies, progress=progress)
    return ExplanationsView(folder)


def _default_folder(run: Run, cohort: Cohort) -> Path:
    from medxmodal.pipeline.score import default_folder

    return default_folder("explain", run, cohort)
