"""`tabular`: numbers with units and missing indicators, and categories, as one token a column.

Its evidence contains penalised logistic regression as a special case: a linear skip over the same
features, warm-started from the fitted regression and shrunk towards it. On small clinical cohorts
that regression is hard to beat (44 tabular sets of up to 500 rows: anchors B2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import nn

from medxmodal.errors import InputError, RecipeError
from medxmodal.modalities.base import Made, Modality, Shown, State
from medxmodal.modalities.columns import ColumnState, encode_row, feature_names, fit_columns
from medxmodal.modalities.linear import PenalisedLinear
from medxmodal.records import Bar, BarsPanel
from medxmodal.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study, Value
    from medxmodal.typing import Logit, Tokens


@register("modality", "tabular")
class Tabular(Modality):
    """A table row as tokens, one a column.

    Args:
        encoder: `linear_tokens`: each column's features times a learned matrix.
        columns: Columns to use; all of the cohort's spec by default.
        penalty_c: Inverse strength of the logistic regression's L2 penalty (scikit-learn's C); chosen by
            cross-validation inside the training studies by default.
        shrink: Strength of L2-SP towards that regression while training.
        unknown_category: `fail` refuses a study with a category never seen in training;
            `missing` treats it as missing.

    Raises:
        RecipeError: The encoder is unknown, or a column is not in the cohort's spec.
    """

    kind: ClassVar[str] = "tabular"
    default_method: ClassVar[str] = "integrated_gradients"
    baseline_words: ClassVar[str] = "the average study of the training cohort"

    mean: Tensor
    assignment: Tensor

    def __init__(
        self,
        encoder: str = "linear_tokens",
        columns: list[str] | None = None,
        penalty_c: float | None = None,
        shrink: float = 1.0,
        unknown_category: str = "fail",
    ) -> None:
        super().__init__()
        if encoder != "linear_tokens":
            raise RecipeError(f"unknown tabular encoder '{encoder}'", hint="Use linear_tokens.")
        if unknown_category not in {"fail", "missing"}:
            raise RecipeError(f"unknown_category is '{unknown_category}'", hint="Use fail or missing.")
        self.encoder, self.columns = encoder, columns
        self.penalty_c, self.shrink, self.unknown_category = penalty_c, shrink, unknown_category
        self.known: Mapping[str, frozenset[str]] | None = None

    def used_columns(self) -> list[str]:
        """The columns this modality reads, in order."""
        available = list(self.spec.columns)
        for name in self.columns or ():
            if name not in available:
                raise RecipeError(
                    f"modality '{self.name}' asks for column '{name}', which the cohort's spec does not have",
                    hint=f"Use some of: {', '.join(available)}.",
                )
        return self.columns or available

    def fit(self, studies: Sequence[Study]) -> State:
        """Means, spreads, categories and missing rates of the training studies, per column."""
        rows = [study.inputs[self.name] for study in studies if study.has(self.name)]
        if not rows:
            raise RecipeError(
                f"no training study has the modality '{self.name}'", hint="Remove it from the recipe."
            )
        columns = fit_columns(rows, self.spec.columns, self.used_columns(), presence=self.presence_visible)
        matrix = np.stack([encode_row(row, columns) for row in rows])
        return {"columns": [c.as_dict() for c in columns], "mean": matrix.mean(0).round(8).tolist()}

    def build(self, state: State) -> None:
        """Make one matrix a column, and the linear skip."""
        self.state = state
        self.fitted = [ColumnState.from_dict(entry) for entry in state["columns"]]
        self.names = feature_names(self.fitted)
        self.width = sum(c.width for c in self.fitted)
        self.register_buffer("mean", torch.tensor(state["mean"], dtype=torch.float32))
        assignment = torch.zeros(len(self.fitted), self.width)
        start = 0
        for i, column in enumerate(self.fitted):
            assignment[i, start : start + column.width] = 1.0
            start += column.width
        self.register_buffer("assignment", assignment)
        self.project = nn.Parameter(torch.randn(self.width, self.dim) / self.width**0.5)
        self.bias = nn.Parameter(torch.randn(len(self.fitted), self.dim) * 0.02)
        self.skip = PenalisedLinear(self.width, self.penalty_c, self.shrink, standardise=False)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(features,)."""
        return (self.width,)

    def read(self, study: Study) -> np.ndarray:
        """The row as standardised features, (features,), float32."""
        row = study.inputs[self.name]
        if self.unknown_category == "fail" and self.known is not None:
            self._refuse_unknown(row, self.known)
        return encode_row(row, self.fitted)

    def agree(self, members: Sequence[Modality]) -> None:
        """From now on refuse categories that no member saw; a fold may lack a rare one."""
        known: dict[str, frozenset[str]] = {}
        for member in members:
            assert isinstance(member, Tabular)
            for column in member.fitted:
                known[column.name] = known.get(column.name, frozenset()) | set(column.categories)
        self.known = known

    def _refuse_unknown(self, row: Mapping[str, Value], seen: Mapping[str, frozenset[str]]) -> None:
        for column in self.fitted:
            if column.kind != "category":
                continue
            known = seen[column.name]
            for value in column.values(row.get(column.name)):
                if value not in known:
                    raise InputError(
                        f"modality '{self.name}', column '{column.name}': category '{value}' was "
                        f"never seen in training (known: {', '.join(sorted(known))})",
                        hint="Map it to a known one, or train with unknown_category: missing.",
                    )

    def embed(self, x: Tensor) -> Tensor:
        """The features themselves, (batch, features)."""
        return x

    def encode(self, features: Tensor, x: Tensor | None) -> Tokens:
        """One token a column, (batch, columns, dim)."""
        del x
        weighted = features[:, None, :] * self.assignment
        return weighted @ self.project + self.bias

    def linear(self, features: Tensor, x: Tensor | None) -> Logit:
        """The penalised logistic regression's logit, (batch,)."""
        del x
        logit: Logit = self.skip(features)
        return logit

    def warm_start(
        self, features: Tensor, x: Tensor | None, y: np.ndarray, groups: np.ndarray | None = None
    ) -> None:
        """Fit the regression on training rows."""
        del x
        self.skip.warm_start(features.detach().cpu().numpy(), y, groups)

    @property
    def has_linear(self) -> bool:
        """Always."""
        return True

    def penalty(self) -> Tensor:
        """Shrinkage towards the fitted regression."""
        return self.skip.penalty()

    def baseline(self, x: Tensor) -> Tensor:
        """The mean training row, repeated, (batch, features)."""
        return self.mean.expand_as(x)

    def panel(self, shown: Shown) -> Made:
        """Values with unit, reference range and attribution, largest first."""
        title = "Table values"
        if not shown.study.has(self.name):
            return Made(BarsPanel(modality=self.name, title=title, bars=[], note="Not there for this study."))
        row = shown.study.inputs[self.name]
        attribution = shown.attribution if shown.attribution is not None else np.zeros(self.width)
        bars, start = [], 0
        for column in self.fitted:
            amount = float(attribution[start : start + column.width].sum())
            start += column.width
            bars.append(self._bar(column, row.get(column.name), amount))
        bars.sort(key=lambda bar: -abs(bar.attribution))
        return Made(BarsPanel(modality=self.name, title=title, bars=bars, caption=shown.method))

    def _bar(self, column: ColumnState, value: Value, amount: float) -> Bar:
        spec = self.spec.columns[column.name]
        reference = tuple(spec.reference) if getattr(spec, "reference", None) else None
        outside = "unknown"
        if isinstance(value, float | int) and reference is not None:
            outside = "below" if value < reference[0] else "above" if value > reference[1] else "within"
        return Bar(
            name=column.name,
            label=spec.label or column.name.replace("_", " "),
            value=column.shown(value),
            unit=getattr(spec, "unit", "") or "",
            reference=reference,
            outside=outside,
            missing=not column.values(value) if column.kind == "category" else value is None,
            attribution=amount,
        )
