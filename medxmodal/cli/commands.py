"""The commands. Exit codes: 0 done, 1 some studies failed, 2 the request is wrong, 3 an alert was raised."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from medxmodal import __version__
from medxmodal.cli import summaries
from medxmodal.cli.options import (
    CohortFolder,
    DataFolder,
    Json,
    Keys,
    RunFolder,
    Settings,
    Studies,
    Validate,
    out,
)
from medxmodal.cli.terminal import ALERT, command_line, give, guarded, list_failures, progress_bars, say

app = typer.Typer(
    name="medxmodal",
    help="Build, train, adapt, score and explain multimodal diagnosis models from a clinic's own records. "
    "Research use, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main() -> None:
    """Run the command line.

    Threads of the CPU wait without spinning, unless the user says otherwise: on cores that others use
    too, spinning threads made scoring three times slower and explaining twenty times.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    app()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"medxmodal {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


@app.command()
@guarded
def demo(
    out_folder: Annotated[Path, out("Where to; an earlier demo is replaced.")] = Path("medxmodal-out/demo"),
    patients: Annotated[int, typer.Option(help="How many simulated patients to train on.")] = 240,
    settings: Settings = None,
    as_json: Json = False,
) -> int:
    """The whole job on simulated patients, up to a report.

    Example: medxmodal demo --out demo
    """
    from medxmodal.pipeline.demo import demo as run_demo

    with progress_bars() as progress:
        made = run_demo(out_folder, patients=patients, settings=settings or [], say=say, progress=progress)
    give(summaries.demo(made), f"Open this report: {made.report}", as_json=as_json)
    return 1 if made.failed else 0


@app.command()
@guarded
def init(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A folder of your own records.")],
    out_file: Annotated[Path, out("The YAML file to write.", "FILE")],
    as_json: Json = False,
) -> int:
    """Draft a cohort spec from a folder of your own.

    Tables, images, NIfTI, clips, notes, DICOM, FHIR, arrays or MEDS. The draft is commented; every guess
    is said and marked.

    Example: medxmodal init --data records --out my.yaml
    """
    from medxmodal.pipeline.build import draft

    made = draft(data, out_file)
    lines = [f"Wrote {out_file}. Check what was guessed:", *(f"- {guess}" for guess in made.guesses)]
    give({"spec": out_file, "guesses": made.guesses}, "\n".join(lines), as_json=as_json)
    return 0


@app.command()
@guarded
def build(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A cohort spec: a YAML path or a shipped name.")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with the table and its files.")],
    out_folder: Annotated[Path, out("The cohort folder to write.", "COHORT")],
    unlabelled: Annotated[
        bool,
        typer.Option("--unlabelled", help="Label columns may be absent; rules that need them are skipped."),
    ] = False,
    validate: Validate = "sample",
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the data still hold what COHORT was made from.")
    ] = False,
    keys: Keys = None,
    as_json: Json = False,
) -> int:
    """Build a cohort folder from records.

    Example: medxmodal build breast_poland --data breast_poland --out cohort
    """
    if check:
        return _check(spec, data, out_folder, as_json=as_json)
    from medxmodal.pipeline.build import write

    with progress_bars() as progress:
        made = write(
            spec, data, out_folder, unlabelled=unlabelled, keys=keys, validate=validate, progress=progress
        )
    summary = summaries.cohort(made)
    give(summary, summaries.cohort_text(summary), as_json=as_json)
    return list_failures(summary["failures"])


def _check(spec: str, data: Path, folder: Path, *, as_json: bool) -> int:
    """`build --check`."""
    from medxmodal.pipeline.build import check

    found = check(spec, data, folder)
    give(found.model_dump(mode="json"), summaries.check_text(found), as_json=as_json)
    return 0 if found.ok else ALERT


@app.command()
@guarded
def export(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="A cohort folder.")],
    out_folder: Annotated[Path, out("The folder to write.")],
    as_json: Json = False,
) -> int:
    """Write a cohort as a MEDS dataset, for other tools.

    One subject a patient: values, series and notes as events, labels beside them.

    Example: medxmodal export cohort --out meds
    """
    from medxmodal.pipeline.build import export as run_export

    made = run_export(cohort, out_folder)
    give({"dataset": made}, f"Wrote {made}.", as_json=as_json)
    return 0


@app.command()
@guarded
def describe(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="A cohort folder.")],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the same as a page.")] = None,
    as_json: Json = False,
) -> int:
    """Say what a cohort is made of.

    Flow of exclusions, Table 1, co-occurrence of modalities, missingness and quality.

    Example: medxmodal describe cohort --html cohort.html
    """
    from medxmodal.pipeline.describe import describe as run_describe

    found = run_describe(cohort, html=html)
    give(found.record.model_dump(mode="json"), str(found), as_json=as_json)
    return 0


@app.command()
@guarded
def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe: a YAML path or a shipped name.")],
    cohort: CohortFolder,
    out_folder: Annotated[Path, out("The run folder to write.", "RUN")],
    settings: Settings = None,
    as_json: Json = False,
) -> int:
    """Train a run from a recipe and a cohort.

    One member a fold, calibrated on their out-of-fold predictions. A training that was
    stopped goes on where it was.

    Example: medxmodal train breast_fused --cohort cohort --out run --set seed=7
    """
    from medxmodal.pipeline.train import train as run_train

    with progress_bars() as progress:
        made = run_train(
            recipe, cohort, out_folder, settings=settings or [], progress=progress, command=command_line()
        )
    for sentence in made.record.said:
        say(sentence)
    give(summaries.run(made), summaries.run_text(made), as_json=as_json)
    return list_failures(made.record.failed)


