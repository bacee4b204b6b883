"""Scrubbing is refused in words that say what to do, and quotes no note."""

from __future__ import annotations

import pytest

from medxmodal.cohort.scrub import scrub
from medxmodal.errors import SpecError


def test_it_is_refused_without_quoting_the_note() -> None:
    with pytest.raises(SpecError, match="de-identified at the hospital") as refused:
        scrub("Mrs Kowalska, MRN 4711")
    assert "Kowalska" not in str(refused.value)
