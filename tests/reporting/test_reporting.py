"""The room's names: all there, cheap until used, and without the model's libraries."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from medxmodal import reporting
from medxmodal.reporting.strings import TEXT


def test_every_name_is_its_function_whatever_was_imported_before() -> None:
    for module in pkgutil.walk_packages(reporting.__path__, "medxmodal.reporting."):
        importlib.import_module(module.name)
    assert sorted(reporting.__all__) == sorted(reporting._HOMES)
    for name in reporting.__all__:
        value = getattr(reporting, name)
        assert callable(value)
        assert value.__name__ == name
        assert value.__doc__


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explanation_pdf'"):
        reporting.explanation_pdf  # noqa: B018


def test_a_page_is_drawn_without_torch() -> None:
    code = (
        "import sys, medxmodal.reporting as r\n"
        "assert not {'jinja2', 'PIL', 'numpy'} & set(sys.modules)\n"
        "r.explanation_page, r.write_report, r.cohort_page, r.run_card, r.model_card\n"
        "assert not {'torch', 'monai', 'captum'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_words_are_finished() -> None:
    for key, words in TEXT.items():
        assert words.strip() == words or key == "card.period", key
        assert "  " not in words, key
