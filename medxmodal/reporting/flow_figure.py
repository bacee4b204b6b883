"""The flow of records as a figure after CONSORT: kept ones down the middle, those who left to the right.

References:
    Schulz, Altman, Moher, BMJ 2010 (CONSORT 2010 statement).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medxmodal.records import DescribeRecord, FlowStep, Group
from medxmodal.reporting.classes import class_name
from medxmodal.reporting.numbers import named, percent
from medxmodal.reporting.reasons import counted
from medxmodal.reporting.strings import say
from medxmodal.reporting.wrapped import wrapped

WIDTH = 760.0
SIZE, SMALL = 14.0, 12.0
LINE, PAD = 18.0, 9.0
MIDDLE, SIDE = (20.0, 270.0), (370.0, 380.0)
"""Left edge and width of the two columns."""
GAP, APART = 26.0, 10.0
MOST_REASONS, MOST_SITES = 4, 6


@dataclass(frozen=True)
class Text:
    """A line of text and where its middle or its start is."""

    x: float
    y: float
    text: str
    kind: str


@dataclass(frozen=True)
class Box:
    """A box with its lines; `kind` is `kept`, `left`, `positive`, `negative` or `plain`."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    lines: tuple[Text, ...]

    @property
    def middle(self) -> float:
        """Middle of its width."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Arrow:
    """A path of an SVG, with or without a head."""

    path: str
    head: bool = True


@dataclass(frozen=True)
class FlowFigure:
    """Everything to draw, in units of the drawing."""

    width: float
    height: float
    boxes: list[Box]
    arrows: list[Arrow]
    texts: list[Text]
    said: str


def flow_figure(record: DescribeRecord) -> FlowFigure:
    """Lay out the flow of a cohort.

    Args:
        record: What `medxmodal describe` found.
    """
    steps = record.flow.steps
    kept = [_kept(record, number) for number in range(len(steps))]
    left = [_left(record, step) for step in steps[1:]]
    boxes, arrows, y, below = [], [], 2.0, 0.0
    for number, (lines, height) in enumerate(kept):
        box = _box(MIDDLE, y, height, "kept", lines, centred=True)
        boxes.append(box)
        if number == len(left):
            break
        side_texts, side = left[number]
        level = max(box.y + box.height + GAP / 2, below + APART + side / 2)
        after = level + GAP / 2
        boxes.append(_box(SIDE, level - side / 2, side, "left", side_texts, centred=False))
        arrows.append(Arrow(f"M{box.middle} {box.y + box.height}V{after - 1}"))
        arrows.append(Arrow(f"M{box.middle} {level}H{SIDE[0] - 1}"))
        y, below = after, level + side / 2
    last = [box for box in boxes if box.kind == "kept"][-1]
    end = max(last.y + last.height, below)
    texts: list[Text] = []
    for by in ("label", "site"):
        groups = [group for group in record.groups if group.by == by]
        if groups and (by == "label" or len(groups) <= MOST_SITES):
            end = _split(record, groups, last if by == "label" else None, end, boxes, arrows, texts)
    said = say(
        "flow.sum",
        found=record.flow.found,
        excluded=record.flow.excluded,
        failed=record.flow.failed,
        studies=record.flow.studies,
    )
    return FlowFigure(WIDTH, end + 4, boxes, arrows, texts, said)


def _kept(record: DescribeRecord, number: int) -> tuple[list[tuple[str, str]], float]:
    """Lines of a box in the middle, with their kind, and its height."""
    steps = record.flow.steps
    step, last = steps[number], number == len(steps) - 1
    inner = MIDDLE[1] - 2 * PAD
    if number == 0:
        text = say("figure.first", step=named(step.step), count=step.remaining)
        lines = [(line, "strong") for line in wrapped(text, inner, SIZE)]
    elif not last:
        lines = [(say("figure.remaining", count=step.remaining), "")]
    else:
        lines = [(say("figure.studies", count=step.remaining), "strong")]
    if last:
        lines.append((say("figure.patients", count=record.patients), "soft"))
    return lines, _height(lines)


def _left(record: DescribeRecord, step: FlowStep) -> tuple[list[tuple[str, str]], float]:
    """Lines of a box at the side, with their kind, and its height."""
    inner = SIDE[1] - 2 * PAD
    flow = record.flow
    if flow.failed and step is flow.steps[-1] and step.removed == flow.failed:
        lines = [(line, "strong") for line in wrapped(say("figure.failed", count=step.removed), inner, SIZE)]
        reasons = counted(failed.reason for failed in record.quality.failed)
        for reason, count in reasons[:MOST_REASONS]:
            lines += [(line, "soft") for line in wrapped(f"{count}: {reason}", inner, SMALL, 2)]
        if rest := reasons[MOST_REASONS:]:
            more = say("figure.reasons", count=sum(count for _, count in rest))
            lines.append((more, "soft"))
        return lines, _height(lines)
    text = say("figure.excluded", count=step.removed, reason=step.reason or step.step)
    lines = [(line, "strong") for line in wrapped(text, inner, SIZE, 4)]
    if step.reason and step.reason != step.step:
        lines += [(line, "soft") for line in wrapped(step.step, inner, SMALL, 3)]
    return lines, _height(lines)


def _split(
    record: DescribeRecord,
    groups: Sequence[Group],
    parent: Box | None,
    end: float,
    boxes: list[Box],
    arrows: list[Arrow],
    texts: list[Text],
) -> float:
    """A row of boxes, one a group, under the box they divide or under a line that says so."""
    space = 14.0
    width = (WIDTH - 4 - space * (len(groups) - 1)) / len(groups)
    width = min(width, 260.0)
    start = 2.0
    told = [_group(record, group, width) for group in groups]
    height = max(_height(lines) for lines in told)
    top = end + (2 * GAP if parent else GAP + LINE)
    row = [
        _box(
            (start + number * (width + space), width), top, height, _kind(record, group), lines, centred=True
        )
        for number, (group, lines) in enumerate(zip(groups, told, strict=True))
    ]
    if parent:
        bus = top - GAP * 0.8
        arrows.append(Arrow(f"M{parent.middle} {parent.y + parent.height}V{bus}", head=False))
        ends = [box.middle for box in row] + [parent.middle]
        arrows.append(Arrow(f"M{min(ends)} {bus}H{max(ends)}", head=False))
        arrows += [Arrow(f"M{box.middle} {bus}V{top - 1}") for box in row]
    else:
        texts.append(Text(start, top - 9, say("figure.by.site"), "soft"))
    boxes += row
    return top + height


def _group(record: DescribeRecord, group: Group, width: float) -> list[tuple[str, str]]:
    name = class_name(record, group.name) if group.by == "label" else group.name
    if group.by == "label" and group.name == "unknown":
        name = say("table1.unknown")
    lines = [(line, "strong") for line in wrapped(name, width - 2 * PAD, SIZE, 3)]
    lines.append((say("figure.count", count=group.studies), ""))
    if group.patients != group.studies:
        lines.append((say("figure.patients", count=group.patients), "soft"))
    if group.by == "site" and group.labelled:
        share = percent(group.positives / group.labelled)
        text = say(
            "figure.positive",
            positive=class_name(record, record.positive),
            count=group.positives,
            share=share,
        )
        lines += [(line, "soft") for line in wrapped(text, width - 2 * PAD, SMALL, 3)]
    return lines


def _kind(record: DescribeRecord, group: Group) -> str:
    if group.by == "label" and group.name in (record.positive, record.negative):
        return "positive" if group.name == record.positive else "negative"
    return "plain"


def _height(lines: Sequence[tuple[str, str]]) -> float:
    return len(lines) * LINE + 2 * PAD


def _box(
    place: tuple[float, float],
    y: float,
    height: float,
    kind: str,
    lines: Sequence[tuple[str, str]],
    *,
    centred: bool,
) -> Box:
    x, width = place
    at = x + width / 2 if centred else x + PAD
    free = (height - len(lines) * LINE) / 2
    placed = [
        Text(at, round(y + free + number * LINE + 0.72 * LINE, 1), text, style)
        for number, (text, style) in enumerate(lines)
    ]
    return Box(x, round(y, 1), width, height, kind, tuple(placed))
