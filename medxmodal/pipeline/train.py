"""`train`: a recipe and a cohort in, a run folder out."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medxmodal.errors import TrainingError
from medxmodal.pipeline.documents import write_json
from medxmodal.pipeline.prepare import Prepared, prepare
from medxmodal.pipeline.run import Run

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.cohort.study import Study
    from medxmodal.progress import Progress
    from medxmodal.recipe import Recipe
    from medxmodal.training import CalibratedRun, CrossFit


def train(
    recipe: str | Path | Recipe,
    cohort: Cohort | str | Path,
    out: str | Path | None = None,
    *,
    settings: Sequence[str] = (),
    progress: Progress | None = None,
    command: str = "",
) -> Run:
    """Train one member a fold, calibrate them on their out-of-fold predictions, and write a run.

    An interrupted training goes on with the next member when the same call is made again.

    Args:
        recipe: A recipe, its path, or the name of a shipped one.
        cohort: A cohort or its folder.
        out: The run folder; by default one under `medxmodal-out/` named after recipe and cohort.
        settings: `key=value` laid over the recipe.
        progress: Called with words, done and total.
        command: What to write into `run.json` as the command.

    Returns:
        The run.

    Raises:
        RecipeError: The recipe is wrong or does not fit the cohort.
        TrainingError: Training cannot start: no labelled study, one class only, too few patients.

    Example:
        `run = mx.train("breast_fused", mx.build("breast_poland", data="breast_poland"))`
    """
    prepared = prepare(recipe, cohort, settings)
    folder = _folder(out, prepared)
    if (folder / "run.json").is_file() and Run(folder).record.fingerprint == prepared.fingerprint:
        return Run(folder)
    studies, failed, shared = _read(prepared, progress)
    from medxmodal.pipeline.checkpoint import Checkpoint
    from medxmodal.training import calibrate_run, cross_fit, make_folds

    folds = make_folds(prepared.recipe, studies)
    checkpoint = Checkpoint(folder / "unfinished", prepared.fingerprint)
    fitted = cross_fit(
        prepared.plan,
        studies,
        folds,
        sharing=shared,
        done=lambda index: checkpoint.load(index, prepared.plan, shared),
        keep=checkpoint.save,
        report=progress,
    )
    members = sum(fold.repeat == 0 for fold in folds)
    calibrated = calibrate_run(
        fitted.out_of_fold, prepared.recipe.task.name, prepared.recipe.decision, members, prepared.recipe.seed
    )
    if progress:
        progress("writing the run", 0, 1)
    _write(folder, prepared, fitted, calibrated, failed, command)
    shutil.rmtree(folder / "unfinished", ignore_errors=True)
    if progress:
        progress("writing the run", 1, 1)
    return Run(folder)


def _folder(out: str | Path | None, prepared: Prepared) -> Path:
    if out is None:
        out = Path("medxmodal-out") / "runs" / f"{prepared.name}-{prepared.fingerprint[:8]}"
    folder = Path(out)
    if (folder / "run.json").is_file() and Run(folder).record.fingerprint != prepared.fingerprint:
        raise TrainingError(
            f"{folder} already holds another run (other recipe, cohort or code)",
            hint="Name another --out, or remove that folder.",
        )
    if folder.exists() and not folder.is_dir():
        raise TrainingError(f"{folder} is a file", hint="Name a folder for --out.")
    return folder


def _read(prepared: Prepared, progress: Progress | None) -> tuple[list[Study], dict[str, str], Any]:
    """Labelled studies that can be read, the others with their reason, and a model with frozen encoders.

    In the order of their content, so that neither ids nor the order of the table change a split.
    """
    from medxmodal.training import make_folds, preflight

    task = prepared.recipe.task.name
    pairs = sorted(zip(prepared.cohort.content, prepared.cohort, strict=True), key=lambda pair: pair[0])
    labelled = [study for _, study in pairs if study.labels.get(task) is not None]
    make_folds(prepared.recipe, labelled)
    studies, failed, shared = preflight(prepared.plan, labelled, progress)
    return studies, failed, shared


def _write(
    folder: Path,
    prepared: Prepared,
    fitted: CrossFit,
    calibrated: CalibratedRun,
    failed: dict[str, str],
    command: str,
) -> None:
    """Write the run folder, `run.json` last: a folder with it is whole."""
    from safetensors.torch import save_file

    from medxmodal.model import save_member
    from medxmodal.pipeline.metrics import metrics_of, oof_table
    from medxmodal.pipeline.provenance import run_record
    from medxmodal.reporting import model_card
    from medxmodal.training import embeddings, input_reference

    folder.mkdir(parents=True, exist_ok=True)
    out, task = fitted.out_of_fold, prepared.recipe.task.name
    hashes = [save_member(member.model, folder, index) for index, member in enumerate(fitted.members)]
    calibrated.record.write(folder / "calibration.json")
    oof_table(out, calibrated).to_parquet(folder / "oof.parquet", index=False)
    metrics = {task: metrics_of(out, calibrated, prepared.recipe)}
    write_json(folder / "metrics.json", metrics)
    if prepared.recipe.reference:
        models = [member.model for member in fitted.members]
        write_json(folder / "reference.json", input_reference(out.studies, out.names, calibrated.probability))
        tensors = embeddings(models, out.studies, out.members[:, 0], task)
        save_file(tensors, folder / "reference.safetensors")
    record = run_record(prepared, fitted, hashes, failed, command, datetime.now(UTC))
    card = model_card(record, metrics, calibrated.record.model_dump(mode="json"))
    (folder / "card.md").write_text(card.markdown(), encoding="utf-8")
    write_json(folder / "card.json", card.as_dict())
    record.write(folder / "run.json")
