"""A spec in words: everything that decides who is in and what is asked is said."""

from __future__ import annotations

from typing import Any

import pytest

from medxmodal.cohort import CohortSpec
from medxmodal.cohort.describe.words import duration, protocol
from medxmodal.shipped import shipped_names

AHEAD: dict[str, Any] = {
    "name": "ahead",
    "table": {"fhir": "Patient", "files": "*.json.gz"},
    "tables": {
        "conditions": {"fhir": "Condition", "files": "*.json.gz"},
        "encounters": {"fhir": "Encounter", "files": "*.json.gz"},
        "observations": {"fhir": "Observation", "files": "*.json.gz"},
    },
    "index_time": {"from": "encounters", "take": "first", "after": "24 h"},
    "window": {"from": "-1 a"},
    "label": {
        "name": "hypertension", "from": "conditions", "where": "code == '38341003'", "gap": "1 d",
        "horizon": "5 a", "followed": "encounters",
    },
    "exclude": [{"from": "conditions", "where": "code == '38341003'", "reason": "prevalent"}],
    "site": {"value": "here"},
    "modalities": {
        "tabular": {
            "kind": "tabular",
            "columns": {
                "sex": {"type": "category"},
                "pressure": {"type": "number", "from": "observations", "column": "value", "take": "min"},
            },
        },
        "vitals": {"kind": "timeseries", "from": "observations", "columns": {"value": {"type": "number"}}},
        "notes": {"kind": "text", "from": "observations", "line": "{code}: {value}", "hide": ["tension*"]},
    },
    "leaks": ["outcome"],
}  # fmt: skip


def test_a_label_ahead_of_time_is_said_with_its_gap_and_horizon() -> None:
    text = "\n".join(protocol(CohortSpec.parse(AHEAD)))
    for fact in (
        "Each FHIR Patient resource (patient: id) gives one study at the first row of the table encounters.",
        "The index time is 24 hours after the time of that row of encounters",
        "read from 1 year before the index time up to it",
        "Excluded were: prevalent (conditions: code == '38341003').",
        "within the 5 years that begin 1 day after the index time",
        "encounters show that the record was followed until then; otherwise unknown",
        "Input tabular: 1 category and 1 number; of several rows the lowest (1).",
        "Input vitals: 1 value over time from the table observations",
        "what names the label is blanked out (1 word)",
        "Never used, since they tell the label: outcome.",
        "keyed pseudonyms",
    ):
        assert fact in text, fact


@pytest.mark.parametrize("name", shipped_names("cohorts"))
def test_every_shipped_cohort_is_said_in_sentences(name: str) -> None:
    sentences = protocol(CohortSpec.read(name))
    assert all(sentence.endswith(".") and "None" not in sentence for sentence in sentences)
    assert len(sentences) == len(set(sentences)) >= 5


@pytest.mark.parametrize(
    ("text", "told"),
    [("24 h", "24 hours"), ("-1 a", "1 year"), ("1.0 d", "1 day"), ("2.5 wk", "2.5 weeks"), ("soon", "soon")],
)
def test_durations(text: str, told: str) -> None:
    assert duration(text) == told


def test_records_made_of_several_rows_are_named_by_what_tells_them_apart() -> None:
    assert protocol(CohortSpec.read("dicom_brain"))[0].startswith(
        "Each distinct StudyInstanceUID of the DICOM series"
    )
