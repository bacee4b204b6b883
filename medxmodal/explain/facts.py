"""What an explanation says besides attributions: the question, the model, each modality's part."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from medxmodal.cohort.study import joined_sha256, references
from medxmodal.errors import RunError
from medxmodal.records import ModalityFacts, ModelFacts, Question

if TYPE_CHECKING:
    from medxmodal.cohort.spec.cohort_spec import CohortSpec
    from medxmodal.cohort.study import Study
    from medxmodal.model import LoadedRun, Prediction
    from medxmodal.records import CalibrationRecord, PredictionRecord

RULES = {
    "sensitivity": "sensitivity of at least {at}",
    "specificity": "specificity of at least {at}",
    "youden": "largest sum of sensitivity and specificity",
    "net_benefit": "the probability {at} at which harm and benefit of acting balance",
    "fixed": "fixed at {at}",
}


def question(run: LoadedRun, spec: CohortSpec | None, *, seen: bool = False) -> Question:
    """What was asked.

    Args:
        run: The run.
        spec: The cohort that the study is from; None for a study by itself, whose cohort nobody named.
        seen: Whether the study is one that the run was trained on.
    """
    task, trained = run.record.task, run.record.cohort
    known = spec or (trained if seen else None)
    return Question(
        task=task.name,
        positive=task.positive,
        negative=task.negative,
        cohort=known.name if known else "",
        cohort_title=(known.title or known.name) if known else "",
        simulated=known.simulated if known else trained.simulated,
    )


def licence(run: LoadedRun, spec: CohortSpec | None, *, seen: bool) -> str:
    """Licence of the data, as far as it is known; arguments as for `question`."""
    known = spec or (run.record.cohort if seen else None)
    return known.licence if known else ""


def model_facts(run: LoadedRun) -> ModelFacts:
    """Which model answers, and how it did out-of-fold."""
    record, calibration = run.record, run.calibration
    return ModelFacts(
        run=record.name,
        weights=weights_hash(run),
        version=record.versions.get("medxmodal", ""),
        created=record.created,
        members=len(run.members),
        fusion=str(run.members[0].fusion.registered_name),
        trained_on=record.cohort.title or record.cohort.name,
        studies=record.cohort.studies,
        prevalence=record.cohort.prevalence,
        threshold_rule=threshold_rule(calibration),
        performance=_performance(run),
        adapted=str(record.adaptation.get("how", "")),
        interval_level=calibration.interval_level,
        set_level=calibration.conformal_level,
    )


def weights_hash(run: LoadedRun) -> str:
    """One SHA-256 over the weights of all members, hex."""
    parts = [facts.weights_sha256 for facts in run.record.members]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def threshold_rule(calibration: CalibrationRecord) -> str:
    """How the threshold was chosen, in words; a rule of another version by its name."""
    rule, at = calibration.threshold.rule, calibration.threshold.at
    if rule not in RULES:
        return rule
    return RULES[rule].format(at="" if at is None else f"{100 * at:.4g} %")


def _performance(run: LoadedRun) -> dict[str, dict[str, float | None]]:
    path = run.folder / "metrics.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        fused = table[run.record.task.name]["fused"]
        return {
            metric: {key: _finite(value) for key, value in estimate.items()}
            for metric, estimate in fused.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise RunError(
            f"{path.name} of the run is damaged: {type(error).__name__}", hint="Copy the run again, whole."
        ) from error


def _finite(value: Any) -> float | None:  # noqa: ANN401 - whatever stands in the JSON
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def modality_facts(run: LoadedRun, made: Prediction, record: PredictionRecord) -> list[ModalityFacts]:
    """What each modality said in one study.

    Each probability is calibrated for the very set of modalities that it rests on.

    Args:
        run: The run.
        made: The study's prediction, one row.
        record: The same prediction, calibrated.
    """
    pattern = int(made.pattern()[0])
    found = []
    for index, name in enumerate(made.names):
        there = record.present[name]
        alone = without = None
        if there:
            alone = _probability(run, float(made.alone(index)[0]), 2**index)
            without = _probability(run, float(made.without(index)[0]), pattern & ~(2**index))
        found.append(
            ModalityFacts(
                name=name,
                kind=run.record.modalities[name].kind,
                present=there,
                share=record.shares[name],
                evidence=record.evidence[name] if there else None,
                alone=alone,
                without=without,
                why_absent="" if there else f"no {name.replace('_', ' ')} in the record",
            )
        )
    return found


def _probability(run: LoadedRun, logit: float, pattern: int) -> float:
    calibrated = run.calibration.calibrate(np.array([logit]), np.array([pattern]), np.zeros(1))
    return float(calibrated.probability[0])


def input_hashes(study: Study, names: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of what the study gives: each file by `<modality>.<field>`, other values by `<modality>`."""
    found: dict[str, str] = {}
    for name in names:
        fields = study.inputs.get(name, {})
        files = {key: references(value) for key, value in fields.items() if references(value)}
        found |= {f"{name}.{key}": joined_sha256([f.sha256 for f in files[key]]) for key in sorted(files)}
        values = {key: value for key, value in fields.items() if key not in files and value is not None}
        if values:
            content = json.dumps(values, sort_keys=True, ensure_ascii=False)
            found[name] = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    return found
