"""One panel from the panels of several members: their mean, part by part.

Members differ in their fitted preprocessing (a category one fold never saw, another vocabulary), so
their embeddings cannot be averaged; what they show can: columns by name, words by position, cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medxmodal.errors import ExplanationError
from medxmodal.modalities import Made
from medxmodal.records import BarsPanel, HeatmapPanel, TokensPanel


def mean_made(parts: Sequence[Made]) -> Made:
    """The mean panel of one study and modality.

    Args:
        parts: What each member's modality made of its own attribution; at least one.

    Raises:
        ExplanationError: The members show different columns, words or cells.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    panels = [part.panel for part in parts]
    if len({panel.kind for panel in panels}) > 1:
        raise _differ(first, "kinds of panel")
    if isinstance(first.panel, BarsPanel):
        panel = _bars([panel for panel in panels if isinstance(panel, BarsPanel)], first)
        return Made(panel, first.arrays)
    if isinstance(first.panel, TokensPanel):
        tokens = _tokens([panel for panel in panels if isinstance(panel, TokensPanel)], first)
        return Made(tokens, first.arrays)
    return _heatmap(first.panel, parts)


def _bars(panels: Sequence[BarsPanel], first: Made) -> BarsPanel:
    amounts: dict[str, list[float]] = {bar.name: [] for bar in panels[0].bars}
    for panel in panels:
        if {bar.name for bar in panel.bars} != amounts.keys():
            raise _differ(first, "columns")
        for bar in panel.bars:
            amounts[bar.name].append(bar.attribution)
    bars = [
        bar.model_copy(update={"attribution": float(np.mean(amounts[bar.name]))}) for bar in panels[0].bars
    ]
    bars.sort(key=lambda bar: -abs(bar.attribution))
    return panels[0].model_copy(update={"bars": bars})


def _tokens(panels: Sequence[TokensPanel], first: Made) -> TokensPanel:
    if len({tuple(token.text for token in panel.tokens) for panel in panels}) > 1:
        raise _differ(first, "words")
    tokens = [
        same[0].model_copy(update={"attribution": float(np.mean([token.attribution for token in same]))})
        for same in zip(*(panel.tokens for panel in panels), strict=True)
    ]
    return panels[0].model_copy(update={"tokens": tokens})


def _heatmap(panel: HeatmapPanel, parts: Sequence[Made]) -> Made:
    if panel.heat is None:
        return parts[0]
    heats = [part.arrays[panel.heat] for part in parts]
    if len({heat.shape for heat in heats}) > 1:
        raise _differ(parts[0], "cells")
    mean = np.asarray(np.mean(heats, axis=0, dtype=np.float64), dtype=np.float32)
    return Made(panel, {**parts[0].arrays, panel.heat: mean})


def _differ(first: Made, what: str) -> ExplanationError:
    return ExplanationError(
        f"the members of the run show different {what} for the modality '{first.panel.modality}'",
        hint="They were not trained together; train the run again.",
    )
