"""From a panel to what its section lays out: pictures, bars and marked words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medxmodal.errors import ReportError
from medxmodal.records import (
    AttributionFacts,
    Bar,
    BarsPanel,
    ExplanationRecord,
    HeatmapPanel,
    Panel,
    Token,
    TokensPanel,
)
from medxmodal.reporting.draw import BUDGET, Pictures, pictures
from medxmodal.reporting.numbers import DASH, listed, named, safely, signed, tiny, unit
from medxmodal.reporting.strings import say
from medxmodal.reporting.study_view import SMALL

Arrays = Mapping[str, np.ndarray]

LEVELS = (0.15, 0.4, 0.7)
"""Fractions of the strongest word from which a word is marked lightly, clearly, strongly."""
MOST_WORDS = 4
THIRDS = {
    0: ("place.top", "place.left"),
    1: ("place.middle", "place.centre"),
    2: ("place.bottom", "place.right"),
}


@dataclass(frozen=True)
class BarRow:
    """One value of a table; `width` is in per cent of half the bar's length."""

    label: str
    value: str
    unit: str
    reference: str
    flag: str
    outside: str
    attribution: float
    word: str
    width: float


@dataclass(frozen=True)
class Word:
    """A word of a note; `level` 0 is unmarked, 1 to 3 ever stronger."""

    text: str
    space: bool
    side: str
    level: int


@dataclass(frozen=True)
class HeatView:
    """An image beside the same image with its map."""

    kind = "heatmap"
    pictures: Pictures
    overlay_alt: str
    explained: list[str]


@dataclass(frozen=True)
class BarsView:
    """Table values with their effect; those missing apart."""

    kind = "bars"
    rows: list[BarRow]
    missing: list[BarRow]


@dataclass(frozen=True)
class TokensView:
    """A note with marked words."""

    kind = "tokens"
    words: list[Word]
    strongest: list[str]
    withheld: bool


@dataclass(frozen=True)
class PanelView:
    """One section of the page; `content` is None when the modality was absent."""

    title: str
    modality: str
    share: float
    why: str
    small: str
    caption: str
    note: str
    method: list[str]
    content: HeatView | BarsView | TokensView | None


def panel_view(record: ExplanationRecord, panel: Panel, arrays: Arrays, budget: int = BUDGET) -> PanelView:
    """What a panel's section shows.

    Args:
        record: The record that the panel belongs to.
        panel: The panel.
        arrays: The record's arrays.
        budget: Bytes for its pictures.

    Raises:
        ReportError: The panel names an array that is not there, or one that is no image or map.
    """
    facts = next((fact for fact in record.modalities if fact.name == panel.modality), None)
    present = facts is None or facts.present
    share = facts.share if facts is not None else 0.0
    content: HeatView | BarsView | TokensView | None = None
    if present:
        if isinstance(panel, HeatmapPanel):
            content = _heat(record, panel, arrays, budget, share)
        elif isinstance(panel, BarsPanel):
            content = _bars(panel)
        else:
            content = _tokens(panel)
    why = (facts.why_absent if facts is not None else "") or say("inputs.why.unknown")
    return PanelView(
        title=panel.title,
        modality=named(panel.modality),
        share=share,
        why="" if present else say("panel.absent", why=why),
        small=say("shares.small", share=signed(share, 3)) if present and abs(share) < SMALL else "",
        caption=panel.caption,
        note=panel.note if present else "",
        method=[_method(fact) for fact in record.attributions if fact.modality == panel.modality and present],
        content=content,
    )


def _method(fact: AttributionFacts) -> str:
    """How an attribution was made, with which baseline, and how far it adds up."""
    told = [say("panel.method", method=fact.method)]
    if fact.baseline:
        told.append(say("panel.baseline", baseline=fact.baseline))
    if fact.settings:
        shown = [
            say("panel.setting", name=key.replace("_", " "), value=v) for key, v in fact.settings.items()
        ]
        told.append(say("panel.settings", settings=", ".join(shown)))
    if fact.completeness_delta is None:
        told.append(say("panel.incomplete"))
    else:
        change = DASH if fact.logit_change is None else signed(fact.logit_change)
        told.append(say("panel.complete", change=change, delta=tiny(fact.completeness_delta)))
    return " ".join(told)


