"""Members of an unfinished training, so that a stopped one goes on where it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file

from medxmodal.errors import RunError
from medxmodal.model import Prediction, load_member, save_member

if TYPE_CHECKING:
    from medxmodal.model import DiagnosisModel
    from medxmodal.training import MemberPlan, TrainedMember


class Checkpoint:
    """A folder of finished members.

    Args:
        folder: Where they are kept until the run is whole.
        fingerprint: Of the run; members of another run are removed.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        marker = folder / "fingerprint"
        if folder.exists() and (not marker.is_file() or marker.read_text() != fingerprint):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(fingerprint)

    def save(self, index: int, member: TrainedMember) -> None:
        """Keep one member; the file with its facts is written last."""
        facts = self.folder / f"facts-{index}.json"
        if facts.is_file() or member.prediction is None:
            return
        sha256 = save_member(member.model, self.folder, index)
        made = member.prediction
        tensors = {
            "subset_logits": made.subset_logits.contiguous(),
            "contributions": made.contributions.contiguous(),
            "interaction": made.interaction.contiguous(),
            "present": made.present.contiguous(),
            "spread": made.spread.contiguous(),
        }
        save_file(tensors, self.folder / f"prediction-{index}.safetensors")
        content = {
            "weights": sha256,
            "names": list(made.names),
            "epochs": member.epochs,
            "interaction": member.interaction,
            "trained": member.trained,
            "seconds": member.seconds,
        }
        temporary = facts.with_suffix(".tmp")
        temporary.write_text(json.dumps(content))
        temporary.replace(facts)

    def load(self, index: int, plan: MemberPlan, sharing: DiagnosisModel) -> TrainedMember | None:
        """A member kept before, or None."""
        from medxmodal.training import TrainedMember

        facts = self.folder / f"facts-{index}.json"
        if not facts.is_file():
            return None
        try:
            content = json.loads(facts.read_text())
            model = load_member(self.folder, index, plan.specs, sha256=content["weights"], sharing=sharing)
            tensors = load_file(self.folder / f"prediction-{index}.safetensors")
        except (RunError, OSError, ValueError):
            facts.unlink(missing_ok=True)
            return None
        return TrainedMember(
            model=model,
            prediction=Prediction(names=tuple(content["names"]), **tensors),
            epochs=content["epochs"],
            interaction=content["interaction"],
            trained=content["trained"],
            seconds=content["seconds"],
        )
