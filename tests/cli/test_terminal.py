"""What every command shares."""

from __future__ import annotations

import signal
import sys

import pytest
import typer

from medxmodal.cli import terminal
from medxmodal.errors import MedxmodalError


def test_errors_become_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @terminal.guarded
    def command() -> int:
        raise MedxmodalError("two\nlines.", hint="Do this.")

    with pytest.raises(typer.Exit) as stopped:
        command()
    assert stopped.value.exit_code == 2
    assert capsys.readouterr().err == "medxmodal: two lines. Do this.\n"


def test_a_full_disk_and_a_stop_are_no_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    @terminal.guarded
    def full() -> int:
        raise OSError(28, "No space left on device", "/x/part")

    @terminal.guarded
    def stopped() -> int:
        raise KeyboardInterrupt

    for command, code, words in ((full, 2, "No space left"), (stopped, 130, "stopped")):
        with pytest.raises(typer.Exit) as exit_:
            command()
        assert exit_.value.exit_code == code
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_scheduler_s_stop_cleans_up_like_ctrl_c(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    end = getattr(signal, name)
    before, cleaned = signal.getsignal(end), []

    @terminal.guarded
    def command() -> int:
        try:
            signal.raise_signal(end)
        finally:
            cleaned.append(name)
        return 0

    with pytest.raises(typer.Exit) as stopped:
        command()
    assert (stopped.value.exit_code, cleaned) == (130, [name])
    assert "stopped" in capsys.readouterr().err
    assert signal.getsignal(end) == before == signal.SIG_DFL


def test_a_log_gets_a_line_at_the_end_and_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.progress_bars() as report:
        for done in range(1, 1001):
            report("reading", done, 1000)
    assert capsys.readouterr().err == "reading: 1000 of 1000\n"


def test_many_failures_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.list_failures({}) == 0
    assert terminal.list_failures({f"s{i}": "torn" for i in range(25)}) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "failed: 5 more"


def test_the_recorded_command_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["x/medxmodal", "train", "demo", "--cohort", "/home/ann/smith_john/cohort", "--out", "run"]
    monkeypatch.setattr(sys, "argv", words)
    assert terminal.command_line() == "medxmodal train demo --cohort cohort --out run"
