"""`tools/services.sh`: where services are missing and cannot be installed, all of them are named."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_everything_missing_is_named_at_once_and_nothing_is_skipped(tmp_path: Path) -> None:
    """As an ordinary user, or where nothing can be installed: a failure, never a skip."""
    for name in ("sh", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        [tmp_path / "sh", ROOT / "tools" / "services.sh"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tmp_path)},
    )
    assert done.returncode == 1
    for name in ("a browser", "nodejs", "npm", "openssl", "apt-get install", "root on Debian"):
        assert name in done.stderr
    assert "not found" not in done.stderr


def test_an_old_node_counts_as_missing(tmp_path: Path) -> None:
    for name in ("sh", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    for name in ("chromium", "npm", "cmp", "openssl", "postgres", "Orthanc"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "node").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "node").chmod(0o755)
    command = [tmp_path / "sh", ROOT / "tools" / "services.sh"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "nodejs" in done.stderr
    assert "npm" not in done.stderr
