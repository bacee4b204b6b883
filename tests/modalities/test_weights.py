"""Packaged weights: found, hashed and named; their absence says what to install."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from medxmodal.errors import RunError
from medxmodal.modalities.weights import (
    EFFICIENTNET_LITE1,
    PackagedWeights,
    efficientnet_lite1,
    file_sha256,
)

ABSENT = PackagedWeights("huge", "no_such_code", "no_such_weights", "w.pth", "none stated", extra="huge")


def test_absent_packages_say_what_to_install() -> None:
    assert not ABSENT.installed()
    with pytest.raises(RunError, match=r"huge.*no_such_code and no_such_weights.*medxmodal\[huge\]"):
        ABSENT.path()


def test_a_package_without_its_code_does_not_count_as_installed() -> None:
    assert not PackagedWeights("x", "no_such_code", "json", "w", "").installed()
    assert PackagedWeights("x", "json", "json", "w", "").installed()


def test_hash_is_of_the_whole_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8193
    (tmp_path / "w").write_bytes(content)
    assert file_sha256(tmp_path / "w") == hashlib.sha256(content).hexdigest()


@pytest.mark.skipif(not EFFICIENTNET_LITE1.installed(), reason="needs the extra pretrained")
def test_the_pretrained_encoder_is_what_its_facts_say() -> None:
    facts = EFFICIENTNET_LITE1.facts()
    assert facts["source"] == "package"
    assert len(facts["sha256"]) == 64
    assert facts["sha256"].startswith("77cc7160"), "the file's name holds the start of its hash"
    assert "states no licence" in facts["licence"]
    network = efficientnet_lite1().eval()
    with torch.no_grad():
        found = network.extract_features(torch.zeros(1, 3, 64, 64))
    assert found.shape[1] == 1280
    assert torch.isfinite(found).all()
