"""A member on disk: `member-<k>.safetensors` and `preprocessing-<k>.json`. No pickle anywhere.

Frozen encoders are not in a member's file: they come from their package, checked by hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from medxmodal import registry
from medxmodal.cohort.root import file_sha256
from medxmodal.errors import RegistryError, RunError
from medxmodal.model.diagnosis import DiagnosisModel

if TYPE_CHECKING:
    from medxmodal.modalities import Modality


def save_member(model: DiagnosisModel, folder: Path, index: int) -> str:
    """Write one member.

    Returns:
        SHA-256 of the weights file.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    weights = folder / f"member-{index}.safetensors"
    save_file(tensors, weights)
    fusion = registry.spec_of(model.fusion)
    settings = {
        "dim": model.dim,
        "fusion": fusion,
        "interaction_active": model.fusion.interaction_active,
        "modalities": {name: _modality_entry(model.modality(name)) for name in model.names},
    }
    path = folder / f"preprocessing-{index}.json"
    path.write_text(json.dumps(settings, indent=1, ensure_ascii=False, default=list) + "\n", encoding="utf-8")
    return file_sha256(weights)


def _modality_entry(modality: Modality) -> dict[str, Any]:
    return {
        "settings": registry.spec_of(modality),
        "presence_visible": modality.presence_visible,
        "state": modality.state,
    }


def load_member(
    folder: Path,
    index: int,
    specs: Mapping[str, Any],
    *,
    sha256: str = "",
    sharing: DiagnosisModel | None = None,
) -> DiagnosisModel:
    """Read one member back.

    Args:
        folder: The run.
        index: Which member.
        specs: Modality -> the cohort spec it was trained with.
        sha256: Expected hash of the weights file; empty skips the check.
        sharing: A member already loaded, whose frozen encoders are used again.

    Raises:
        RunError: A file is missing, damaged, not the one recorded, or does not fit.
    """
    weights, path = folder / f"member-{index}.safetensors", folder / f"preprocessing-{index}.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if sha256 and file_sha256(weights) != sha256:
            raise RunError(
                f"{weights.name} is not the file that run.json records", hint="Copy the run again."
            )
        tensors = load_file(weights)
    except (OSError, ValueError, SafetensorError) as error:
        raise RunError(
            f"member {index} of the run cannot be read: {type(error).__name__}",
            hint="Copy the run again, whole.",
        ) from error
    try:
        model = _untrained(settings, specs, sharing)
    except (LookupError, TypeError, ValueError, AttributeError, RegistryError) as error:
        raise RunError(
            f"{path.name} does not describe a member that this version can make: {type(error).__name__}",
            hint="Copy the run again, whole, or use the medxmodal that made it.",
        ) from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(
            f"the weights of member {index} do not fit its preprocessing", hint="Copy the run again."
        ) from error
    return model.eval()


def _untrained(
    settings: Mapping[str, Any], specs: Mapping[str, Any], sharing: DiagnosisModel | None
) -> DiagnosisModel:
    """A member as its preprocessing says, before its weights."""
    modalities = {}
    for name, entry in settings["modalities"].items():
        modality: Modality = registry.create("modality", entry["settings"])
        modality.attach(name, specs[name], settings["dim"], presence_visible=entry["presence_visible"])
        if sharing is not None:
            modality.share(sharing.modality(name))
        modality.build(entry["state"])
        modalities[name] = modality
    model = DiagnosisModel(modalities, registry.create("fusion", settings["fusion"]), settings["dim"])
    model.fusion.set_interaction(settings["interaction_active"])
    return model
