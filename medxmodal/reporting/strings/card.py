"""The words of the model card. What no record holds says "not reported"."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CARD: Mapping[str, str] = MappingProxyType(
    {
        "card.title": "Model card: {name}",
        "card.unknown": "not reported",
        "card.none": "none",
        "card.stage": "research",
        "card.regulatory": "None. Research use, not a diagnosis.",
        "card.summary": "Estimates the probability of {positive} (against {negative}) from {inputs}. Any of "
        "these may be missing from any study. Trained on {studies} studies of {patients} patients.",
        "card.use": "Research on {task}: probabilities for whole cohorts, each with an explanation that a "
        "qualified reader can check. It supports a reader and replaces none.",
        "card.users": "Clinical researchers, and data engineers who score cohorts for them.",
        "card.how": "medxmodal score RUN --cohort COHORT --out SCORES; "
        "medxmodal explain RUN --cohort COHORT --out EXPLAIN",
        "card.population": "Patients like those of “{title}”: {sites}{period}, {positive} in {prevalence}.",
        "card.sites": "{count} sites ({names})",
        "card.site": "one site ({names})",
        "card.period": ", {period}",
        "card.out": "Care of patients. Patients, devices or hospitals unlike those of training; another "
        "prevalence without `medxmodal adapt`.",
        "card.risk.internal": "All figures below are internal (out-of-fold on the training cohort), "
        "not from another hospital.",
        "card.risk.one": "All patients come from one site: how the model does elsewhere is not known.",
        "card.risk.small": "With {studies} studies all figures are uncertain; read their intervals.",
        "card.risk.simulated": "The patients are simulated: the figures say nothing about real ones.",
        "card.risk.failed": "{count} studies could not be read and were left out of training.",
        "card.risk.gain": "No evidence that fusing gains over {names}.",
        "card.bias": "Performance by subgroup is not reported. The share of {positive} in training was "
        "{prevalence}; groups that were rare in training are likely to be served worse.",
        "card.outputs": "A calibrated probability of {positive} with its {interval} interval, a decision at "
        "the threshold {threshold} ({rule}), a {level} prediction set, and the exact share of each input.",
        "card.rule": "rule “{rule}”",
        "card.rule.at": "rule “{rule}” at {at}",
        "card.type": "{fusion} fusion of {inputs}; {members} members, preset {preset}.",
        "card.input": "{name} ({kind})",
        "card.source": "{title} ({licence})",
        "card.source.bare": "{title}",
        "card.types": "In: {inputs}. Out: probability, interval, decision, prediction set, shares.",
        "card.data": "{studies} studies of {patients} patients, {sites}{period}; {positive} in {prevalence}. "
        "Cohort fingerprint {fingerprint}.",
        "card.adapted": "Adapted: {how}.",
        "card.security": "Weights are safetensors with these SHA-256: {hashes}. Nothing in the run is "
        "executed when it is read.",
        "card.transparency": "Every prediction comes with shares that sum to it exactly; `medxmodal explain` "
        "adds attributions and `medxmodal report` a page for each study.",
        "card.useful.goal": "Rank studies with {positive} above those with {negative}.",
        "card.safe.goal": "Probabilities that can be taken at their word, and a threshold that keeps its "
        "rule.",
        "card.useful.read": "AUROC 0.5 is chance, 1 is perfect. {gains}",
        "card.gain": "Fused against {name}: {words} (AUROC {value}).",
        "card.safe.read": "Slope 1 and intercept 0 are right. At the threshold, on the data it was chosen "
        "on: sensitivity {sensitivity}, specificity {specificity}.",
        "card.test": "internal: cross-validation by patient",
        "card.validation": "{scheme} with {folds} folds and {repeats} repeats, split by {group}; each study "
        "answered by members that had not seen it or its patient; intervals resample patients.",
        "card.training.notes": "Said in training: {said}",
        "card.versions": "{packages}",
    }
)
