"""What a run remembers of its training cohort, to watch for drift later: no raw inputs, no ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medxmodal.cohort.study import references
from medxmodal.model import Reader

if TYPE_CHECKING:
    from medxmodal.cohort.study import Study, Value
    from medxmodal.model import DiagnosisModel

BINS = 10
RARE = 3
"""Categories seen in fewer studies are counted together, so that no single patient stands out."""


def input_reference(
    studies: Sequence[Study], names: Sequence[str], probability: np.ndarray
) -> dict[str, Any]:
    """Histograms and missing rates of every input, and of the out-of-fold probability.

    Args:
        studies: Training studies.
        names: Modalities.
        probability: Out-of-fold probabilities, (n,).
    """
    inputs = {}
    for name in names:
        there = [study.inputs[name] for study in studies if study.has(name)]
        fields = sorted({field for row in there for field in row})
        inputs[name] = {
            "missing": 1 - len(there) / len(studies),
            "fields": {field: _field([row.get(field) for row in there]) for field in fields},
        }
    counts, edges = np.histogram(probability, bins=BINS, range=(0, 1))
    return {
        "studies": len(studies),
        "inputs": inputs,
        "probability": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _field(values: list[Value]) -> dict[str, Any]:
    known = [v for v in values if v is not None and v != ()]
    missing = 1 - len(known) / len(values) if values else 1.0
    if not known or references(known[0]):
        return {"missing": missing}
    if isinstance(known[0], float | int):
        numbers = np.array(known, dtype=float)
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)))
        if len(edges) < 2:
            edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
        counts, _ = np.histogram(numbers, bins=edges)
        return {"missing": missing, "edges": edges.tolist(), "counts": counts.tolist()}
    if any(isinstance(v, str) and len(v) > 60 for v in known):
        words = np.array([len(str(v).split()) for v in known])
        counts, edges = np.histogram(words, bins=BINS)
        return {"missing": missing, "words_edges": edges.tolist(), "words_counts": counts.tolist()}
    found = Counter(c for v in known for c in (v if isinstance(v, tuple) else (str(v),)))
    common = {category: count for category, count in sorted(found.items()) if count >= RARE}
    return {"missing": missing, "categories": common, "rare": sum(found.values()) - sum(common.values())}


@torch.no_grad()
def embeddings(
    models: Sequence[DiagnosisModel], studies: Sequence[Study], member: np.ndarray, task: str
) -> dict[str, torch.Tensor]:
    """Mean token of each modality by the member that did not see the study; zeros where absent.

    Args:
        models: Members.
        studies: Training studies.
        member: Member to use for each study, (n,).
        task: Name of the task.

    Returns:
        `embedding.<m>` of shape (n, dim), `present` (n, M) and `member` (n,).
    """
    names = models[0].names
    dim = models[0].dim
    found = {f"embedding.{name}": torch.zeros(len(studies), dim) for name in names}
    present = torch.zeros(len(studies), len(names), dtype=torch.uint8)
    for index, model in enumerate(models):
        rows = np.flatnonzero(member == index)
        reader = Reader([model], task)
        for start in range(0, len(rows), 64):
            some = rows[start : start + 64]
            batch = reader.read([studies[row] for row in some]).batches[0]
            encoded = model.encode(batch)
            there = torch.from_numpy(some)
            present[there] = batch.present.to(torch.uint8)
            for m, name in enumerate(names):
                found[f"embedding.{name}"][there] = encoded.tokens[:, encoded.owner == m].mean(1)
    return {**found, "present": present, "member": torch.from_numpy(member.astype(np.int64))}
