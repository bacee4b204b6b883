"""The command line: one short function a command, each calling `pipeline`."""

from __future__ import annotations

from medxmodal.cli.commands import main

__all__ = ["main"]
