"""`.ci/run`: every step runs, closing lines are printed, and one failure fails the whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = """\
#!/bin/sh
for target in "$@"; do :; done
echo "made $target"
case "$target" in
    test*) printf '\\033[32m%s\\033[0m\\n' "===== 7 passed, 1 skipped in 0.10s ($target) =====";;
esac
case " $FAILS " in *" $target "*) exit 3;; esac
"""


@pytest.fixture
def ci(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The script in a checkout where `make` only says what it was asked for."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "make").write_text(MAKE)
    (tmp_path / "bin" / "make").chmod(0o755)

    def run(fails: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "FAILS": fails}
        return subprocess.run(
            [tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False, env=environment, cwd="/"
        )

    return run


def test_all_steps_run_and_their_closing_lines_are_printed(
    ci: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = ci()
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("made ")] == [
        *("venv", "lint", "test", "test-services")
    ]
    closing = done.stdout.split("== closing lines\n")[1].splitlines()
    assert closing[0].startswith("test: =====")
    assert closing[1].startswith("test-services: =====")
    assert all("7 passed" in line for line in closing[:2])
    assert closing[-1] == "all passed"


@pytest.mark.parametrize("fails", ["lint", "test", "test-services", "lint test"])
def test_a_failure_fails_the_whole_and_the_rest_still_runs(
    ci: Callable[..., subprocess.CompletedProcess[str]], fails: str
) -> None:
    done = ci(fails)
    assert done.returncode == 1
    assert "made test-services" in done.stdout
    assert f"failed: {fails}" in done.stdout
    assert "all passed" not in done.stdout
    assert "7 passed" in done.stdout.split("== closing lines\n")[1]


def test_without_an_environment_nothing_else_is_tried(
    ci: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = ci("venv")
    assert done.returncode != 0
    assert "made lint" not in done.stdout


def test_make_test_services_fails_where_there_is_no_browser(tmp_path: Path) -> None:
    """As an ordinary user, or where nothing can be installed: a failure, never a skip."""
    for name in ("sh", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        [tmp_path / "sh", ROOT / "tools" / "chromium.sh"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "needs a browser" in done.stderr
