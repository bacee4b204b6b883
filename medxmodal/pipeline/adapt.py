"""`adapt`: a run for another site, with source-only beside it. First rung: prevalence."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medxmodal.errors import AdaptationError
from medxmodal.pipeline.cohort import as_cohort
from medxmodal.pipeline.run import Run, as_run

if TYPE_CHECKING:
    from medxmodal.adaptation import Adapted
    from medxmodal.cohort import Cohort
    from medxmodal.pipeline.answers import Answers
    from medxmodal.progress import Progress
    from medxmodal.records import CalibrationRecord

Figures = dict[str, dict[str, dict[str, float | None]]]
COMPARED = ("brier", "log_loss")


def adapt(
    run: Run | str | Path,
    cohort: Cohort | str | Path,
    out: str | Path | None = None,
    *,
    labels: int | None = None,
    prevalence: float | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Run:
    """Make a run for another site. This version takes the first rung: another prevalence.

    Labels of the target are never used to adapt. Where there are some, the adapted run is shown
    beside the source-only one, with the paired difference.

    Args:
        run: A run or its folder.
        cohort: The target, labelled or not.
        out: The new run's folder; by default beside the run, named after the target.
        labels: Must be None in this version, which cannot use labels of the target.
        prevalence: Share of positive studies at the target; estimated when None.
        progress: Called with words, done and total.
        command: What to write into `run.json` as the command.

    Returns:
        The new run; `.record.adaptation` says what was done, with the figures.

    Raises:
        AdaptationError: The estimate is too uncertain or extreme to act on, or the run is adapted already.
        CohortError: Patients overlap with training, or no study could be read.
        RunError: The cohort does not give what the run reads.

    Example:
        `mx.adapt(run, "other_hospital", prevalence=0.12).record.adaptation["how"]`
    """
    from medxmodal import registry
    from medxmodal.adaptation import Target
    from medxmodal.pipeline.answers import answer_cohort
    from medxmodal.pipeline.overlap import refuse_overlap

    if labels is not None:
        raise AdaptationError(
            "this version adapts by prevalence only and cannot use labels of the target",
            hint="Leave --labels out; give the prevalence those labels show with --prevalence P.",
        )
    rung = registry.create("adaptation", {"name": "prior_shift", "prevalence": prevalence})
    chosen, target = as_run(run), as_cohort(cohort)
    folder = _folder(out, chosen, target)
    refuse_overlap(chosen.folder, chosen.record, target, "adaptation")
    answers = answer_cohort(chosen.loaded, target, progress)
    before = chosen.loaded.calibration
    adapted: Adapted = rung.adapt(before, _source(chosen), Target(answers.probability, answers.patients))
    figures = _figures(chosen, answers, before, adapted.calibration)
    words = _words(figures)
    facts = {
        "how": adapted.how,
        **adapted.facts,
        "cohort": target.spec.name,
        "cohort_fingerprint": target.fingerprint,
        "studies": len(answers.studies),
        "failed": len(answers.failed),
        "from_run": chosen.record.fingerprint,
        "figures": figures,
        "verdict": _verdict(words),
        "worse": "worse" in words.values(),
    }
    _write(folder, chosen, adapted.calibration, facts, command)
    return Run(folder)


def _folder(out: str | Path | None, run: Run, target: Cohort) -> Path:
    named = run.folder.with_name(f"{run.folder.name}-at-{target.spec.name}")
    folder = Path(out) if out is not None else named
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AdaptationError(f"{folder} is not empty", hint="Name another --out, or remove it.")
    return folder


def _source(run: Run) -> Any:  # noqa: ANN401 - Source, imported with its room
    from medxmodal.adaptation import Source
    from medxmodal.model import read_out_of_fold

    table = read_out_of_fold(run.folder)
    columns = (table[name].to_numpy(float) for name in ("label", "probability", "probability_crossfit"))
    return Source(*columns)


def _figures(run: Run, answers: Answers, before: CalibrationRecord, after: CalibrationRecord) -> Figures:
    """Source-only beside adapted on the target's labelled studies; empty without both classes."""
    from medxmodal.evaluation import Scores, metrics_table, operating_point

    rows = answers.labelled()
    if len(np.unique(answers.labels[rows])) < 2:
        return {}
    known = answers.at(rows)
    moved = after.calibrate(known.logit, known.pattern, known.spread).probability
    everyone = np.ones(len(rows), bool)
    settings = run.record.recipe
    draws, seed = int(settings["training"]["interval_draws"]), int(settings["seed"])
    predictions = {
        "adapted": Scores(moved, moved, everyone),
        "source_only": Scores(known.probability, known.probability, everyone),
    }
    table = metrics_table(
        known.labels, known.patients, predictions, reference="adapted", draws=draws, seed=seed
    )
    for name, probability, calibration in (
        ("adapted", moved, after),
        ("source_only", known.probability, before),
    ):
        threshold = calibration.threshold.value
        table[name] |= operating_point(
            known.labels, probability, threshold, patients=known.patients, draws=draws, seed=seed
        )
    return table


def _words(figures: Figures) -> dict[str, str]:
    """Metric -> what the target's labels say of the correction; empty without labels of both classes."""
    from medxmodal.evaluation import gain_sentence

    gain = figures.get("gain.source_only")
    return {} if gain is None else {name: gain_sentence(gain[name], name) for name in COMPARED}


def _verdict(words: dict[str, str]) -> str:
    """The same in one sentence."""
    if not words:
        return "The target has no labels of both classes, so no gain could be shown."
    values = ", ".join(f"{name.replace('_', ' ')}: {said}" for name, said in words.items())
    return f"Against source-only on the target's labels, {values}."


def _write(
    folder: Path, run: Run, calibration: CalibrationRecord, facts: dict[str, Any], command: str
) -> None:
    """Copy the run and lay the new calibration over it; `run.json` last."""
    from medxmodal.pipeline.documents import write_json
    from medxmodal.reporting import model_card

    content = calibration.model_dump(mode="json")
    identity = json.dumps({"run": run.record.fingerprint, "calibration": content}, sort_keys=True)
    record = run.record.model_copy(
        update={
            "name": f"{run.record.name} at {facts['cohort']}",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
            "adaptation": facts,
            "command": command,
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(run.folder.iterdir()):
        if path.is_file() and path.name not in {"run.json", "calibration.json", "card.md", "card.json"}:
            shutil.copy2(path, folder / path.name)
    calibration.write(folder / "calibration.json")
    card = model_card(record, run.metrics, content)
    (folder / "card.md").write_text(card.markdown(), encoding="utf-8")
    write_json(folder / "card.json", card.as_dict())
    record.write(folder / "run.json")
