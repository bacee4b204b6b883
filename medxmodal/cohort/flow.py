"""The flow of records: who was found, who left and why, who stayed."""

from __future__ import annotations

from collections.abc import Sequence

from medxmodal.cohort.cells import Words
from medxmodal.cohort.plan import Plan
from medxmodal.cohort.sources.rows import Row
from medxmodal.cohort.spec import CohortSpec, RuleSpec
from medxmodal.records import Flow, FlowStep


class FlowLog:
    """Counts records as they leave.

    Args:
        found: Records at the start.
        step: What the start is called.
    """

    def __init__(self, found: int, step: str = "records in the table") -> None:
        self.found = self.remaining = found
        self.excluded = self.failed = 0
        self.steps = [FlowStep(step=step, remaining=found)]

    def exclude(self, step: str, removed: int, reason: str) -> None:
        """Some left by a rule."""
        self.excluded += removed
        self._leave(step, removed, reason)

    def fail(self, removed: int) -> None:
        """Some could not become a study."""
        self.failed += removed
        if removed:
            self._leave("records that could not become a study", removed, "listed in quality.json")

    def _leave(self, step: str, removed: int, reason: str) -> None:
        self.remaining -= removed
        self.steps.append(FlowStep(step=step, removed=removed, remaining=self.remaining, reason=reason))

    def finish(self) -> Flow:
        """The flow, whose numbers add up."""
        assert self.found == self.remaining + self.excluded + self.failed
        return Flow(
            found=self.found,
            steps=self.steps,
            excluded=self.excluded,
            failed=self.failed,
            studies=self.remaining,
        )


def select(rows: Sequence[Row], spec: CohortSpec, plan: Plan, log: FlowLog) -> list[Row]:
    """The records that the spec's rules keep.

    An `include` rule keeps the records for which it is true, an `exclude` rule removes the records for
    which it is true; a comparison with a missing value is neither true nor false.
    """
    missing = {name: Words(words) for name, words in spec.missing_words().items() if words}
    kept = list(rows)
    for verb, rules in (("include", plan.include), ("exclude", plan.exclude)):
        for rule in rules:
            before = len(kept)
            kept = [row for row in kept if not _leaves(verb, rule, row, missing)]
            log.exclude(f"{verb} {rule.where}", before - len(kept), rule.reason)
    return kept


def _leaves(verb: str, rule: RuleSpec, row: Row, missing: dict[str, Words]) -> bool:
    cells = {
        name: None if cell is None or (name in missing and cell in missing[name]) else cell
        for name, cell in row.cells.items()
    }
    holds = rule.rule.holds(cells)
    return holds is True if verb == "exclude" else holds is not True
