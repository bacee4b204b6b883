"""The metrics table in a notebook and a terminal: no claim that the interval does not carry."""

from __future__ import annotations

import pytest

from medxmodal.reporting import metrics_text, run_card
from medxmodal.reporting.metrics_view import gain, metrics_tables
from medxmodal.reporting.numbers import DASH


@pytest.mark.parametrize(
    ("value", "lower", "upper", "words"),
    [
        (0.03, 0.01, 0.06, "gain"),
        (0.03, -0.01, 0.06, "no evidence of gain"),
        (0.03, 0.0, 0.06, "no evidence of gain"),
        (-0.03, -0.06, -0.01, "worse"),
        (0.03, None, None, "no evidence of gain"),
        (None, None, None, "cannot be compared"),
    ],
)
def test_a_gain_is_claimed_only_when_the_interval_leaves_zero_out(value, lower, upper, words) -> None:
    found = gain({"value": value, "lower": lower, "upper": upper, "n": 100})
    assert found.words == words
    assert found.shown == (words == "gain")


def test_the_card_shows_every_model_and_escapes_names(run_record, metrics) -> None:
    hostile = run_record.model_copy(update={"name": "<script>alert(1)</script>"})
    html = run_card(hostile, metrics)
    assert "<script" not in html
    for shown in ("Fused", "Late fusion", "Image alone", "Lab table alone", "no evidence of gain", "+0.212"):
        assert shown in html
    assert "Simulated patients" in html
    assert "{'" not in html


def test_the_card_styles_nothing_but_itself(run_record, metrics) -> None:
    html = run_card(run_record, metrics)
    style = html.split("<style>")[1].split("</style>")[0]
    rules = [line for line in style.splitlines() if "{" in line]
    assert rules
    assert all(rule.startswith(".medxmodal-card") for rule in rules)


def test_a_terminal_of_80_columns_holds_the_table(metrics) -> None:
    lines = metrics_text(metrics).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:3] == ["Fused", "240", "0.85"] for line in lines)
    assert any(line.startswith("Image alone") and line.endswith(" gain") for line in lines)
    assert DASH not in "".join(lines)


def test_undefined_figures_are_dashes_and_none_is_said() -> None:
    undefined = {"value": None, "lower": None, "upper": None, "n": 3}
    assert "-" in metrics_text({"t": {"fused": {"auroc": undefined}}})
    assert metrics_text({}) == "There are no figures."
    assert metrics_tables({"t": {}})[0].rows == []
