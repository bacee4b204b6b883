"""`DiagnosisModel`: modalities + fusion + evidence heads. One member of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from medxmodal.errors import RecipeError
from medxmodal.fusion import MOST_MODALITIES, Fusion, FusionInput, FusionOutput, subset_masks
from medxmodal.model.head import EvidenceHead
from medxmodal.model.prediction import Prediction

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.modalities import Batch, Modality
    from medxmodal.typing import Logit, Present, Tokens

CENTRE_MOMENTUM = 0.1


@dataclass(frozen=True)
class Encoded:
    """A batch after encoding, so that fusion can be asked many times.

    Args:
        tokens: Tokens of all modalities side by side, (batch, tokens, dim).
        owner: Modality of each token, (tokens,).
        raw: Evidence before centring, (batch, modalities); zero where absent.
        present: Which modality each study has, (batch, modalities).
    """

    tokens: Tokens
    owner: Tensor
    raw: Tensor
    present: Present


class DiagnosisModel(nn.Module):
    """Modalities, one evidence head each, and a fusion.

    `unimodal logit of m = b + e_m`, with `e_m` centred over the training studies that have `m` and
    `b` the training log-odds, so the empty study scores the base rate.

    Args:
        modalities: Built modalities by name, in a fixed order.
        fusion: How they are combined.
        dim: Width of tokens.

    Raises:
        RecipeError: More modalities than `MOST_MODALITIES`.
    """

    base: Tensor
    centre: Tensor
    heads: nn.ModuleDict

    def __init__(self, modalities: Mapping[str, Modality], fusion: Fusion, dim: int) -> None:
        super().__init__()
        if not 1 <= len(modalities) <= MOST_MODALITIES:
            raise RecipeError(f"{len(modalities)} modalities; a model takes 1 to {MOST_MODALITIES}")
        self.names = tuple(modalities)
        self.modalities = nn.ModuleDict(dict(modalities))
        self.heads = nn.ModuleDict()
        for name, modality in modalities.items():
            self.heads[name] = EvidenceHead(dim, start_at_zero=modality.has_linear)
        fusion.build(len(modalities), dim)
        self.fusion = fusion
        self.dim = dim
        self.register_buffer("base", torch.zeros(()))
        self.register_buffer("centre", torch.zeros(len(modalities)))

    def modality(self, name: str) -> Modality:
        """One modality by name."""
        found: Modality = self.modalities[name]  # type: ignore[assignment]
        return found

    def encode(self, batch: Batch, embedded: Mapping[str, Tensor] | None = None) -> Encoded:
        """Encode each modality, over the rows that have it.

        Args:
            batch: Studies.
            embedded: Replaces `embed`'s output for some modalities, for attribution.
        """
        size, given = len(batch), embedded or {}
        tokens, owners, raw = [], [], []
        for index, name in enumerate(self.names):
            found, logit = self._encode_one(name, batch, batch.present[:, index], given.get(name))
            tokens.append(found)
            owners.append(torch.full((found.shape[1],), index, device=found.device))
            raw.append(logit)
        assert all(len(found) == size for found in tokens)
        return Encoded(torch.cat(tokens, 1), torch.cat(owners), torch.stack(raw, 1), batch.present)

    def _encode_one(
        self, name: str, batch: Batch, present: Tensor, embedded: Tensor | None
    ) -> tuple[Tokens, Logit]:
        modality = self.modality(name)
        rows = present.nonzero().squeeze(1)
        if len(rows) == 0:
            blank = self.base.new_zeros(len(batch), 1, self.dim)
            return blank, blank[:, 0, 0]
        x = batch.inputs[name][rows] if name in batch.inputs else None
        if embedded is None and name in batch.features:
            features = batch.features[name][rows]
        else:
            assert x is not None
            inner = modality.embed(x) if embedded is None else embedded[rows]
            features = modality.features(inner, x)
        tokens, logit = self._evidence(name, features, x)
        full = tokens.new_zeros(len(batch), *tokens.shape[1:]).index_copy(0, rows, tokens)
        return full, logit.new_zeros(len(batch)).index_copy(0, rows, logit)

    def _evidence(self, name: str, features: Tensor, x: Tensor | None) -> tuple[Tokens, Logit]:
        modality = self.modality(name)
        tokens = modality.encode(features, x)
        return tokens, modality.linear(features, x) + self.heads[name](tokens)

    def reencode(self, encoded: Encoded, name: str, embedded: Tensor, x: Tensor) -> Encoded:
        """Put another input of one modality into studies already encoded, the others kept.

        Args:
            encoded: Studies, all of which have the modality.
            name: The modality.
            embedded: Replaces `embed`'s output, (batch, ...).
            x: What the embedding was made from, (batch, ...).
        """
        index = self.names.index(name)
        tokens, logit = self._evidence(name, self.modality(name).features(embedded, x), x)
        before, after = encoded.owner < index, encoded.owner > index
        mine = encoded.owner.new_full((tokens.shape[1],), index)
        raw = torch.cat([encoded.raw[:, :index], logit[:, None], encoded.raw[:, index + 1 :]], 1)
        return Encoded(
            torch.cat([encoded.tokens[:, before], tokens, encoded.tokens[:, after]], 1),
            torch.cat([encoded.owner[before], mine, encoded.owner[after]]),
            raw,
            encoded.present,
        )

    def fuse(self, encoded: Encoded, present: Present | None = None) -> FusionOutput:
        """Fuse what is encoded, with all that is present or with a subset of it."""
        seen = encoded.present if present is None else encoded.present & present
        flag = seen.to(encoded.raw.dtype)
        evidence = (encoded.raw - self.centre) * flag
        tokens = encoded.tokens * flag[:, encoded.owner][..., None]
        output: FusionOutput = self.fusion(FusionInput(tokens, encoded.owner, evidence, seen, self.base))
        return output

    def forward(self, batch: Batch, embedded: Mapping[str, Tensor] | None = None) -> Logit:
        """The fused logit, (batch,)."""
        return self.fuse(self.encode(batch, embedded)).logit

    def unimodal_logits(self, encoded: Encoded) -> Tensor:
        """`b + e_m` of every modality present, (batch, modalities); `b` where absent."""
        return self.base + (encoded.raw - self.centre) * encoded.present.to(encoded.raw.dtype)

    @torch.no_grad()
    def predict(self, batch: Batch) -> Prediction:
        """Logit, contributions, interaction and the logits of every subset; encodes once."""
        self.eval()
        encoded = self.encode(batch)
        masks = subset_masks(len(self.names), encoded.raw.device)
        outputs = [self.fuse(encoded, mask.expand_as(encoded.present)) for mask in masks]
        full = outputs[-1]
        return Prediction(
            names=self.names,
            subset_logits=torch.stack([output.logit for output in outputs], dim=1),
            contributions=full.contributions,
            interaction=full.interaction,
            present=encoded.present,
            spread=torch.zeros_like(full.logit),
        )

    @torch.no_grad()
    def centre_on(self, raw: Tensor, present: Present, momentum: float = 1.0) -> None:
        """Move the centres to the mean raw evidence of the studies that have each modality."""
        count = present.sum(0)
        mean = (raw * present).sum(0) / count.clamp_min(1)
        moved = torch.where(count > 0, torch.lerp(self.centre, mean, momentum), self.centre)
        self.centre.copy_(moved)

    def penalty(self) -> Tensor:
        """All shrinkage terms: linear parts towards their warm start, fusion towards late fusion."""
        return self.fusion.penalty() + sum(
            (self.modality(name).penalty().to(self.base.device) for name in self.names),
            start=torch.zeros_like(self.base),
        )
