"""Notes: denial changes the answer, padding counts for nothing, attribution is exact where it can be."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from medxmodal.cohort.study import Study
from medxmodal.errors import InputError, RecipeError
from medxmodal.modalities import Shown
from medxmodal.modalities.text import SHOWN, Text
from medxmodal.records import TokensPanel

DIM = 16
NOTES = (
    ("Reports fever and cough.", 1),
    ("Fever since Monday. Feels weak.", 1),
    ("No fever, no cough.", 0),
    ("Denies fever. Feels well.", 0),
    ("Cough only, no fever.", 0),
    ("High fever, poor sleep.", 1),
)


def study(text: str, i: int = 0, label: int = 0) -> Study:
    return Study(f"s{i}", f"p{i}", "a", {"note": {"text": text}}, {"ill": label})


def studies(n: int = 60) -> list[Study]:
    return [study(*(NOTES[i % len(NOTES)][0], i, NOTES[i % len(NOTES)][1])) for i in range(n)]


def built(**settings: object) -> Text:
    modality = Text(**settings)  # type: ignore[arg-type]
    modality.attach("note", None, DIM)
    modality.build(json.loads(json.dumps(modality.fit(studies()))))
    return modality.eval()  # type: ignore[return-value]


def inputs(modality: Text, *texts: str) -> torch.Tensor:
    return modality.collate([modality.read(study(text)) for text in texts])


def fitted(**settings: object) -> Text:
    modality = built(**settings)
    found = studies()
    x = modality.collate([modality.read(one) for one in found])
    y = np.array([one.labels["ill"] for one in found])
    modality.warm_start(modality.embed(x), x, y)
    return modality


def linear(modality: Text, *texts: str) -> torch.Tensor:
    x = inputs(modality, *texts)
    return modality.linear(modality.embed(x), x).detach()


def test_a_denied_word_speaks_against_what_the_word_speaks_for() -> None:
    modality = fitted(penalty_c=1.0)
    said, denied, empty = linear(modality, "Fever.", "No fever.", "zzz")
    assert said > empty > denied


def test_a_word_said_twice_counts_once() -> None:
    modality = fitted(penalty_c=1.0)
    once, twice = linear(modality, "fever", "fever fever")
    torch.testing.assert_close(once, twice)


def test_the_linear_part_is_exact_in_the_indicator_channel() -> None:
    """Gradient times input on the last channel sums to logit minus the empty note's logit."""
    modality = fitted(penalty_c=1.0)
    x = inputs(modality, "High fever, no cough. Fever.")
    embedded = modality.embed(x).detach().requires_grad_()
    modality.linear(embedded, x).sum().backward()
    assert embedded.grad is not None
    amount = (embedded.grad * embedded).detach()
    empty = modality.linear(modality.baseline(x), x)
    torch.testing.assert_close(amount.sum(), (modality.linear(embedded, x) - empty).detach()[0])
    assert (amount[..., :-1] == 0).all()
    weight = modality.skip.weight[modality.numbers["fever"]].detach()
    torch.testing.assert_close(amount[0, 1, -1], weight / 2)


def test_padding_is_zero_and_its_value_changes_nothing() -> None:
    modality = fitted()
    with torch.no_grad():
        for parameter in modality.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x = inputs(modality, "fever and cough", "no fever")
    embedded = modality.embed(x).detach()
    padding = x == 0
    assert (embedded[padding] == 0).all()
    filled = torch.where(padding[..., None], torch.full_like(embedded, 3.0), embedded)
    torch.testing.assert_close(modality.encode(filled, x), modality.encode(embedded, x))
    filled = filled.requires_grad_()
    modality.encode(filled, x).square().sum().backward()
    assert filled.grad is not None
    assert (filled.grad[padding] == 0).all()


def test_an_absent_note_gives_zero_tokens_and_no_nan() -> None:
    modality = built()
    x = modality.collate([None, modality.read(study("fever"))])
    tokens = modality.encode(modality.embed(x), x)
    assert (tokens[0] == 0).all()
    alone = modality.encode(modality.embed(x[:1]), x[:1])
    assert torch.isfinite(alone).all()


