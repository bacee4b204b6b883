"""The where grammar: what it prints parses to itself, it agrees with a plain evaluation, and is no Python."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.spec.where import (
    Among,
    Both,
    Comparison,
    Either,
    Missing,
    Not,
    Rule,
    columns_of,
    parse_where,
)
from medxmodal.errors import SpecError

COLUMNS = ["Age", "Sex", "two words", "not", "Größe"]
columns = st.sampled_from(COLUMNS)
texts = st.text(st.characters(exclude_characters="'\"\n\r\0", codec="utf-8"), max_size=8)
numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3) + 0.0)
literals = st.one_of(numbers, texts)
leaves = st.one_of(
    st.builds(Comparison, columns, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), literals),
    st.builds(Among, columns, st.lists(literals, min_size=1, max_size=3).map(tuple)),
    st.builds(Missing, columns),
)
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner), st.builds(Both, inner, inner), st.builds(Either, inner, inner)
    ),
    max_leaves=8,
)
cells = st.one_of(st.none(), st.sampled_from(["3", "3.0", "-2.5", "f", "m", "inf", "nan"]), texts)
rows = st.fixed_dictionaries({column: cells for column in COLUMNS})


@given(rules)
def test_what_is_printed_parses_to_itself(rule: Rule) -> None:
    assert parse_where(str(rule)) == rule
    assert columns_of(parse_where(str(rule))) == columns_of(rule)


@given(rules, rules, rows)
def test_three_valued_logic(a: Rule, b: Rule, row: dict[str, str | None]) -> None:
    order = {False: 0, None: 1, True: 2}
    left, right = a.holds(row), b.holds(row)
    back = {0: False, 1: None, 2: True}
    assert Both(a, b).holds(row) is back[min(order[left], order[right])]
    assert Either(a, b).holds(row) is back[max(order[left], order[right])]
    assert Not(Both(a, b)).holds(row) is Either(Not(a), Not(b)).holds(row)
    assert Not(Not(a)).holds(row) is left


@given(st.text(max_size=60))
def test_any_text_parses_or_is_one_readable_error(text: str) -> None:
    try:
        parse_where(text)
    except SpecError as error:
        said = error.message
    else:
        return
    assert "at character" in said or "nested" in said


@pytest.mark.parametrize(
    ("text", "row", "holds"),
    [
        ("Age >= 18", {"Age": "18"}, True),
        ("Age >= 18", {"Age": "17.9"}, False),
        ("Age >= 18", {"Age": None}, None),
        ("Age >= 18", {"Age": "adult"}, None),
        ("Age >= 18", {"Age": "nan"}, None),
        ("Age == 18", {"Age": "18.0"}, True),
        ("Age == '18'", {"Age": "18.0"}, False),
        ("Sex != 'f'", {"Sex": "m"}, True),
        ("Sex != 'f'", {"Sex": None}, None),
        ("Sex in ['f', 'm']", {"Sex": "m"}, True),
        ("Sex not in ['f', 'm']", {"Sex": "m"}, False),
        ("Age in [1, 2.5]", {"Age": "2.50"}, True),
        ("Sex is missing", {"Sex": None}, True),
        ("Sex is not missing", {"Sex": None}, False),
        ("not Sex == 'f' and Age < 3", {"Sex": "m", "Age": "2"}, True),
        ("Sex == 'f' or Sex == 'm' and Age < 3", {"Sex": "f", "Age": "9"}, True),
        ("(Sex == 'f' or Sex == 'm') and Age < 3", {"Sex": "f", "Age": "9"}, False),
        ('`two words` == "it\'s"', {"two words": "it's"}, True),
        ("day < '2020-06-01'", {"day": "2020-05-31"}, True),
        ("Age > -1e2", {"Age": "-99"}, True),
    ],
)
def test_known_answers(text: str, row: dict[str, str | None], holds: bool | None) -> None:
    assert parse_where(text).holds(row) is holds


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Age = 3", 5),
        ("Age >", 6),
        ("", 1),
        ("Age > 3 Sex", 9),
        ("Age in []", 9),
        ("Age in [1", 10),
        ("(Age > 3", 9),
        ("Age is 3", 8),
        ("and", 1),
        ("Age > b", 7),
        ("__import__('os').system('id')", 11),
        ("Age > 3; drop", 8),
        ("Age > 18years", 7),
        ("Age not > 3", 9),
    ],
)
def test_what_is_no_rule_is_said_with_its_place(text: str, place: int) -> None:
    with pytest.raises(SpecError, match=f"at character {place},"):
        parse_where(text)


def test_depth_and_length_are_limited() -> None:
    for text in (
        "(" * 500 + "Age > 1" + ")" * 500,
        "not " * 400 + "Age > 1",
        "Age > 1 or " * 300 + "Age > 1",
    ):
        with pytest.raises(SpecError):
            parse_where(text)
