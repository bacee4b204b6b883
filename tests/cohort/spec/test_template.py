"""File names from columns: filled as written, never out of the data folder."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.spec.template import Template
from medxmodal.errors import SpecError


@pytest.mark.parametrize(
    ("text", "cell", "path"),
    [
        ("images/{x}", "a.png", "images/a.png"),
        ("masks/{x:stem}_mask.png", "deep/a.b.png", "masks/a.b_mask.png"),
        ("{x}", "sub\\a.png", "sub/a.png"),
        ("{x}/{x:stem}.dcm", "p1", "p1/p1.dcm"),
        ("{x}", "./a.png", "a.png"),
    ],
)
def test_known_names(text: str, cell: str, path: str) -> None:
    assert Template.parse(text).fill({"x": cell}) == path


def test_an_empty_cell_names_no_file() -> None:
    assert Template.parse("{a}/{b}.png").fill({"a": "1", "b": None}) is None


@pytest.mark.parametrize("text", ["", "images/a.png", "{}", "{x", "x}", "{x:upper}", "{{x}}", "{:stem}"])
def test_what_names_no_file_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        Template.parse(text)


@pytest.mark.parametrize("cell", ["../a", "a/../../b", "/etc/passwd", "C:\\a", "..\\a", "a\0b"])
def test_ways_out_are_refused(cell: str) -> None:
    with pytest.raises(SpecError, match="leads out of the data folder"):
        Template.parse("{x}").fill({"x": cell})


@given(st.text(max_size=20))
def test_no_cell_leads_out(cell: str) -> None:
    try:
        path = Template.parse("images/{x}").fill({"x": cell})
    except SpecError:
        return
    assert path is not None
    assert not posixpath.isabs(path)
    assert posixpath.normpath(posixpath.join("data", path)).startswith("data/images")