def test_the_order_of_words_can_matter_and_the_room_after_them_does_not() -> None:
    short, long = built(max_tokens=8), built(max_tokens=200)
    long.load_state_dict(short.state_dict())
    texts = ("fever and cough", "cough and fever")
    x, y = inputs(short, *texts), inputs(long, *texts)
    a, b = short.encode(short.embed(x), x), long.encode(long.embed(y), y)
    torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    assert (a[0] - a[1]).abs().max() > 1e-4


def test_vocabulary_is_of_the_training_notes_only_and_new_words_are_unknown() -> None:
    modality = built()
    before = dict(modality.numbers)
    x = inputs(modality, "fever zzz", "fever qqq")
    assert torch.equal(x[0], x[1])
    assert modality.numbers == before
    assert "no~fever" in before


def panel(modality: Text, text: str, attribution: np.ndarray | None, *, allowed: bool = True) -> TokensPanel:
    made = modality.panel(Shown(study(text), attribution, "a method", text_allowed=allowed))
    assert isinstance(made.panel, TokensPanel)
    return made.panel


def test_panel_shows_the_note_as_it_stands() -> None:
    modality = built()
    text = "No FEVER, no  (known) cough.\nFeels unwell!"
    attribution = np.zeros((modality.max_tokens, DIM + 1), dtype=np.float32)
    attribution[1] = 0.5
    shown = panel(modality, text, attribution)
    rebuilt = "".join(token.text + " " * token.space for token in shown.tokens)
    assert rebuilt.split() == text.split()
    amounts = {token.text: token.attribution for token in shown.tokens}
    assert amounts["FEVER"] == pytest.approx(0.5 * (DIM + 1))
    assert amounts["cough"] == 0.0
    assert not shown.note


def test_note_text_is_withheld_unless_allowed() -> None:
    shown = panel(built(), "Mister Smith has fever", None, allowed=False)
    assert shown.withheld
    assert "Smith" not in shown.model_dump_json()


def test_a_long_note_is_cut_and_says_so() -> None:
    modality = built(max_tokens=5)
    text = "fever " * 9
    assert modality.read(study(text)).shape == (5,)
    shown = panel(modality, text, np.ones((5, DIM + 1), dtype=np.float32))
    assert [token.attribution > 0 for token in shown.tokens] == [True] * 5 + [False] * 4
    assert "first 5 of 9 words" in shown.note
    assert len(panel(modality, "fever " * (SHOWN + 50), None).tokens) == SHOWN


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_note_is_a_readable_failure_of_its_study(text: str) -> None:
    with pytest.raises(InputError, match=r"empty.*absent"):
        built().read(study(text))


@pytest.mark.parametrize(
    "text", ["!?.,", "\x00\x01", "x" * 50_000, "\U0001f600 ok", "<b>&amp;</b>", "no " * 500]
)
def test_hostile_notes_are_read(text: str) -> None:
    modality = built()
    x = inputs(modality, text)
    assert torch.isfinite(modality.encode(modality.embed(x), x)).all()
    assert torch.isfinite(modality.linear(modality.embed(x), x)).all()


def test_a_note_without_a_known_word_is_read() -> None:
    modality = Text(min_patients=100)
    modality.attach("note", None, DIM)
    modality.build(modality.fit(studies()))
    x = inputs(modality, "anything at all")
    assert not modality.numbers
    assert torch.isfinite(modality.encode(modality.embed(x), x)).all()


@pytest.mark.parametrize(
    "settings",
    [{"encoder": "bert"}, {"max_tokens": 0}, {"vocabulary": 0}, {"heads": 0}, {"layers": 0}],
)
def test_wrong_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="Use"):
        Text(**settings)  # type: ignore[arg-type]


def test_heads_must_divide_the_width() -> None:
    modality = Text(heads=3)
    modality.attach("note", None, DIM)
    with pytest.raises(RecipeError, match="heads"):
        modality.build({"words": []})


def test_no_note_in_training_is_a_recipe_error() -> None:
    modality = Text()
    modality.attach("note", None, DIM)
    with pytest.raises(RecipeError, match="no training study"):
        modality.fit([Study("s", "p", "a", {"image": {}})])
