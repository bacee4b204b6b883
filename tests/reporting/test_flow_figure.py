"""The flow as a figure: every number is in it, and no two boxes overlap."""

from __future__ import annotations

from itertools import combinations

import pytest

from medxmodal.records import FailedStudy, Flow, FlowStep, Group, Quality
from medxmodal.reporting.flow_figure import Box, flow_figure

LONG = "age below 18 years, or an age that was not recorded in any of the tables that might hold it " * 2


def make_flow(steps: int, failed: int = 3) -> Flow:
    remaining = 1000
    made = [FlowStep(step="records in the table", remaining=remaining)]
    for number in range(1, steps):
        remaining -= number
        reason = LONG if number % 2 else "no lesion"
        made.append(
            FlowStep(step=f"exclude a == {number}", removed=number, remaining=remaining, reason=reason)
        )
    if failed:
        remaining -= failed
        made.append(
            FlowStep(step="could not become a study", removed=failed, remaining=remaining, reason="listed")
        )
    excluded = sum(range(steps))
    return Flow(found=1000, steps=made, excluded=excluded, failed=failed, studies=remaining)


def group(by: str, name: str) -> Group:
    return Group(by=by, name=name, studies=10, patients=9, labelled=8, positives=2)


def overlap(one: Box, other: Box) -> bool:
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return across and one.y < other.y + other.height and other.y < one.y + one.height


def words(figure) -> str:
    return " ".join(line.text for box in figure.boxes for line in box.lines)


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
@pytest.mark.parametrize("sites", [0, 2, 6, 7])
def test_boxes_lie_inside_and_apart_and_their_lines_in_them(cohort, steps, sites) -> None:
    groups = [group("label", "healthy"), group("label", "disease"), group("label", "unknown")]
    groups += [group("site", f"hospital of the long name {k}") for k in range(sites)]
    figure = flow_figure(cohort(flow=make_flow(steps), groups=groups))
    assert not any(overlap(one, other) for one, other in combinations(figure.boxes, 2))
    for box in figure.boxes:
        assert box.x >= 0
        assert box.x + box.width <= figure.width
        assert box.y + box.height <= figure.height
        assert all(box.y < line.y < box.y + box.height for line in box.lines)
    assert len(figure.boxes) == 2 * steps + 1 + 3 + (sites if sites <= 6 else 0)
    assert figure.height < 1500


def test_every_count_is_in_the_figure(cohort) -> None:
    flow = make_flow(4)
    figure = flow_figure(cohort(flow=flow, patients=777))
    text = words(figure)
    for step in flow.steps:
        assert f"n = {step.remaining}" in text
        assert not step.removed or f"(n = {step.removed})" in text
    assert "of 777 patients" in text
    assert "exclude a == 2" in text


def test_failed_records_are_told_by_reason_and_not_by_row(cohort) -> None:
    reasons = [f"row {k}: image of study {k} (sha256 3fa2b1...): cut off" for k in range(5)]
    reasons += [f"row {k}, column 'x': no number" for k in range(3)] + [
        f"reason {'abcd'[k]}" for k in range(4)
    ]
    failed = [FailedStudy(study_id=str(k), patient_id="p", site="s", reason=r) for k, r in enumerate(reasons)]
    figure = flow_figure(cohort(flow=make_flow(1, 12), quality=Quality(failed=failed)))
    text = words(figure)
    assert "5: image of study: cut off" in text
    assert "3: column 'x': no number" in text
    assert "2: other reasons" in text
    assert "sha256" not in text


def test_a_flow_without_losses_is_one_box(cohort) -> None:
    flow = Flow(found=9, steps=[FlowStep(step="found", remaining=9)], excluded=0, failed=0, studies=9)
    figure = flow_figure(cohort(flow=flow))
    assert [box.kind for box in figure.boxes] == ["kept"]
    assert figure.arrows == []
