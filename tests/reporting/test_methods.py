"""The methods paragraph: facts of the record, and none that it does not hold."""

from __future__ import annotations

import re

from medxmodal.records import Flow, FlowStep, Proportion
from medxmodal.reporting.methods import methods

SPACE = "\N{NO-BREAK SPACE}"


def test_it_says_who_was_found_who_left_and_how_many_had_the_label(cohort) -> None:
    record = cohort(
        first_year=2019,
        last_year=2021,
        protocol=["Each row of x is one study."],
        prevalence=Proportion(count=74, of=240, value=74 / 240, lower=0.2533, upper=0.3695),
        versions={"medxmodal": "0.1.0"},
    )
    text = methods(record).replace(SPACE, " ")
    for fact in (
        "All patients are simulated.",
        "Each row of x is one study.",
        "Of 260 records, 17 were excluded: no lesion (17) and 3 could not become a study, which leaves 240",
        "240 studies of 236 patients from 2 sites, with index times in 2019 to 2021.",
        "74 of 240 (30.8 %; 95 % interval 25.3 % to 37.0 %)",
        "licence CC0-1.0",
        "medxmodal 0.1.0 (fingerprint cdcdcdcdcdcd)",
    ):
        assert fact in text, fact


def test_numbers_in_it_are_those_of_the_record(cohort) -> None:
    record = cohort()
    held = set(re.findall(r"\d+", record.model_dump_json()))
    told = set(re.findall(r"\b\d+\b", methods(record).replace(SPACE, " ").replace("5.0 %", "")))
    assert told <= held | {str(len(record.sites)), "1"}


def test_a_record_of_before_and_a_cohort_without_label_are_told_too(cohort) -> None:
    flow = Flow(found=5, steps=[FlowStep(step="found", remaining=5)], excluded=0, failed=0, studies=5)
    text = methods(cohort(positive="", negative="", flow=flow, missingness=[]))
    assert "none was excluded" in text
    assert "label" not in text.lower()