def _heat(
    record: ExplanationRecord, panel: HeatmapPanel, arrays: Arrays, budget: int, share: float
) -> HeatView:
    image = _array(panel, panel.image, arrays)
    heat = None if panel.heat is None else _array(panel, panel.heat, arrays)
    drawn = pictures(image, heat, budget)
    positive = record.question.positive
    if heat is None:
        return HeatView(drawn, "", [say("image.no.map")])
    if drawn.peak is None:
        return HeatView(drawn, say("image.flat.alt"), [say("image.flat")])
    sign, down, across = drawn.peak
    alt = say(
        "image.overlay.alt",
        side=say("shares.for" if sign > 0 else "shares.against", positive=positive),
        place=_place(down, across),
    )
    explained = [say("image.caption", positive=positive)]
    if panel.rows and panel.columns and (panel.rows, panel.columns) != image.shape[:2]:
        explained.append(say("image.resolution", rows=panel.rows, columns=panel.columns))
    if abs(share) >= SMALL and sign * share < 0:
        sides = [say("shares.for" if x > 0 else "shares.against", positive=positive) for x in (sign, share)]
        explained.append(say("image.contrary", place=sides[0], whole=sides[1]))
    return HeatView(drawn, alt, [*explained, say("image.alone")])


def _array(panel: HeatmapPanel, name: str, arrays: Arrays) -> np.ndarray:
    if name not in arrays:
        raise ReportError(
            f"the panel of '{panel.modality}' needs the array '{name}', "
            f"and there {'is' if len(arrays) == 1 else 'are'} {', '.join(sorted(arrays)) or 'none'}",
            hint="Explain the study again.",
        )
    return arrays[name]


def _place(down: float, across: float) -> str:
    vertical, _ = THIRDS[min(2, int(3 * down))]
    _, horizontal = THIRDS[min(2, int(3 * across))]
    return f"{say(vertical)} {say(horizontal)}"


def _bars(panel: BarsPanel) -> BarsView:
    largest = max((abs(bar.attribution) for bar in panel.bars), default=0.0)
    ordered = sorted(panel.bars, key=lambda bar: -abs(bar.attribution))
    rows = [(bar.missing, _row(bar, largest)) for bar in ordered]
    return BarsView([row for missing, row in rows if not missing], [row for missing, row in rows if missing])


def _row(bar: Bar, largest: float) -> BarRow:
    flag = "" if bar.outside == "unknown" else say("bars.flag", word=say(f"bars.{bar.outside}"))
    return BarRow(
        label=bar.label or named(bar.name),
        value=bar.value,
        unit=unit(bar.unit),
        reference=_reference(bar),
        flag=flag,
        outside=bar.outside,
        attribution=bar.attribution,
        word=say(_direction(bar.attribution)),
        width=safely(abs(bar.attribution), largest),
    )


def _direction(attribution: float) -> str:
    if signed(attribution) == signed(0):
        return "shares.neutral"
    return "bars.for" if attribution > 0 else "bars.against"


def _reference(bar: Bar) -> str:
    low, high = bar.reference if bar.reference is not None else (None, None)
    if low is None and high is None:
        return ""
    key = "range.below" if low is None else "range.above" if high is None else "range"
    written = say(key, low=_plain(low), high=_plain(high))
    return say("bars.reference", range=written)


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _tokens(panel: TokensPanel) -> TokensView:
    strongest = max((abs(token.attribution) for token in panel.tokens), default=0.0)
    words = [
        Word(
            text=token.text,
            space=token.space,
            side="for" if token.attribution > 0 else "against",
            level=0 if strongest == 0 else sum(abs(token.attribution) >= x * strongest for x in LEVELS),
        )
        for token in panel.tokens
    ]
    if panel.withheld:
        return TokensView([], [], withheld=True)
    return TokensView(words, _strongest(panel.tokens, strongest), withheld=False)


def _strongest(tokens: list[Token], strongest: float) -> list[str]:
    """The strongest words for and against, in words: what the marks say without colour."""
    found = []
    floor = LEVELS[0] * strongest
    ordered = sorted(tokens, key=lambda token: -abs(token.attribution))
    for key, sign in (("tokens.for", 1), ("tokens.against", -1)):
        chosen = [t for t in ordered if sign * t.attribution > 0 and abs(t.attribution) >= floor]
        if chosen:
            shown = [
                say("tokens.word", text=t.text.strip(), effect=signed(t.attribution))
                for t in chosen[:MOST_WORDS]
            ]
            found.append(say(key, words=listed(shown)))
    return found
