"""A cohort described: the same facts on a page, in a card and in a terminal."""

from __future__ import annotations

import re

import pytest

from medxmodal.records import (
    BurntInText,
    Flow,
    FlowStep,
    LeakSuspect,
    Missingness,
    Problem,
    Quality,
    TableRow,
)
from medxmodal.reporting import cohort_card, cohort_page, cohort_text

HOSTILE = "<script>alert(1)</script> & {{ 7 * 7 }}"
FACTS = (
    "Simulated patients of three hospitals",
    "Simulated patients: nobody here is real.",
    "Disease or healthy?",
    "north 100, south 140",
    "260 found, 17 excluded, 3 failed: 240 studies.",
    "22 [9, 41]",
    "12 (5.0 %)",
    "0.66",
    "treatment",
    "the image is cut off",
)


@pytest.mark.parametrize("make", [cohort_page, cohort_card, cohort_text])
def test_every_form_holds_the_facts(cohort, make) -> None:
    text = make(cohort()).replace("\N{NO-BREAK SPACE}", " ")
    for fact in FACTS:
        assert fact in text, fact
    assert "{'" not in text


def test_page_and_text_show_flow_sets_and_what_is_missing(cohort) -> None:
    for make in (cohort_page, cohort_text):
        text = make(cohort()).replace("\N{NO-BREAK SPACE}", " ")
        for fact in (
            "no lesion",
            "Image + Tabular + Text",
            "nothing",
            "54 %",
            "5.0 %",
            "Tabular: CRP",
        ):
            assert fact in text, fact


@pytest.mark.parametrize(("auroc", "alarmed"), [(0.61, True), (0.6, False), (0.5, False), (None, False)])
def test_absence_that_tells_the_label_raises_an_alarm(cohort, auroc, alarmed) -> None:
    for make in (cohort_page, cohort_card, cohort_text):
        assert ("hide presence" in make(cohort(mask_only_auroc={"all": auroc}))) == alarmed


def test_hostile_words_stay_words(cohort) -> None:
    record = cohort(
        title=HOSTILE,
        positive=HOSTILE,
        sites={HOSTILE: 3},
        table1=[TableRow(variable=HOSTILE, level=HOSTILE, unit=HOSTILE, summary={"all": HOSTILE})],
        quality=Quality(problems=[Problem(study_id=HOSTILE, reason=HOSTILE)], notes=[HOSTILE]),
    )
    for make in (cohort_page, cohort_card):
        html = make(record)
        assert "<script" not in html
        assert "{{ 7 * 7 }}" in html


def test_an_empty_cohort_is_described_too(cohort) -> None:
    flow = Flow(
        found=0, steps=[FlowStep(step="records in the table", remaining=0)], excluded=0, failed=0, studies=0
    )
    record = cohort(
        studies=0, patients=0, sites={}, labelled=0, positives=0, modalities={}, cooccurrence=[], flow=flow,
        table1=[], missingness=[], mask_only_auroc={}, quality=Quality(),
    )  # fmt: skip
    for make in (cohort_page, cohort_card, cohort_text):
        assert make(record)
    assert "No problem was found." in cohort_text(record)
    assert "Nothing is missing." in cohort_page(record)


def test_many_problems_are_counted_not_listed(cohort) -> None:
    same = [Problem(study_id=f"S-{k}", modality="image", reason="cut off") for k in range(500)]
    other = [Problem(study_id=f"S-{k}", modality="image", reason=f"reason {k}") for k in range(40)]
    text = cohort_text(cohort(quality=Quality(problems=same + other)))
    assert "500 times: image: cut off" in text
    assert "and 29 more" in text
    assert len(text) < 6000


def test_lines_of_the_text_are_those_of_a_terminal(cohort) -> None:
    lines = cohort_text(cohort()).splitlines()
    assert max(len(line) for line in lines) <= 100
    assert all(line == line.rstrip() for line in lines)


def test_leaks_units_and_near_images_of_the_quality_check_are_shown(cohort) -> None:
    found = Quality(
        leak_suspects=[
            LeakSuspect(
                kind="word", name="text: covid", auroc=0.97, lower=0.93, upper=0.99, n=200, why="alone"
            )
        ],
        near_duplicates=[["S-1", "S-2"]],
        burnt_in_text={"image": BurntInText(studies=100, suspected=20, share=0.2)},
        units={"tabular.CRP": {"mg/L": 100, "mg/dL": 7}},
    )
    for make in (cohort_page, cohort_text):
        text = make(cohort(quality=found)).replace("\N{NO-BREAK SPACE}", " ")
        for fact in ("text: covid", "0.97", "0.93 to 0.99", "S-1, S-2", "suspected in 20 of 100", "mg/dL 7"):
            assert fact in text, fact


def test_the_page_is_one_file_without_script_and_its_figures_are_named(cohort) -> None:
    html = cohort_page(cohort(protocol=[HOSTILE], rebuild="medxmodal build demo --data DATA --out COHORT"))
    assert "<script" not in html
    assert not re.search(r"(?:src|href)=|url\((?!#head)|@import|https?:", html)
    assert html.count("<svg") == html.count('role="img"') == 2
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert "medxmodal build demo --data DATA --out COHORT" in html


def test_a_record_without_the_newer_fields_still_shows(cohort) -> None:
    record = cohort()
    newer = {name for name in type(record).model_fields if name not in record.model_fields_set}
    assert {"protocol", "groups", "table1_by", "prevalence"} <= newer
    old = type(record).model_validate_json(record.model_dump_json(exclude_unset=True))
    assert old == record
    assert "74 of 240" in cohort_page(old)


@pytest.mark.parametrize(("columns", "sites"), [(2, 1), (200, 200)])
def test_few_and_many_columns_and_sites(cohort, columns, sites) -> None:
    names = {f"h{k}": 3 for k in range(sites)}
    rows = [
        Missingness(field=f"tabular.c{k}", overall=(k % 9) / 9, by_site=dict.fromkeys(names, 0.5))
        for k in range(columns)
    ]
    html = cohort_page(cohort(sites=names, missingness=rows))
    assert html.count('<td class="m') <= columns * 4
    assert len(html) < 40_000 + columns * 600


def test_a_cell_cannot_turn_the_words_of_the_page_around(cohort) -> None:
    turned = "\N{RIGHT-TO-LEFT OVERRIDE}esrever \N{HEBREW LETTER SHIN}"
    page = cohort_page(cohort(title=turned))
    assert "esrever \N{HEBREW LETTER SHIN}" in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page
