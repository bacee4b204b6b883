"""Adaptation: the ladder to another site, one rung a file, source-only always beside it."""

from medxmodal.adaptation.base import Adapted, Rung, Source, Target

__all__ = ["Adapted", "Rung", "Source", "Target"]
