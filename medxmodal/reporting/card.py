"""The model card of a run: what it is for, what it was made of, how good it is, and what nobody reported.

References:
    Coalition for Health AI, applied model card v0.2: the sections and their names are taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from medxmodal.records import RunRecord
from medxmodal.reporting.card_figures import key_metrics, without_gain
from medxmodal.reporting.metrics_view import Metrics
from medxmodal.reporting.numbers import figure, listed, named, percent
from medxmodal.reporting.strings import say

Content = dict[str, Any]
SMALL_COHORT = 500
SHOWN_HASH = 16


@dataclass(frozen=True)
class ModelCard:
    """A model card, as nested sections of text.

    Args:
        title: What the card is of.
        simulated: Whether the patients were; the card says so at its top.
        content: `{section: {item: text | {item: text} | results}}`, named and ordered as in the applied
            model card of the Coalition for Health AI.
    """

    title: str
    simulated: bool
    content: Content

    def as_dict(self) -> Content:
        """The card for JSON."""
        return {"title": self.title, "simulated": self.simulated, "notice": _notice(), **self.content}

    def markdown(self) -> str:
        """The card for readers; names and titles cannot break out of their place."""
        top = [f"# {_plain(self.title)}", f"**{_notice()}**"]
        if self.simulated:
            top.append(f"**{say('banner.simulated')}**")
        return "\n\n".join([*top, *_sections(self.content, 2)]) + "\n"


def model_card(record: RunRecord, metrics: Metrics, calibration: Mapping[str, Any]) -> ModelCard:
    """The card of a run, filled from its records alone.

    Args:
        record: `run.json`.
        metrics: `metrics.json`.
        calibration: `calibration.json`; what it lacks is not reported.
    """
    unknown = say("card.unknown")
    content: Content = {
        "BasicInfo": {"ModelName": record.name, "ModelDeveloper": unknown, "DeveloperContact": unknown},
        "ReleaseInfo": {
            "ReleaseStage": say("card.stage"),
            "ReleaseDate": record.created,
            "ReleaseVersion": record.fingerprint[:SHOWN_HASH],
            "GlobalAvailability": unknown,
            "RegulatoryApproval": say("card.regulatory"),
        },
        "ModelSummary": {
            "Summary": say("card.summary", **_facts(record)),
            "Keywords": ", ".join([record.task.name, *record.modalities, str(_fusion(record))]),
        },
        "UsesAndDirections": _uses(record),
        "Warnings": _warnings(record, metrics),
        "TrustIngredients": _trust(record, calibration),
        "KeyMetrics": key_metrics(record, metrics, calibration),
        "Resources": {
            "EvaluationReferences": unknown,
            "PeerReviewedPublications": unknown,
            "PatientConsentOrDisclosure": unknown,
        },
        "Bibliography": record.cohort.cite or unknown,
    }
    return ModelCard(say("card.title", name=record.name), record.cohort.simulated, content)


def _facts(record: RunRecord) -> dict[str, object]:
    """What several sentences of the card are filled with."""
    cohort = record.cohort
    inputs = [
        say("card.input", name=named(name), kind=modality.kind)
        for name, modality in record.modalities.items()
    ]
    names = ", ".join(f"{name} {count}" for name, count in cohort.sites.items())
    sites = say("card.site" if len(cohort.sites) == 1 else "card.sites", count=len(cohort.sites), names=names)
    return {
        "task": named(record.task.name),
        "positive": record.task.positive,
        "negative": record.task.negative,
        "inputs": listed(inputs),
        "studies": cohort.studies,
        "patients": cohort.patients,
        "title": cohort.title or cohort.name,
        "licence": cohort.licence,
        "sites": sites,
        "period": say("card.period", period=cohort.index_period) if cohort.index_period else "",
        "prevalence": percent(cohort.prevalence),
    }


def _fusion(record: RunRecord) -> object:
    return record.recipe.get("fusion", {}).get("name", say("card.unknown"))


def _uses(record: RunRecord) -> Content:
    facts = _facts(record)
    return {
        "IntendedUseAndWorkflow": say("card.use", **facts),
        "PrimaryIntendedUsers": say("card.users"),
        "HowToUse": say("card.how"),
        "TargetedPatientPopulation": say("card.population", **facts),
        "CautionedOutOfScopeSettings": say("card.out"),
    }


def _warnings(record: RunRecord, metrics: Metrics) -> Content:
    cohort, facts = record.cohort, _facts(record)
    told = [say("card.risk.simulated")] if cohort.simulated else []
    told.append(say("card.risk.internal"))
    if len(cohort.sites) == 1:
        told.append(say("card.risk.one"))
    if cohort.studies < SMALL_COHORT:
        told.append(say("card.risk.small", **facts))
    if record.failed:
        told.append(say("card.risk.failed", count=len(record.failed)))
    if names := without_gain(metrics):
        told.append(say("card.risk.gain", names=listed(names)))
    return {
        "KnownRisksAndLimitations": " ".join(told),
        "KnownBiasesOrEthicalConsiderations": say("card.bias", **facts),
        "ClinicalRiskLevel": say("card.unknown"),
    }


def _trust(record: RunRecord, calibration: Mapping[str, Any]) -> Content:
    facts, unknown = _facts(record), say("card.unknown")
    threshold = calibration.get("threshold", {})
    weights = [
        f"{named(name)}: " + ", ".join(f"{key} {value}" for key, value in modality.weights.items())
        for name, modality in record.modalities.items()
        if modality.weights
    ]
    hashes = ", ".join(member.weights_sha256[:SHOWN_HASH] for member in record.members)
    system = {
        "OutcomesAndOutputs": say(
            "card.outputs",
            **facts,
            interval=_share(calibration.get("interval_level")),
            level=_share(calibration.get("conformal_level")),
            threshold=figure(threshold.get("value"), 3),
            rule=rule(threshold),
        ),
        "ModelType": say(
            "card.type",
            **facts,
            fusion=named(str(_fusion(record))),
            members=len(record.members),
            preset=record.preset,
        ),
        "FoundationModels": "; ".join(weights) or say("card.none"),
        "InputDataSource": say("card.source" if record.cohort.licence else "card.source.bare", **facts),
        "OutputAndInputDataTypes": say("card.types", **facts),
        "DevelopmentDataCharacterization": _data(record),
        "BiasMitigationApproaches": unknown,
        "OngoingMaintenance": unknown,
        "Security": say("card.security", hashes=hashes),
        "Transparency": say("card.transparency"),
    }
    packages = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return {
        "AISystemFacts": system,
        "TransparencyInformation": {
            "FundingSource": unknown,
            "ThirdPartyInformation": say("card.versions", packages=packages),
            "StakeholdersConsulted": unknown,
        },
    }


def _data(record: RunRecord) -> str:
    told = [say("card.data", **_facts(record), fingerprint=record.cohort.fingerprint[:SHOWN_HASH])]
    if record.adaptation:
        how = ", ".join(f"{key} {value}" for key, value in record.adaptation.items())
        told.append(say("card.adapted", how=how))
    if record.said:
        told.append(say("card.training.notes", said=" ".join(record.said)))
    return " ".join(told)


def rule(threshold: Mapping[str, Any]) -> str:
    """The rule of the decision threshold, in words."""
    if not threshold.get("rule"):
        return say("card.unknown")
    at = threshold.get("at")
    key = "card.rule" if at is None else "card.rule.at"
    return say(key, rule=str(threshold["rule"]).replace("_", " "), at=at)


def _share(level: float | None) -> str:
    return say("card.unknown") if level is None else percent(level, 0)


def _notice() -> str:
    return f"{say('banner.use')} {say('banner.why')}"


def _sections(content: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield f"{'#' * depth} {_heading(key)}"
            yield from _sections(value, depth + 1)
        elif value == []:
            continue
        elif isinstance(value, list):
            yield f"**{_heading(key)}**"
            yield "\n".join(_results(value))
        elif depth == 2:
            yield f"## {_heading(key)}"
            yield _plain(str(value))
        else:
            yield f"**{_heading(key)}**: {_plain(str(value))}"


def _results(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    columns = list(rows[0]) if rows else []
    if columns:
        yield "| " + " | ".join(_heading(column) for column in columns) + " |"
        yield "|" + " --- |" * len(columns)
    for row in rows:
        yield "| " + " | ".join(_plain(str(row[column])) for column in columns) + " |"


def _heading(key: str) -> str:
    """A name of the card's schema as words.

    Example:
        >>> _heading("IntendedUseAndWorkflow"), _heading("AISystemFacts"), _heading("Value")
        ('Intended use and workflow', 'AI system facts', 'Value')
    """
    first, *rest = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+", key)
    return " ".join([first, *(word if word.isupper() else word.lower() for word in rest)])


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
