"""What made a run: versions, hardware, members. Everything needed to make it again."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from medxmodal.records import CohortFacts, MemberFacts, ModalityRecord, RunRecord, TaskFacts

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.pipeline.prepare import Prepared
    from medxmodal.training import CrossFit

PACKAGES = ("medxmodal", "torch", "monai", "lightning", "captum", "numpy", "scikit-learn", "pandas")


def package_versions() -> dict[str, str]:
    """Version of each package that shapes results."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def hardware() -> dict[str, str]:
    """What the run was made on."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {
        "machine": platform.machine(),
        "cores": str(os.cpu_count()),
        "gpu": gpu,
        "system": platform.system(),
    }


def run_record(
    prepared: Prepared,
    fitted: CrossFit,
    hashes: Sequence[str],
    failed: Mapping[str, str],
    command: str,
    created: datetime,
) -> RunRecord:
    """`run.json` of a finished training."""
    recipe, plan = prepared.recipe, prepared.plan
    spec = prepared.cohort.spec
    models = [member.model for member in fitted.members]
    return RunRecord(
        name=prepared.name,
        created=created.isoformat(timespec="seconds"),
        fingerprint=prepared.fingerprint,
        recipe=recipe.as_dict(),
        preset=plan.preset.name,
        task=TaskFacts(
            name=recipe.task.name,
            kind=recipe.task.kind,
            positive=recipe.task.positive or spec.positive,
            negative=spec.negative,
        ),
        cohort=_cohort_facts(prepared.cohort, fitted),
        modalities={
            name: ModalityRecord(
                kind=str(plan.settings[name]["name"]),
                settings=dict(plan.settings[name]),
                spec=prepared.cohort.spec.modalities[name].model_dump(mode="json"),
                weights=models[0].modality(name).weights_facts(),
            )
            for name in plan.settings
        },
        members=[
            MemberFacts(
                member=index,
                fold=fold.fold,
                repeat=fold.repeat,
                seed=seed,
                trained=member.trained,
                epochs=member.epochs,
                weights_sha256=sha256,
                interaction=member.interaction,
                seconds=round(member.seconds, 2),
            )
            for index, (member, fold, seed, sha256) in enumerate(
                zip(fitted.members, fitted.folds, fitted.seeds, hashes, strict=True)
            )
        ],
        seeds={"recipe": recipe.seed},
        versions=package_versions(),
        hardware=hardware(),
        said=list(prepared.said),
        failed=dict(failed),
        command=command,
    )


def _cohort_facts(cohort: Cohort, fitted: CrossFit) -> CohortFacts:
    out = fitted.out_of_fold
    sites, counts = np.unique([study.site for study in out.studies], return_counts=True)
    return CohortFacts(
        name=cohort.spec.name,
        title=cohort.spec.title,
        fingerprint=cohort.fingerprint,
        licence=cohort.spec.licence,
        cite=cohort.spec.cite,
        simulated=cohort.spec.simulated,
        studies=len(out.studies),
        patients=len(set(out.patients)),
        sites=dict(zip(sites.tolist(), counts.tolist(), strict=True)),
        prevalence=float(out.labels.mean()),
        index_period=_period(cohort),
    )


def _period(cohort: Cohort) -> str:
    """The years of the index times, from the first to the last; empty when unknown."""
    years = sorted({year for year in cohort.period if year is not None})
    return "" if not years else f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}"
