"""File names of study ids: inside their folder, never the same twice, plain ids as they are."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from medxmodal.records.names import RESERVED, file_names

HOSTILE = [
    "../../etc/passwd", "a/b", "a\\b", ".", "..", "", "index", "INDEX", "con", "a b", "\x00", "é" * 300,
    "case-1", "Case-1", "\ud800", "-rf", ".hidden", "a" * 300,
]  # fmt: skip


@given(st.lists(st.one_of(st.text(), st.sampled_from(HOSTILE)), unique=True, max_size=30))
def test_names_are_safe_and_different(ids: list[str]) -> None:
    found = file_names(ids)
    assert list(found) == ids
    assert len({name.casefold() for name in found.values()}) == len(ids)
    for name in found.values():
        assert Path(name).name == name
        assert name.isascii()
        assert 0 < len(name) <= 100
        assert not name.startswith((".", "-"))
        assert name.casefold() not in RESERVED


def test_plain_ids_stay_and_an_id_that_looks_like_a_cleaned_one_cannot_take_its_place() -> None:
    assert file_names(["case-012", "p_7.b"]) == {"case-012": "case-012", "p_7.b": "p_7.b"}
    other = file_names(["A/1"])["A/1"]
    both = file_names(["A/1", other])
    assert len(set(both.values())) == 2
