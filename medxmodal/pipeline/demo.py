"""`demo`: the whole job on the embedded cohort of simulated patients."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.errors import CohortError

if TYPE_CHECKING:
    from medxmodal.pipeline.cohort import CohortView
    from medxmodal.pipeline.run import Run
    from medxmodal.progress import Progress

MARKER = "medxmodal-demo.txt"
NEW_PATIENTS = 60
EXPLAINED = 24
OTHER_PREVALENCE = 0.2
OTHER_PATIENTS = 240
Say = Callable[[str], None]


@dataclass(frozen=True)
class Demo:
    """What the demo left.

    Args:
        folder: Everything.
        report: The index page to open.
        run: The run.
        auroc: Fused, on new simulated patients: value, lower, upper, n.
        failed: How many studies failed anywhere.
    """

    folder: Path
    report: Path
    run: Run
    auroc: dict[str, float | None]
    failed: int


def demo(
    out: str | Path = "medxmodal-out/demo",
    *,
    patients: int = 240,
    settings: Sequence[str] = (),
    say: Say | None = None,
    progress: Progress | None = None,
) -> Demo:
    """Take simulated patients through every verb.

    Build, describe, train, evaluate, adapt, score, verify, explain, report.

    Args:
        out: A folder; an earlier demo in it is replaced, anything else is refused.
        patients: How many to train on.
        settings: `key=value` laid over the recipe `demo`, for a quicker look.
        say: Called with one sentence a step.
        progress: Called with words, done and total.

    Raises:
        CohortError: The folder holds other things, or there are too few patients.

    Example:
        `medxmodal demo --out demo` on the command line does the same.
    """
    from medxmodal.pipeline.evaluate import evaluate
    from medxmodal.pipeline.explain import explain
    from medxmodal.pipeline.report import report
    from medxmodal.pipeline.score import score
    from medxmodal.pipeline.train import train
    from medxmodal.pipeline.verify import verify

    tell = say or (lambda _: None)
    folder = _fresh(Path(out))
    cohort, new, other = _cohorts(folder, patients, tell, progress)
    tell(f"train: recipe 'demo' on {len(cohort)} studies")
    run = train(
        "demo", cohort, folder / "run", settings=settings, progress=progress, command="medxmodal demo"
    )
    for sentence in run.record.said:
        tell(f"  {sentence}")
    figures = evaluate(run, new, folder / "evaluation.json", progress=progress)
    auroc = figures.metrics[run.record.task.name]["fused"]["auroc"]
    tell(f"evaluate: AUROC on {figures.studies} new patients {_shown(auroc)}")
    tell(f"adapt: {_adapted(run, other, folder, progress)}")
    scores = score(run, new, folder / "scores", progress=progress)
    recount = "recount agrees" if verify(scores).ok else "recount DISAGREES"
    tell(f"score: {scores.summary.scored} scored, {scores.summary.failed} failed; {recount}")
    some = [study.study_id for study in new][:EXPLAINED]
    explained = explain(run, new, folder / "explanations", studies=some, progress=progress)
    pages = report(explained, folder / "report", progress=progress)
    tell(f"explain and report: {len(pages.pages)} pages")
    failed = scores.summary.failed + len(figures.failed) + len(pages.failed)
    return Demo(folder, pages.index, run, auroc, failed)


def _fresh(folder: Path) -> Path:
    """An empty folder; an earlier demo in it is removed."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not (folder / MARKER).is_file():
            raise CohortError(f"{folder} is not empty and is no earlier demo", hint="Name another --out.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("Simulated patients, made by `medxmodal demo`; safe to delete.\n")
    return folder


def _cohorts(
    folder: Path, patients: int, tell: Say, progress: Progress | None
) -> tuple[CohortView, CohortView, CohortView]:
    """Patients to train on, new ones of the same hospitals, and new ones where the disease is rarer."""
    from medxmodal.cohort.demo import DESIGN, write_demo
    from medxmodal.pipeline.build import build
    from medxmodal.pipeline.describe import describe

    tell(f"simulate: {patients} patients of three hospitals (no real person is in it)")
    rare = DESIGN.with_prevalence(OTHER_PREVALENCE)
    training = write_demo(folder / "records", patients=patients)
    fresh = write_demo(folder / "new_records", patients=NEW_PATIENTS, first_patient=patients)
    elsewhere = write_demo(
        folder / "other_records",
        patients=OTHER_PATIENTS,
        design=rare,
        first_patient=patients + NEW_PATIENTS,
    )
    cohort = build("demo", training.data, folder / "cohort", progress=progress)
    new = build("demo", fresh.data, folder / "new_cohort", progress=progress)
    other = build("demo", elsewhere.data, folder / "other_cohort", progress=progress)
    described = describe(cohort, html=folder / "cohort.html").record
    counts = ", ".join(f"{name} {count}" for name, count in described.modalities.items())
    tell(f"build and describe: {described.studies} studies, {described.positives} positive; {counts}")
    return cohort, new, other


def _adapted(run: Run, other: CohortView, folder: Path, progress: Progress | None) -> str:
    """Where the disease is rarer: adapt, or say why the estimate was refused."""
    from medxmodal.errors import AdaptationError
    from medxmodal.pipeline.adapt import adapt

    try:
        adapted = adapt(run, other, folder / "run_other", progress=progress)
    except AdaptationError as error:
        return f"refused: {error}"
    facts = adapted.record.adaptation
    return f"{facts['how']}. {facts['verdict']}"


def _shown(estimate: dict[str, float | None]) -> str:
    value, lower, upper = (estimate[name] for name in ("value", "lower", "upper"))
    if value is None or lower is None or upper is None:
        return "undefined"
    return f"{value:.2f} (95 % interval {lower:.2f} to {upper:.2f})"
