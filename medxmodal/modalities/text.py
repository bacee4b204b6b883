"""`text`: a clinical note as words, through a small transformer and a penalised bag of words.

The vocabulary is learned from the training notes of a fold; nothing is downloaded. On small cohorts
the penalised regression on which words occur, denied or not, is the part that holds, and the
transformer starts at zero beside it.

Attribution is taken on one tensor that both parts read: for each word its learned vector, and in a
last channel its part in the bag of words (1 over the times it occurs, so that a word said twice
counts once). Against the empty note, all zeros, the regression gives a word exactly its coefficient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import nn

from medxmodal.errors import InputError, RecipeError
from medxmodal.modalities.base import Made, Modality, Shown, State
from medxmodal.modalities.linear import PenalisedLinear
from medxmodal.modalities.note_encoder import NoteEncoder
from medxmodal.modalities.tokens import (
    FIRST,
    NEGATIONS,
    PADDING,
    UNKNOWN,
    Word,
    learn_vocabulary,
    split_words,
)
from medxmodal.records import Token, TokensPanel
from medxmodal.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from medxmodal.cohort.study import Study
    from medxmodal.typing import Logit, Tokens

SHOWN = 4000
"""A panel shows at most this many words of a note."""


@register("modality", "text")
class Text(Modality):
    """A note as a few tokens, pooled from its words.

    Args:
        encoder: `transformer`: one over the words, with pooled tokens.
        max_tokens: Words of a note that the model reads; the rest is shown but not read.
        vocabulary: Most words it knows.
        min_patients: A word of fewer training patients is unknown to it, and so not in its files.
        layers: Transformer layers.
        heads: Attention heads; must divide the width of tokens.
        penalty_c: Inverse penalty of the regression on the bag of words (scikit-learn's C); chosen by
            cross-validation inside the training studies by default.
        shrink: Strength of L2-SP towards that regression while training.
        negations: Words that deny what follows them; the English ones by default.

    Raises:
        RecipeError: The encoder is unknown, or a number is out of range.
    """

    kind: ClassVar[str] = "text"
    default_method: ClassVar[str] = "integrated_gradients"
    baseline_words: ClassVar[str] = "an empty note"

    counted: Tensor

    def __init__(
        self,
        encoder: str = "transformer",
        max_tokens: int = 256,
        vocabulary: int = 2000,
        min_patients: int = 3,
        layers: int = 1,
        heads: int = 2,
        penalty_c: float | None = None,
        shrink: float = 1.0,
        negations: list[str] | None = None,
    ) -> None:
        super().__init__()
        if encoder != "transformer":
            raise RecipeError(f"unknown text encoder '{encoder}'", hint="Use transformer.")
        for name, value, least, most in (
            ("max_tokens", max_tokens, 1, 4096),
            ("vocabulary", vocabulary, 1, 50_000),
            ("min_patients", min_patients, 1, 1000),
            ("layers", layers, 1, 12),
            ("heads", heads, 1, 16),
        ):
            if not least <= value <= most:
                raise RecipeError(f"text setting {name} is {value}", hint=f"Use {least} to {most}.")
        self.encoder, self.max_tokens, self.vocabulary = encoder, max_tokens, vocabulary
        self.min_patients, self.layers, self.heads = min_patients, layers, heads
        self.penalty_c, self.shrink, self.negations = penalty_c, shrink, negations

    def words(self, study: Study) -> list[Word]:
        """The words of a study's note, in order; the same for every member of a run.

        Raises:
            InputError: The note is empty.
        """
        text = study.inputs[self.name].get("text")
        found = split_words(text, self.negations or NEGATIONS) if isinstance(text, str) else []
        if not found:
            raise InputError(
                f"modality '{self.name}': the note of study {study.study_id} is empty",
                hint="Leave the cell empty when there is no note, so that it counts as absent.",
            )
        return found

    def fit(self, studies: Sequence[Study]) -> State:
        """The words of enough training patients, numbered from the most frequent."""
        having = [study for study in studies if study.has(self.name)]
        if not having:
            raise RecipeError(
                f"no training study has the modality '{self.name}'", hint="Remove it from the recipe."
            )
        notes = [self.words(study)[: self.max_tokens] for study in having]
        owners = [study.patient_id for study in having]
        return {"words": learn_vocabulary(notes, owners, self.min_patients, self.vocabulary)}

    def build(self, state: State) -> None:
        """Make the word vectors, the transformer and the regression."""
        if self.dim % self.heads:
            raise RecipeError(
                f"modality '{self.name}': {self.heads} heads do not divide tokens of width {self.dim}",
                hint="Use 1, 2 or 4 heads.",
            )
        self.state = state
        self.numbers = {key: number for number, key in enumerate(state["words"], start=FIRST)}
        size = FIRST + len(self.numbers)
        self.vectors = nn.Embedding(size, self.dim, padding_idx=PADDING)
        self.reader = NoteEncoder(self.dim, self.max_tokens, self.layers, self.heads)
        self.skip = PenalisedLinear(size, self.penalty_c, self.shrink, standardise=False)
        counted = torch.zeros(size)
        counted[[number for key, number in self.numbers.items() if key[0].isalnum()]] = 1.0
        self.register_buffer("counted", counted)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(words,)."""
        return (self.max_tokens,)

    def read(self, study: Study) -> np.ndarray:
        """Number of each word, (words,), float32; padding is 0."""
        numbers = [self.numbers.get(word.key, UNKNOWN) for word in self.words(study)[: self.max_tokens]]
        row = np.full(self.max_tokens, PADDING, dtype=np.float32)
        row[: len(numbers)] = numbers
        return row

    def embed(self, x: Tensor) -> Tensor:
        """Vector of each word and its part in the bag of words, (batch, words, dim + 1)."""
        numbers = x.long()
        there = (numbers != PADDING)[..., None]
        times = x.new_zeros(len(x), len(self.counted)).scatter_add_(1, numbers, torch.ones_like(x))
        part = self.counted[numbers] / times.gather(1, numbers)
        return torch.cat([self.vectors(numbers) * there, part[..., None]], dim=2)

    def bag(self, embedded: Tensor, x: Tensor) -> Tensor:
        """Which words occur, (batch, vocabulary): the last channel summed by word."""
        empty = embedded.new_zeros(len(x), len(self.counted))
        return empty.scatter_add(1, x.long(), embedded[..., -1])

    def encode(self, features: Tensor, x: Tensor | None) -> Tokens:
        """Pooled tokens, (batch, pools, dim); a note without words gives zeros."""
        assert x is not None
        tokens: Tokens = self.reader(features[..., :-1], x != PADDING)
        return tokens

    def linear(self, features: Tensor, x: Tensor | None) -> Logit:
        """The penalised logistic regression's logit, (batch,)."""
        assert x is not None
        logit: Logit = self.skip(self.bag(features, x))
        return logit

    def warm_start(
        self, features: Tensor, x: Tensor | None, y: np.ndarray, groups: np.ndarray | None = None
    ) -> None:
        """Fit the regression on training rows."""
        assert x is not None
        self.skip.warm_start(self.bag(features, x).detach().cpu().numpy(), y, groups)

    @property
    def has_linear(self) -> bool:
        """Always."""
        return True

    def penalty(self) -> Tensor:
        """Shrinkage towards the fitted regression."""
        return self.skip.penalty()

    def baseline(self, x: Tensor) -> Tensor:
        """The empty note: zeros, (batch, words, dim + 1)."""
        return x.new_zeros(*x.shape, self.dim + 1)

    def panel(self, shown: Shown) -> Made:
        """The note word by word, each with its attribution; withheld unless the recipe allows it."""
        title = "Note"
        if not shown.study.has(self.name):
            panel = TokensPanel(modality=self.name, title=title, tokens=[], note="Not there for this study.")
            return Made(panel)
        if not shown.text_allowed:
            return Made(
                TokensPanel(modality=self.name, title=title, tokens=[], withheld=True, caption=shown.method)
            )
        words = self.words(shown.study)
        amount = np.zeros(max(len(words), self.max_tokens))
        if shown.attribution is not None:
            amount[: self.max_tokens] = shown.attribution.sum(-1)
        text = str(shown.study.inputs[self.name]["text"])
        tokens = [
            Token(
                text=word.text,
                attribution=float(amount[i]),
                space=text[word.end : word.end + 1].isspace(),
            )
            for i, word in enumerate(words[:SHOWN])
        ]
        return Made(
            TokensPanel(
                modality=self.name, title=title, tokens=tokens, caption=shown.method, note=self._left(words)
            )
        )

    def _left(self, words: Sequence[Word]) -> str:
        """What of a long note was not read or is not shown, in words; empty for any other."""
        left = ""
        if len(words) > self.max_tokens:
            left = (
                f"The model read the first {self.max_tokens} of {len(words)} words; the rest has no effect."
            )
        if len(words) > SHOWN:
            left += f" Only the first {SHOWN} are shown."
        return left
