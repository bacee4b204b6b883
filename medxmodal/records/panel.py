"""Panels: what one modality shows of itself in a report.

A modality makes its panel, `reporting` draws it, so a new modality never touches `reporting`.
Arrays (images, maps) are named by key and live beside the record in `<study_id>.npz`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from medxmodal.records.base import Part


class HeatmapPanel(Part):
    """An image with an attribution map over it.

    `image` names a uint8 array (height, width) or (height, width, 3); `heat` names a float32 array
    (height, width), positive for and negative against the positive label, in logits a pixel or in
    relative units; `rows` x `columns` is the resolution at which the map was computed.
    """

    kind: Literal["heatmap"] = "heatmap"
    modality: str
    title: str
    image: str
    heat: str | None
    rows: int = 0
    columns: int = 0
    caption: str = ""
    note: str = ""


class Bar(Part):
    """One table value: what it was, and how far it moved the logit."""

    name: str
    label: str
    value: str
    unit: str = ""
    reference: tuple[float | None, float | None] | None = None
    outside: Literal["below", "within", "above", "unknown"] = "unknown"
    missing: bool = False
    attribution: float


class BarsPanel(Part):
    """Table values with their attributions in logits, largest first."""

    kind: Literal["bars"] = "bars"
    modality: str
    title: str
    bars: list[Bar]
    caption: str = ""
    note: str = ""


class Token(Part):
    """A word of a note with its attribution in logits; `space` when a blank follows."""

    text: str
    attribution: float
    space: bool = True


class TokensPanel(Part):
    """A note, word by word. `withheld` when the recipe keeps note text out of records."""

    kind: Literal["tokens"] = "tokens"
    modality: str
    title: str
    tokens: list[Token]
    withheld: bool = False
    caption: str = ""
    note: str = ""


Panel = Annotated[HeatmapPanel | BarsPanel | TokensPanel, Field(discriminator="kind")]
