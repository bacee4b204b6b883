"""The mean panel of several members: by name, by position, by cell; never of things that differ."""

from __future__ import annotations

import numpy as np
import pytest

from medxmodal.errors import ExplanationError
from medxmodal.explain.merge import mean_made
from medxmodal.modalities import Made
from medxmodal.records import Bar, BarsPanel, HeatmapPanel, Token, TokensPanel


def _bars(**amounts: float) -> Made:
    bars = [Bar(name=name, label=name, value="1", attribution=amount) for name, amount in amounts.items()]
    return Made(BarsPanel(modality="labs", title="Labs", bars=bars))


def _tokens(*words: tuple[str, float]) -> Made:
    tokens = [Token(text=text, attribution=amount) for text, amount in words]
    return Made(TokensPanel(modality="note", title="Note", tokens=tokens))


def _heat(array: np.ndarray) -> Made:
    panel = HeatmapPanel(modality="image", title="Image", image="i", heat="h", rows=2, columns=2)
    return Made(panel, {"i": np.zeros((4, 4), np.uint8), "h": array.astype(np.float32)})


def test_bars_are_averaged_by_name_whatever_their_order_and_sorted_again() -> None:
    panel = mean_made([_bars(crp=1.0, age=-0.5), _bars(age=-2.5, crp=0.0)]).panel
    assert isinstance(panel, BarsPanel)
    assert [(bar.name, bar.attribution) for bar in panel.bars] == [("age", -1.5), ("crp", 0.5)]


def test_words_are_averaged_by_position() -> None:
    panel = mean_made([_tokens(("no", 1.0), ("no", 2.0)), _tokens(("no", 0.0), ("no", 4.0))]).panel
    assert isinstance(panel, TokensPanel)
    assert [token.attribution for token in panel.tokens] == [0.5, 3.0]


def test_maps_are_averaged_and_the_image_stays() -> None:
    made = mean_made([_heat(np.eye(2)), _heat(np.zeros((2, 2)))])
    np.testing.assert_array_equal(made.arrays["h"], np.eye(2, dtype=np.float32) / 2)
    assert made.arrays["h"].dtype == np.float32
    assert made.arrays["i"].dtype == np.uint8


@pytest.mark.parametrize(
    "parts",
    [
        [_bars(crp=1.0), _bars(age=1.0)],
        [_bars(crp=1.0), _bars(crp=1.0, age=1.0)],
        [_tokens(("a", 1.0)), _tokens(("b", 1.0))],
        [_heat(np.eye(2)), _heat(np.eye(3))],
        [_bars(crp=1.0), _tokens(("a", 1.0))],
    ],
)
def test_what_differs_is_refused(parts: list[Made]) -> None:
    with pytest.raises(ExplanationError, match="different"):
        mean_made(parts)
