"""Words of a note: spans cover it, negation has a scope, and rare words stay out of a vocabulary."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.modalities.tokens import DENIED, learn_vocabulary, split_words


def keys(text: str) -> list[str]:
    return [word.key for word in split_words(text)]


def denied(text: str) -> set[str]:
    return {word.text.lower() for word in split_words(text) if word.key.startswith(DENIED)}


@given(st.text())
def test_spans_are_the_note_without_its_blanks(text: str) -> None:
    words = split_words(text)
    assert all(text[word.start : word.end] == word.text for word in words)
    assert "".join(word.text for word in words) == "".join(text.split())
    assert all(a.end <= b.start for a, b in pairwise(words))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no fever", {"fever"}),
        ("Fever and cough.", set()),
        ("Denies fever, chills and cough. Reports pain.", {"fever", "chills", "and", "cough"}),
        ("No fever but cough", {"fever"}),
        ("Patient doesn't smoke; drinks", {"smoke"}),
        ("without pain\n\nFever since days", {"pain"}),
        ("no pain\n- fever\n- cough", {"pain"}),
        ("no pain or\n  fever", {"pain", "or", "fever"}),
        ("NO FEVER", {"fever"}),
        ("no", set()),
        ("nothing and noise", set()),
        ("not without fever", {"fever"}),
    ],
)
def test_a_negation_reaches_as_far_as_its_sentence(text: str, expected: set[str]) -> None:
    assert denied(text) == expected


def test_negations_are_a_setting() -> None:
    words = split_words("kein Fieber", negations=("kein", "keine", "ohne"))
    assert [word.key for word in words] == ["kein", f"{DENIED}fieber"]


def test_case_and_apostrophe_and_width_do_not_make_new_words() -> None:
    assert keys("Fever") == keys("FEVER") == keys("\uff26ever") == ["fever"]
    assert keys("Crohn\u2019s") == keys("crohn's") == ["crohn's"]
    assert keys("follow-up") == ["follow-up"]


@given(st.text(alphabet="no~fever ."))
def test_no_word_of_a_note_can_pass_for_a_denied_one(text: str) -> None:
    """Written by hand, the mark of a denied word is split off; only a negation makes it."""
    keys_there = [word.key for word in split_words(text, negations=())]
    assert not [key for key in keys_there if key.startswith(DENIED)]


def test_a_word_of_few_patients_is_left_out() -> None:
    notes = [split_words(text) for text in ("fever Smith", "fever Smith", "fever Smith", "fever cough")]
    assert learn_vocabulary(notes, ["a", "a", "a", "b"], fewest=2, most=10) == ["fever"]
    assert learn_vocabulary(notes, ["a", "b", "c", "d"], fewest=2, most=10) == ["fever", "smith"]
    assert learn_vocabulary(notes, ["a", "b", "c", "d"], fewest=1, most=1) == ["fever"]


def test_a_vocabulary_does_not_depend_on_the_order_of_the_notes() -> None:
    texts = ["fever cough", "cough pain", "pain fever", "no pain"]
    owners = ["a", "b", "c", "d"]
    forwards = learn_vocabulary([split_words(t) for t in texts], owners, 1, 100)
    backwards = learn_vocabulary([split_words(t) for t in texts[::-1]], owners[::-1], 1, 100)
    assert forwards == backwards
