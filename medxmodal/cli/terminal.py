"""What every command shares: progress on standard error, results on standard output, exit codes."""

from __future__ import annotations

import functools
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from medxmodal.errors import MedxmodalError

if TYPE_CHECKING:
    from medxmodal.progress import Progress

P = ParamSpec("P")

SOME_FAILED, WRONG_REQUEST, ALERT, STOPPED = 1, 2, 3, 130
MOST_LISTED = 20
QUIET_SECONDS = 60.0


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """A command whose errors are one readable line and whose result is its exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _stoppable():
                code = command(*args, **kwargs)
        except MedxmodalError as error:
            code = _refuse(error.message.rstrip("."), error.hint, as_json=bool(kwargs.get("as_json")))
        except OSError as error:
            what = f"{error.strerror or type(error).__name__}"
            where = f": {error.filename}" if error.filename else ""
            code = _refuse(f"{what}{where}", "Check the path, its rights and the space left.", as_json=False)
        except KeyboardInterrupt:
            say("stopped; the same command goes on where it was, or starts again")
            code = STOPPED
        raise typer.Exit(code)

    return run


@contextmanager
def _stoppable() -> Iterator[None]:
    """A scheduler's stop and a closed terminal are as Ctrl-C: scratch folders with patients' data go."""
    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = threading.current_thread() is threading.main_thread()
    taken = [end for end in ends if ours and signal.getsignal(end) == signal.SIG_DFL]
    for end in taken:
        signal.signal(end, signal.default_int_handler)
    try:
        yield
    finally:
        for end in taken:
            signal.signal(end, signal.SIG_DFL)


def _refuse(message: str, hint: str, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"error": message, "hint": hint}, ensure_ascii=False))
    line = f"medxmodal: {message}. {hint}".rstrip()
    say(" ".join(line.split()))
    return WRONG_REQUEST


def say(line: str) -> None:
    """One line on standard error."""
    typer.echo(line, err=True)


def give(summary: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """The result on standard output: as text, or as JSON."""
    typer.echo(
        json.dumps(summary, ensure_ascii=False, indent=1, default=_plain) if as_json else text.rstrip()
    )


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def list_failures(failures: Mapping[str, str]) -> int:
    """Name the studies that failed, with their reason; the exit code that says so."""
    for study, reason in list(failures.items())[:MOST_LISTED]:
        say(f"failed: {study}: {reason}")
    if len(failures) > MOST_LISTED:
        say(f"failed: {len(failures) - MOST_LISTED} more")
    return SOME_FAILED if failures else 0


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Bars on a terminal, a line now and then in a log; both on standard error."""
    if sys.stderr.isatty():
        with _rich_bars() as report:
            yield report
    else:
        yield _lines()


@contextmanager
def _rich_bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(words: str, done: int, total: int) -> None:
            if words not in tasks:
                tasks[words] = bars.add_task(words, total=total)
            bars.update(tasks[words], completed=done, total=total)

        yield report


def _lines() -> Progress:
    last: dict[str, float] = {}

    def report(words: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - last.setdefault(words, now) >= QUIET_SECONDS:
            last[words] = now
            say(f"{words}: {done} of {total}")

    return report


def command_line() -> str:
    """The command as typed, with paths cut to their last part: where a folder lies is nobody's business."""
    words = ["medxmodal"]
    for word in sys.argv[1:]:
        words.append(Path(word).name if "/" in word else word)
    return " ".join(words)
