"""The flow of records: who was found, who left and why, who stayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from medxmodal.cohort.cells import Words, cell_text
from medxmodal.cohort.engine.candidates import NO_INDEX
from medxmodal.cohort.engine.case import Case
from medxmodal.cohort.engine.inputs import column_reader
from medxmodal.cohort.engine.plan import Plan, value_names
from medxmodal.cohort.engine.readings import CategoryReader, NumberReader
from medxmodal.cohort.identity import Identity
from medxmodal.cohort.spec.cohort_spec import CohortSpec, RuleSpec, TabularSpec
from medxmodal.cohort.spec.where import columns_of
from medxmodal.records import Flow, FlowStep


class FlowLog:
    """Counts records as they leave.

    Args:
        found: Records at the start.
        step: What the start is called.
    """

    def __init__(self, found: int = 0, step: str = "records in the table") -> None:
        self.found = found
        self.first = step
        self.failed = 0
        self.removed: Counter[tuple[str, str]] = Counter()

    def exclude(self, step: str, removed: int, reason: str) -> None:
        """Some left by a rule; the steps keep the order in which they were first named."""
        self.removed[step, reason] += removed

    @property
    def excluded(self) -> int:
        """All that left by a rule."""
        return self.removed.total()

    def fail(self, removed: int) -> None:
        """Some could not become a study."""
        self.failed += removed

    def finish(self) -> Flow:
        """The flow, whose numbers add up."""
        remaining = self.found
        steps = [FlowStep(step=self.first, remaining=remaining)]
        leaving = dict(self.removed)
        if self.failed:
            leaving["records that could not become a study", "listed in quality.json"] = self.failed
        for (step, reason), removed in leaving.items():
            remaining -= removed
            steps.append(FlowStep(step=step, removed=removed, remaining=remaining, reason=reason))
        assert self.found == remaining + self.excluded + self.failed
        return Flow(
            found=self.found, steps=steps, excluded=self.excluded, failed=self.failed, studies=remaining
        )


class Selection:
    """The spec's rules, applied to cases.

    An `include` rule keeps the records for which it is true, an `exclude` rule removes the records for
    which it is true; a comparison with a missing value is neither true nor false. A name such as
    `tabular.age` in a rule stands for the study's own value.
    """

    def __init__(self, spec: CohortSpec, plan: Plan, identity: Identity) -> None:
        self.values = {name: reader for name, reader in _value_readers(spec, identity)}
        self.missing = {name: Words(words) for name, words in spec.missing_words().items() if words}
        self.rules = [("include", rule) for rule in plan.include] + [("exclude", r) for r in plan.exclude]

    def select(self, cases: Sequence[Case], without_index: int, log: FlowLog) -> list[Case]:
        """The cases that the rules keep; records that cannot be read stay, to be listed as failed."""
        log.found += len(cases) + without_index
        if without_index or (NO_INDEX, NO_INDEX) in log.removed:
            log.exclude(NO_INDEX, without_index, NO_INDEX)
        kept = list(cases)
        for verb, rule in self.rules:
            before = len(kept)
            kept = [case for case in kept if case.row.problem or not self._leaves(verb, rule, case)]
            log.exclude(f"{verb} {rule.shown}", before - len(kept), rule.reason)
        return kept

    def _leaves(self, verb: str, rule: RuleSpec, case: Case) -> bool:
        if rule.source:
            holds = any(
                rule.rule.holds(event.row.cells) is True for event in case.known(rule.source, rule.window)
            )
            return holds if verb == "exclude" else not holds
        cells: dict[str, str | None] = {}
        for name in columns_of(rule.rule):
            if name in self.values:
                cells[name] = cell_text(self.values[name].read(case).value)
                continue
            cell = case.row.cells.get(name)
            declared = cell is not None and name in self.missing and cell in self.missing[name]
            cells[name] = None if declared else cell
        held = rule.rule.holds(cells)
        return held is True if verb == "exclude" else held is not True


def _value_readers(
    spec: CohortSpec, identity: Identity
) -> Iterator[tuple[str, NumberReader | CategoryReader]]:
    """Readers of their own, so that what a rule asks is not counted among the values dropped."""
    asked = {name for rule in (*spec.include, *spec.exclude) for name in columns_of(rule.rule)}
    for name in sorted(asked & value_names(spec)):
        modality, _, column = name.partition(".")
        tabular = spec.modalities[modality]
        assert isinstance(tabular, TabularSpec)
        yield name, column_reader(tabular, column, identity)
