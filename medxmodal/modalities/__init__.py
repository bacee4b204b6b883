"""Modalities: one kind of input a file, each from study to tokens and back to a panel."""

from medxmodal.modalities.base import Made, Modality, Shown
from medxmodal.modalities.batch import Batch

__all__ = ["Batch", "Made", "Modality", "Shown"]
