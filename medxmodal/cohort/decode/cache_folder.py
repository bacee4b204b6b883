"""Where caches are kept on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """`MEDXMODAL_CACHE`, or `medxmodal` in the user's cache folder; None when that is `off`."""
    named = os.environ.get("MEDXMODAL_CACHE", "")
    if named == "off":
        return None
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medxmodal"
