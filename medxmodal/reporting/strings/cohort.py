"""The words of the index of a report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COHORT: Mapping[str, str] = MappingProxyType(
    {
        "index.title": "{question} {cohort}",
        "index.short": "In short",
        "index.count.pages": "studies explained",
        "index.count.positive": "called {name}",
        "index.count.either": "could fall either way",
        "index.count.failed": "without an explanation",
        "index.either": "Where the interval crosses the threshold, the decision could fall either way: "
        "look at these first.",
        "index.threshold": "threshold {threshold}",
        "index.studies": "Studies",
        "index.order": "Highest probability first. Each study leads to its own page.",
        "index.study": "Study",
        "index.patient": "patient {patient}",
        "index.probability": "Probability of {positive}",
        "index.called": "Called",
        "index.either.one": "could fall either way",
        "index.inputs": "Inputs",
        "index.without": "without {names}",
        "index.all": "all {count}",
        "index.none": "none",
        "index.status.abstained": "abstained",
        "index.status.failed": "failed",
        "index.failed": "Studies without an explanation",
        "index.failed.text": "These have no page, and this is why.",
        "index.reason": "Reason",
        "index.reason.unknown": "no reason is recorded",
        "index.nobody": "No study could be explained.",
        "index.made": "Explained {created}",
    }
)
