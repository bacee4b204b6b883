"""`FusedLogit`: one member's fused logit as a function of one modality, the others kept as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from medxmodal.errors import ExplanationError
from medxmodal.model import DiagnosisModel, Encoded

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.modalities import Batch, Modality
    from medxmodal.typing import Logit

MOST_NUMBERS = 2**20
"""Numbers of embedding that pass through a member at once: bounds memory, whatever the input's size."""
MOST_ROWS = 256


class FusedLogit:
    """The fused logit of the studies that have a modality, as a function of its `embed` alone.

    The other modalities are encoded once, so a method may ask many times at the price of one encoder.

    Args:
        model: One member, in evaluation mode.
        batch: Studies as this member reads them, with this modality's inputs.
        name: The modality.

    Raises:
        ExplanationError: The batch holds cached features in place of the modality's inputs.
    """

    def __init__(self, model: DiagnosisModel, batch: Batch, name: str) -> None:
        if name not in batch.inputs:
            raise ExplanationError(
                f"the inputs of '{name}' were not read, only its features",
                hint="Read the studies with `pixels=True`.",
            )
        self.model, self.name, self.studies = model, name, len(batch)
        self.rows = batch.present[:, model.names.index(name)].nonzero().squeeze(1)
        self.x = batch.inputs[name][self.rows]
        with torch.no_grad():
            self.embedded = self.modality.embed(self.x)
            self.baseline = self.modality.baseline(self.x)
            self._kept = _chosen(model.encode(batch), self.rows)

    @property
    def modality(self) -> Modality:
        """The modality, as this member has it."""
        return self.model.modality(self.name)

    @property
    def at_once(self) -> int:
        """How many rows may be asked at once."""
        numbers = max(1, self.embedded[:1].numel())
        return max(1, min(MOST_ROWS, MOST_NUMBERS // numbers))

    def parts(self) -> tuple[Tensor, ...]:
        """The rows in parts of at most `at_once`."""
        rows = torch.arange(len(self.rows), device=self.rows.device)
        return torch.split(rows, self.at_once)

    def __call__(self, embedded: Tensor, rows: Tensor | None = None) -> Logit:
        """The logit with gradient to `embedded`.

        Args:
            embedded: In place of the modality's embedding, (n, ...).
            rows: Which study each row belongs to, counted among those that have the modality, (n,);
                each in order by default.
        """
        chosen = torch.arange(len(embedded), device=embedded.device) if rows is None else rows
        encoded = self.model.reencode(_chosen(self._kept, chosen), self.name, embedded, self.x[chosen])
        return self.model.fuse(encoded).logit

    @torch.no_grad()
    def values(self, embedded: Tensor) -> Logit:
        """The logit of every study without gradient, for one embedding each, (rows,)."""
        return torch.cat([self(embedded[part], part) for part in self.parts()])


def _chosen(encoded: Encoded, rows: Tensor) -> Encoded:
    return Encoded(encoded.tokens[rows], encoded.owner, encoded.raw[rows], encoded.present[rows])
