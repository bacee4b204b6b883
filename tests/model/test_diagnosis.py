"""The model on hand-made studies: what is absent does not count, alone equals in a batch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxmodal import registry
from medxmodal.cohort.study import Study
from medxmodal.fusion import subset_masks
from medxmodal.model import DiagnosisModel, Members, Reader, load_member, save_member

COLUMNS = {
    "labs": {
        "crp": SimpleNamespace(type="number", unit="mg/L", reference=(0, 5), label=""),
        "sex": SimpleNamespace(type="category", label=""),
    },
    "vitals": {"pulse": SimpleNamespace(type="number", unit="/min", reference=None, label="")},
}
SPECS = {name: SimpleNamespace(kind="tabular", columns=columns) for name, columns in COLUMNS.items()}


def _studies(n: int, seed: int = 0) -> list[Study]:
    rng = np.random.default_rng(seed)
    studies = []
    for i in range(n):
        y = int(rng.random() < 0.4)
        labs = {"crp": float(rng.lognormal(y, 0.8)), "sex": ("male", "female")[i % 2]}
        if rng.random() < 0.2:
            labs["crp"] = None
        inputs = {"labs": labs, "vitals": {"pulse": float(rng.normal(70 + 10 * y, 8))}}
        if i % 5 == 0:
            del inputs["vitals"]
        studies.append(Study(f"s{i}", f"p{i}", "a", inputs, {"ill": y}))
    return studies


def _model(studies: list[Study], fusion: str = "additive", seed: int = 0) -> DiagnosisModel:
    torch.manual_seed(seed)
    parts = {}
    for name, spec in SPECS.items():
        modality = registry.create("modality", "tabular").attach(name, spec, 16)
        modality.build(modality.fit(studies))
        parts[name] = modality
    model = DiagnosisModel(parts, registry.create("fusion", fusion), 16)
    model.fusion.set_interaction(True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        model.base.fill_(-0.4)
    return model.eval()


@pytest.fixture
def studies() -> list[Study]:
    return _studies(24)


def test_prediction_is_the_forward_pass_and_shares_sum(studies: list[Study]) -> None:
    model = _model(studies)
    batch = Reader([model], "ill").read(studies).batches[0]
    made = model.predict(batch)
    torch.testing.assert_close(made.logit, model(batch).detach())
    torch.testing.assert_close(made.shares.sum(1), made.logit - made.empty_logit, atol=1e-5, rtol=0)
    assert (made.shares[~made.present] == 0).all()
    assert torch.equal(made.empty_logit, torch.full_like(made.empty_logit, -0.4))


def test_alone_equals_in_a_batch(studies: list[Study]) -> None:
    model = _model(studies)
    reader = Reader([model], "ill")
    together = model.predict(reader.read(studies).batches[0]).logit
    for row, study in enumerate(studies):
        alone = model.predict(reader.read([study]).batches[0]).logit[0]
        assert abs(float(alone - together[row])) <= 1e-5


def test_the_value_in_an_absent_slot_changes_nothing(studies: list[Study]) -> None:
    model = _model(studies)
    batch = Reader([model], "ill").read(studies).batches[0]
    absent = ~batch.present[:, 1]
    filled = dict(batch.inputs)
    filled["vitals"] = torch.where(absent[:, None], torch.full_like(filled["vitals"], 1e6), filled["vitals"])
    assert torch.equal(model.predict(batch).logit, model.predict(replace(batch, inputs=filled)).logit)


def test_subset_logits_are_what_taking_away_gives(studies: list[Study]) -> None:
    model = _model(studies)
    batch = Reader([model], "ill").read(studies).batches[0]
    made = model.predict(batch)
    for index, mask in enumerate(subset_masks(2)):
        expected = model.predict(batch.keeping(mask.expand_as(batch.present))).logit
        torch.testing.assert_close(made.subset_logits[:, index], expected, atol=1e-6, rtol=0)


def test_evidence_is_centred_on_the_studies_that_have_it(studies: list[Study]) -> None:
    model = _model(studies)
    encoded = model.encode(Reader([model], "ill").read(studies).batches[0])
    model.centre_on(encoded.raw.detach(), encoded.present)
    centred = (encoded.raw - model.centre) * encoded.present
    assert abs(float(centred.detach().sum(0).max())) < 1e-4


@pytest.mark.parametrize("fusion", ["additive", "attention", "late"])
def test_a_saved_member_predicts_the_same(tmp_path, studies: list[Study], fusion: str) -> None:
    model = _model(studies, fusion)
    sha256 = save_member(model, tmp_path, 0)
    again = load_member(tmp_path, 0, SPECS, sha256=sha256)
    batch = Reader([model], "ill").read(studies).batches[0]
    assert torch.equal(model.predict(batch).logit, again.predict(batch).logit)


def test_members_answer_by_mask(studies: list[Study]) -> None:
    first, second = _model(studies, seed=1), _model(studies, seed=2)
    members = Members([first, second])
    batches = Reader([first, second], "ill").read(studies).batches
    use = torch.ones(len(studies), 2, dtype=torch.bool)
    use[0] = torch.tensor([False, True])
    made = members.predict(batches, use)
    a, b = first.predict(batches[0]).logit, second.predict(batches[1]).logit
    torch.testing.assert_close(made.logit[0], b[0])
    torch.testing.assert_close(made.logit[1:], (a[1:] + b[1:]) / 2)
    torch.testing.assert_close(made.spread, torch.stack([a, b]).var(0))


def test_an_unknown_category_fails_its_study_only_after_loading(studies: list[Study]) -> None:
    model = _model(studies)
    odd = replace(studies[0], study_id="odd", inputs={"labs": {"crp": 1.0, "sex": "martian"}})
    assert not Reader([model], "ill").read([odd]).failed
    model.modality("labs").agree([model.modality("labs")])
    reading = Reader([model], "ill").read([odd, studies[1]])
    assert "martian" in reading.failed["odd"]
    assert [study.study_id for study in reading.studies] == ["s1"]
