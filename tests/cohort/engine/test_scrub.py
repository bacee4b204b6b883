"""Notes are scrubbed by an installed scrubber, or the build is refused before a note is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medxmodal.errors import SpecError


def test_a_build_that_asks_for_a_scrubber_that_is_not_there_is_refused(clinic: Any) -> None:
    clinic.tree["modalities"]["text"]["scrub"] = "ours"
    with pytest.raises(SpecError, match="no scrubber 'ours'"):
        clinic.build()


def test_an_installed_scrubber_sees_every_note(
    clinic: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site"
    about = package / "our_scrubber-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: our-scrubber\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[medxmodal.scrub]\nours = our_scrubber:scrub\n")
    (package / "our_scrubber.py").write_text("def scrub(text):\n    return text.replace('note', '[...]')\n")
    monkeypatch.syspath_prepend(str(package))
    clinic.tree["modalities"]["text"]["scrub"] = "ours"
    cohort = clinic.build()
    assert cohort[2].inputs["text"] == {"text": "short [...] 2"}
    assert not any("note" in study.inputs["text"]["text"] for study in cohort if study.has("text"))
