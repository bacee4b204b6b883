"""Tables: the linear part is the regression, and a panel says what was measured and what was not."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from medxmodal.cohort.study import Study, Value
from medxmodal.errors import InputError, RecipeError
from medxmodal.modalities import Shown
from medxmodal.modalities.tabular import Tabular
from medxmodal.records import BarsPanel

DIM = 8
SPEC = SimpleNamespace(
    kind="tabular",
    columns={
        "crp": SimpleNamespace(type="number", unit="mg/L", reference=(0.0, 5.0), label="C-reactive protein"),
        "age": SimpleNamespace(type="number", unit="a", reference=None, label=""),
        "sex": SimpleNamespace(type="category", label=""),
    },
)


def study(i: int, **row: Value) -> Study:
    return Study(f"s{i}", f"p{i}", "a", {"labs": row}, {"ill": i % 2})


def studies(n: int = 40) -> list[Study]:
    rng = np.random.default_rng(0)
    return [
        study(
            i,
            crp=None if i % 7 == 3 else float(rng.lognormal(i % 2, 0.7)),
            age=float(rng.normal(60, 9)),
            sex=("male", "female")[i % 3 == 0],
        )
        for i in range(n)
    ]


def built(**settings: object) -> Tabular:
    modality = Tabular(**settings)  # type: ignore[arg-type]
    modality.attach("labs", SPEC, DIM)
    modality.build(json.loads(json.dumps(modality.fit(studies()))))
    return modality


def test_the_linear_part_is_penalised_logistic_regression() -> None:
    modality = built(penalty_c=0.1)
    x = modality.collate([modality.read(one) for one in studies()])
    y = np.array([one.labels["ill"] for one in studies()])
    modality.warm_start(x, x, y)
    expected = (
        LogisticRegression(C=0.1, max_iter=2000)
        .fit(x.double().numpy(), y)
        .decision_function(x.double().numpy())
    )
    np.testing.assert_allclose(modality.linear(x, x).detach().numpy(), expected, atol=1e-4)


def test_a_column_has_a_token_that_only_its_own_value_moves() -> None:
    modality = built()
    x = modality.collate([modality.read(study(0, crp=3.0, age=60.0, sex="male"))] * 2)
    x[1, modality.names.index("crp")] += 1
    tokens = modality.encode(x, None)
    moved = (tokens[0] - tokens[1]).abs().sum(1) > 0
    assert moved.tolist() == [True, False, False]


def test_baseline_is_the_average_training_row() -> None:
    modality = built()
    x = modality.collate([modality.read(one) for one in studies()])
    torch.testing.assert_close(modality.baseline(x[:1])[0], x.mean(0), atol=1e-5, rtol=0)


def test_hidden_presence_gives_no_indicator() -> None:
    modality = Tabular()
    modality.attach("labs", SPEC, DIM, presence_visible=False)
    modality.build(modality.fit(studies()))
    assert not [name for name in modality.names if "missing" in name]
    assert "crp missing" in built().names


def test_unknown_categories_fail_after_loading_unless_they_may_be_missing() -> None:
    odd = study(0, crp=1.0, age=50.0, sex="unheard of")
    strict, tolerant = built(), built(unknown_category="missing")
    for modality in (strict, tolerant):
        modality.agree([modality])
    with pytest.raises(InputError, match=r"unheard of.*never seen.*female, male"):
        strict.read(odd)
    assert np.isfinite(tolerant.read(odd)).all()


def test_panel_sums_the_features_of_a_column_and_orders_by_size() -> None:
    modality = built()
    amounts = np.zeros(modality.width, dtype=np.float32)
    amounts[modality.names.index("crp")], amounts[modality.names.index("crp missing")] = 0.5, 0.25
    amounts[modality.names.index("sex=male")] = -2.0
    made = modality.panel(Shown(study(0, crp=9.0, age=61.0, sex="male"), amounts, "a method")).panel
    assert isinstance(made, BarsPanel)
    assert [bar.name for bar in made.bars] == ["sex", "crp", "age"]
    assert [bar.attribution for bar in made.bars] == [-2.0, 0.75, 0.0]
    crp = made.bars[1]
    assert (crp.label, crp.value, crp.unit, crp.outside, crp.missing) == (
        "C-reactive protein", "9", "mg/L", "above", False,
    )  # fmt: skip
    assert made.bars[2].outside == "unknown"


def test_panel_says_what_is_missing() -> None:
    modality = built()
    made = modality.panel(Shown(study(0, crp=None, age=61.0, sex=None), None, "a method")).panel
    assert isinstance(made, BarsPanel)
    missing = {bar.name: bar.missing for bar in made.bars}
    assert missing == {"crp": True, "age": False, "sex": True}
    assert {bar.value for bar in made.bars if bar.missing} == {"missing"}


def test_settings_are_checked() -> None:
    with pytest.raises(RecipeError, match="linear_tokens"):
        Tabular(encoder="trees")
    with pytest.raises(RecipeError, match="fail or missing"):
        Tabular(unknown_category="guess")
    modality = Tabular(columns=["crp", "weight"])
    modality.attach("labs", SPEC, DIM)
    with pytest.raises(RecipeError, match=r"weight.*crp, age, sex"):
        modality.fit(studies())
    with pytest.raises(RecipeError, match="no training study"):
        built().fit([Study("s", "p", "a", {"other": {"text": "x"}})])


def test_chosen_columns_only() -> None:
    modality = Tabular(columns=["age"])
    modality.attach("labs", SPEC, DIM)
    modality.build(modality.fit(studies()))
    assert modality.names == ["age"]
