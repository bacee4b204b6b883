"""The page of one study: every fact of the record, nothing that runs, nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from medxmodal.errors import ReportError
from medxmodal.records import Bar, BarsPanel, HeatmapPanel, Token, TokensPanel
from medxmodal.reporting import Identity, explanation_card, explanation_page

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)> & \"quoted\" {{ 7 * 7 }}"


class Reader(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.hidden = 0
        self.feed(page)
        self.text = " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.hidden += tag == "style"

    def handle_endtag(self, tag) -> None:
        self.hidden -= tag == "style"

    def handle_data(self, data) -> None:
        if not self.hidden:
            self.words.append(data)


def assert_inert(page: str) -> None:
    """No script, no handler, and nothing that would be fetched."""
    found = Reader(page)
    assert not {"script", "object", "embed", "link", "form", "base"} & set(found.tags)
    for name, value in found.attributes:
        assert not name.startswith("on"), name
        if name in {"src", "href", "srcset", "data", "action"}:
            assert value.startswith(("data:image/png;base64,", "#")) or re.fullmatch(
                r"[\w.-]+\.html", value
            ), value[:60]
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_says_what_the_record_says(study, arrays) -> None:
    page = explanation_page(study(), arrays, home="index.html")
    text = Reader(page).text
    for fact in (
        "Research use, not a diagnosis.",
        "Simulated patients: nobody here is real.",
        "Disease or healthy?",
        "S-0012",
        "P-0007",
        "62 % calibrated probability of disease 95 % interval: 48 % to 74 %",
        "Called disease",
        "62 % is at or above the threshold of 21 %.",
        "rule “sensitivity at 0.9”",
        "It was answered only by the member that never saw it.",
        "All 3 inputs were there.",
        "6 of 7 values known",
        "Tabular and Image speak for disease. Text speaks against it.",
        "The shares are exact Shapley values and sum to +1.20",
        "48 mg/L ▲ above the reference range",
        "reference 135 to 250 U/L",
        "▼ below the reference range",
        "Missing in this study Creatinine (+0.03).",
        "Strongest for: “fever” (+0.31)",
        "Strongest against: “no” (\N{MINUS SIGN}0.12).",
        "15 by 15 fields",
        "what is left over is 0.0004",
        "AUROC",
        "0.80 to 0.90",
        "medxmodal explain RUN",
    ):
        assert fact in text, fact
    assert_inert(page)
    assert len(page.encode()) < 1_500_000
    assert page.startswith("<!doctype html>")


def test_missing_inputs_are_said_to_be_missing_and_weigh_nothing(study, arrays) -> None:
    text = Reader(explanation_page(study(absent=("image", "text")), {})).text
    assert "1 of 3 inputs were there. The answer rests on these alone." in text
    assert text.count("Not there for this study: no file is named for this study.") == 2
    assert "An absent input has a share of exactly zero." in text
    nothing = study(absent=("image", "tabular", "text"))
    assert "The answer is the base rate of training." in Reader(explanation_page(nothing, {})).text


@pytest.mark.parametrize("status", ["failed", "abstained"])
def test_no_answer_is_no_number(study, arrays, status) -> None:
    fields = dict.fromkeys(("probability", "lower", "upper", "threshold", "logit", "empty_logit"))
    record = study(prediction={**fields, "status": status, "decision": "", "error": "the image is cut off"})
    text = Reader(explanation_page(record, arrays)).text
    assert "No answer" in text
    assert "the image is cut off" in text
    assert "Called" not in text
    assert "95 % interval:" not in text


def test_hostile_text_stays_text(study, arrays) -> None:
    record = study(
        study_id=HOSTILE,
        question=study().question.model_copy(update={"positive": HOSTILE, "cohort_title": HOSTILE}),
        panels=[
            HeatmapPanel(modality="image", title=HOSTILE, image="image.image", heat=None, note=HOSTILE),
            BarsPanel(
                modality="tabular",
                title=HOSTILE,
                bars=[Bar(name="a", label=HOSTILE, value=HOSTILE, unit=HOSTILE, attribution=0.1)],
            ),
            TokensPanel(modality="text", title="x", tokens=[Token(text=HOSTILE, attribution=1.0)]),
        ],
        command=HOSTILE,
        licence=HOSTILE,
    )
    for page in (explanation_page(record, arrays), explanation_card(record, arrays)):
        assert "<script" not in page
        assert "<img src=x" not in page
    assert_inert(explanation_page(record, arrays))
    assert "{{ 7 * 7 }}" in Reader(explanation_page(record, arrays)).text


def test_text_written_from_right_to_left_is_kept_in_its_place(study, arrays) -> None:
    words = [Token(text="חום", attribution=0.4), Token(text="ושיעול", attribution=0.1)]
    record = study(panels=[TokensPanel(modality="text", title="Note", tokens=words)])
    page = explanation_page(record, arrays)
    assert '<p class="note" dir="auto"><mark class="for l3">חום</mark>' in page


def test_a_withheld_note_shows_no_word(study, arrays) -> None:
    panel = TokensPanel(
        modality="text", title="Note", tokens=[Token(text="secret", attribution=1)], withheld=True
    )
    page = explanation_page(study(panels=[panel]), arrays)
    assert "secret" not in page
    assert "its text is withheld" in page


def test_a_map_that_is_zero_or_missing_is_said_to_be(study, arrays) -> None:
    flat = arrays | {"image.heat": np.zeros((15, 15), np.float32)}
    assert "The map is zero everywhere" in explanation_page(study(), flat)
    none = [HeatmapPanel(modality="image", title="Image", image="image.image", heat=None)]
    assert "There is no map for this image." in explanation_page(study(panels=none), arrays)


def test_a_map_against_its_own_image_is_not_left_unexplained(study, arrays) -> None:
    words = "The strongest place speaks against disease, while the image as a whole speaks for disease"
    assert words in explanation_page(study(), arrays | {"image.heat": -arrays["image.heat"]})
    assert "as a whole speaks" not in explanation_page(study(), arrays)


@pytest.mark.parametrize(
    "wrong",
    [
        {"image.image": np.zeros((4, 4), np.float32)},
        {"image.heat": np.full((3, 3), np.nan, np.float32)},
        {"image.heat": np.zeros((2, 2, 2), np.float32)},
        {"image.image": np.zeros((0, 4), np.uint8)},
    ],
)
def test_arrays_that_are_no_image_or_map_are_refused(study, arrays, wrong) -> None:
    with pytest.raises(ReportError, match=r"must be|not finite"):
        explanation_page(study(), arrays | wrong)


def test_an_array_that_is_not_there_is_named(study) -> None:
    with pytest.raises(ReportError, match=r"needs the array 'image\.image'"):
        explanation_page(study(), {})


def test_many_noisy_images_stay_below_the_limit(study, rng) -> None:
    panels = [
        HeatmapPanel(modality="image", title=f"View {k}", image="a", heat="b", rows=14, columns=14)
        for k in range(3)
    ]
    noise = {
        "a": rng.integers(0, 256, (1500, 1200, 3), dtype=np.uint8),
        "b": rng.normal(size=(14, 14)),
    }
    assert len(explanation_page(study(panels=panels), noise)) < 1_500_000


def test_a_keyed_page_names_the_patient_and_says_so(study, arrays) -> None:
    who = Identity(study_id="ACC-778", patient_id="Jane Roe")
    page = explanation_page(study(), arrays, identity=who)
    text = Reader(page).text
    assert "Jane Roe" in text
    assert "ACC-778" in text
    assert "Re-identified: this page names a patient." in text
    title = page.split("<title>")[1].split("</title>")[0]
    assert "S-0012" in title
    assert "ACC-778" not in title
    assert "P-0007" not in text
    assert "Re-identified" not in explanation_page(study(), arrays)


def test_the_card_keeps_the_page_in_a_frame_that_runs_nothing(study, arrays) -> None:
    card = explanation_card(study(), arrays)
    found = Reader(card)
    attributes = dict(found.attributes)
    assert attributes["sandbox"] == ""
    assert attributes["srcdoc"] == explanation_page(study(), arrays)
    assert found.tags.count("iframe") == 1
    assert "body" not in found.tags
