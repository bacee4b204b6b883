"""Fusions: one a file, behind one interface, each surviving any subset of modalities."""

from medxmodal.fusion.base import Fusion, FusionInput, FusionOutput
from medxmodal.fusion.shapley import MOST_MODALITIES, shapley_shares, subset_masks

__all__ = ["MOST_MODALITIES", "Fusion", "FusionInput", "FusionOutput", "shapley_shares", "subset_masks"]
