"""Text broken into lines: nothing lost, nothing too wide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medxmodal.reporting.wrapped import measure, wrapped


@given(st.text(max_size=200), st.floats(20, 300))
def test_nothing_is_lost_and_no_line_is_too_wide(text: str, width: float) -> None:
    lines = wrapped(text, width, 14, most=10_000)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    assert all(measure(line, 14) <= width or len(line) == 1 for line in lines)


@given(st.text(min_size=1, max_size=400), st.integers(1, 5))
def test_what_is_cut_says_so(text: str, most: int) -> None:
    whole, lines = wrapped(text, 90, 14, most=10_000), wrapped(text, 90, 14, most)
    assert len(lines) <= most
    assert lines == whole or lines[-1].endswith("...")