@app.command()
@guarded
def evaluate(
    run: RunFolder,
    cohort: CohortFolder,
    out_file: Annotated[Path | None, out("Write the figures as JSON.", "FILE")] = None,
    as_json: Json = False,
) -> int:
    """Figures on a labelled cohort the run never saw.

    Example: medxmodal evaluate run --cohort other_hospital --out figures.json
    """
    from medxmodal.pipeline.evaluate import evaluate as run_evaluate

    with progress_bars() as progress:
        made = run_evaluate(run, cohort, out_file, progress=progress)
    give(summaries.evaluation(made), str(made), as_json=as_json)
    return list_failures(made.failed)


@app.command()
@guarded
def adapt(
    run: RunFolder,
    cohort: CohortFolder,
    out_folder: Annotated[Path, out("The new run's folder.", "RUN2")],
    labels: Annotated[int | None, typer.Option(metavar="N", help="Not in this version.")] = None,
    prevalence: Annotated[
        float | None, typer.Option(metavar="P", help="Share of positive studies there; else estimated.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Make a run for another site.

    The first rung, prevalence, with source-only beside it.

    Example: medxmodal adapt run --cohort other_hospital --out run2 --prevalence 0.12
    """
    from medxmodal.pipeline.adapt import adapt as run_adapt

    with progress_bars() as progress:
        made = run_adapt(
            run, cohort, out_folder, labels=labels, prevalence=prevalence,
            progress=progress, command=command_line(),
        )  # fmt: skip
    give(summaries.adaptation(made), summaries.adaptation_text(made), as_json=as_json)
    if made.record.adaptation["worse"]:
        say("alert: on the target's labels the adapted run is worse than source-only; use the run as it was")
        return ALERT
    return 1 if made.record.adaptation["failed"] else 0


@app.command()
@guarded
def score(
    run: RunFolder,
    cohort: CohortFolder,
    out_folder: Annotated[Path, out("The folder of scores.", "SCORES")],
    engine: Annotated[
        str, typer.Option(metavar="local|ray", help="Where scoring runs; local for now.")
    ] = "local",
    sink: Annotated[str | None, typer.Option(metavar="URL", help="Not in this version.")] = None,
    data: DataFolder = None,
    as_json: Json = False,
) -> int:
    """Score a cohort, labelled or not: one row a study.

    A job that was stopped goes on where it was.

    Example: medxmodal score run --cohort cohort --out scores --json
    """
    from medxmodal.pipeline.cohort import as_cohort
    from medxmodal.pipeline.score import score as run_score

    studies = as_cohort(cohort, data)
    with progress_bars() as progress:
        made = run_score(run, studies, out_folder, engine=engine, sink=sink, progress=progress)
    summary = summaries.scores(made, studies)
    give(summary, summaries.scores_text(summary), as_json=as_json)
    return list_failures(made.summary.failures)


@app.command()
@guarded
def verify(
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="A folder of scores.")],
    as_json: Json = False,
) -> int:
    """Recount a folder of scores.

    Checks that scored + failed + abstained = studies, and that every part is as it was written.

    Example: medxmodal verify scores
    """
    from medxmodal.pipeline.verify import verify as run_verify

    found = run_verify(scores)
    counts = ", ".join(f"{name} {count}" for name, count in found.counts.items())
    lines = ["All is well." if found.ok else "Something is wrong.", counts, *found.problems]
    summary = {"ok": found.ok, "problems": list(found.problems), "counts": found.counts}
    give(summary, "\n".join(lines), as_json=as_json)
    return 0 if found.ok else ALERT


@app.command()
@guarded
def explain(
    run: RunFolder,
    cohort: CohortFolder,
    out_folder: Annotated[Path, out("The folder of explanations.", "EXPLAIN")],
    studies: Studies = None,
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="Attribution method, where it fits.")
    ] = None,
    data: DataFolder = None,
    as_json: Json = False,
) -> int:
    """Explain studies: one record each. Needs no labels.

    Shares of each modality, maps, values and words, and how far they add up.

    Example: medxmodal explain run --cohort cohort --out explanations --study case-12
    """
    from medxmodal.pipeline.explain import explain as run_explain

    with progress_bars() as progress:
        made = run_explain(
            run, cohort, out_folder, studies=studies, method=method, data=data,
            progress=progress, command=command_line(),
        )  # fmt: skip
    summary = summaries.explanations(made)
    give(summary, summaries.explanations_text(summary), as_json=as_json)
    return list_failures(made.failures)


@app.command()
@guarded
def report(
    explanations: Annotated[Path, typer.Argument(metavar="EXPLAIN", help="A folder of explanations.")],
    out_folder: Annotated[Path, out("The report's folder.", "REPORT")],
    fmt: Annotated[
        str, typer.Option("--format", metavar="html|pdf|dicom|fhir", help="Kind of document; html for now.")
    ] = "html",
    keys: Keys = None,
    as_json: Json = False,
) -> int:
    """Write pages from explanation records alone.

    Example: medxmodal report explanations --out report
    """
    from medxmodal.pipeline.report import report as run_report

    with progress_bars() as progress:
        made = run_report(explanations, out_folder, fmt=fmt, keys=keys, progress=progress)
    summary = {
        "index": made.index,
        "pages": len(made.pages),
        "failed": len(made.failed),
        "failures": made.failed,
    }
    give(summary, f"{len(made.pages)} pages. Open {made.index}", as_json=as_json)
    return list_failures(made.failed)
