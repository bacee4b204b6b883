"""`Explainer`: one study in, its explanation out, through the same answer that scoring gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from medxmodal.errors import InputError
from medxmodal.explain.facts import input_hashes, licence, modality_facts, model_facts, question
from medxmodal.explain.merge import mean_made
from medxmodal.explain.methods import choose_methods
from medxmodal.modalities import Made, Shown
from medxmodal.model.threads import threads_for
from medxmodal.recipe import Explain
from medxmodal.records import ExplanationRecord

if TYPE_CHECKING:
    from medxmodal.cohort.spec.cohort_spec import CohortSpec
    from medxmodal.cohort.study import Study
    from medxmodal.explain.base import Attribution
    from medxmodal.model import LoadedRun, Reader

AT_ONCE = 4
"""Rows of one input that pass through a member at once, about: what the number of threads goes by."""


@dataclass(frozen=True)
class Explanation:
    """One study explained, in memory.

    Args:
        record: Everything a report says; its `arrays` is empty until it is written.
        arrays: Images and maps by the names that the panels use.
        attributions: Modality -> its attribution, of those present.
    """

    record: ExplanationRecord
    arrays: Mapping[str, np.ndarray]
    attributions: Mapping[str, Attribution]


class Explainer:
    """Explains studies with one run.

    Args:
        run: The run.
        spec: The cohort that the studies are from, for the record; None for a study by itself.
        method: Attribution method for all modalities that it fits, over the recipe's.
        command: What to write into records as the command.

    Raises:
        ExplanationError: A method does not fit; the message names those that do.
        RegistryError: There is no such method.
    """

    def __init__(
        self, run: LoadedRun, spec: CohortSpec | None = None, *, method: str | None = None, command: str = ""
    ) -> None:
        self.run, self.spec, self.command = run, spec, command
        self.settings = Explain.model_validate(run.record.recipe.get("explain", {}))
        self.methods = choose_methods(run.members, self.settings, method)
        self.model = model_facts(run)

    def explain(self, study: Study, reader: Reader | None = None) -> Explanation:
        """Explain one study.

        Args:
            study: The study; needs no label.
            reader: A reader of this run with `pixels=True`, to be used for several studies.

        Raises:
            InputError: The study's inputs cannot be read.
        """
        answer = self.run.answer([study], reader or self.run.reader(pixels=True))
        prediction = answer.records[0]
        if answer.prediction is None:
            raise InputError(prediction.error)
        use = answer.use[0].nonzero().squeeze(1).tolist()
        batches = [batch.to(self.run.device) for batch in answer.reading.batches]
        with threads_for(AT_ONCE * sum(x.numel() for x in batches[0].inputs.values())):
            attributions = {
                name: self.methods[name].attribute(self.run.members, batches, use, name)
                for name in self.run.members.names
                if study.has(name)
            }
        made = [self._show(study, name, attributions.get(name)) for name in self.run.members.names]
        shares = sum(prediction.shares.values())
        change = (prediction.logit or 0.0) - (prediction.empty_logit or 0.0)
        record = ExplanationRecord(
            question=question(self.run, self.spec, seen=prediction.seen),
            prediction=prediction,
            modalities=modality_facts(self.run, answer.prediction, prediction),
            attributions=[attribution.facts(0) for attribution in attributions.values()],
            panels=[part.panel for part in made],
            model=self.model,
            shares_delta=shares - change,
            index_time=study.index_time.isoformat() if study.index_time else "",
            inputs_sha256=input_hashes(study, self.run.members.names),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=self.command,
            licence=licence(self.run, self.spec, seen=prediction.seen),
        )
        arrays = {key: array for part in made for key, array in part.arrays.items()}
        return Explanation(record, arrays, attributions)

    def _show(self, study: Study, name: str, attribution: Attribution | None) -> Made:
        """The modality's panel: each member shows its own attribution, then the mean is taken."""
        if attribution is None:
            return self.run.members.modality(name).panel(Shown(study, None, ""))
        values = attribution.values
        words = f"{attribution.method} of the fused logit"
        text = self.settings.note_text
        if self.run.members.modality(name).same_for_all_folds:
            mean = np.mean([value[0] for value in values.values()], axis=0)
            return self.run.members.modality(name).panel(Shown(study, mean, words, text))
        parts = [
            self.run.members[k].modality(name).panel(Shown(study, value[0], words, text))
            for k, value in values.items()
        ]
        return mean_made(parts)
