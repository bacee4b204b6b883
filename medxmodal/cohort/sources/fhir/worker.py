"""The workers of a FHIR reading: other Python processes that speak JSON lines, or this one.

`python -m medxmodal.cohort.sources.fhir.worker` is such a process. It imports nothing that the caller has
imported, ends when its standard input does, and leaves interruptions to the one that started it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import medxmodal
from medxmodal.cohort.sources.fhir.lines import Piece
from medxmodal.cohort.sources.fhir.places import Places
from medxmodal.cohort.sources.fhir.settle import settle
from medxmodal.cohort.sources.fhir.validate import Validation
from medxmodal.cohort.sources.fhir.views import FhirView
from medxmodal.cohort.sources.fhir.work import FhirWork
from medxmodal.errors import InputError

ROOT = Path(medxmodal.__file__).resolve().parents[1]


class Worker:
    """Answers requests in this process.

    Args:
        views: Table -> view.
        folder: The scratch folder.
        buckets: How many buckets of patients there are.
        validate: What is validated whole.
        number: Of this worker.
    """

    def __init__(
        self,
        views: Mapping[str, FhirView],
        folder: Path,
        buckets: int,
        validate: Validation,
        number: int = 0,
    ) -> None:
        self.views, self.folder = views, folder
        self.work = FhirWork(views, folder, buckets, validate, number)
        self._places: Places | None = None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Read pieces, or settle a bucket.

        Raises:
            InputError: A file cannot be read, or the scratch folder not written; no names are told.
        """
        try:
            return self._do(request)
        except OSError as error:
            why = error.strerror or "input or output failed"
            raise InputError(
                f"FHIR files or their scratch folder cannot be used: {why}",
                hint="Check the rights of the files, and the space of the scratch folder.",
            ) from None

    def _do(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if "read" in request:
            return self.work.read([Piece(*piece) for piece in request["read"]])
        if self._places is None:
            self._places = Places.load(self.folder)
        return settle(self.folder, request["settle"], self.views, self._places, request["check"])


class Helpers:
    """Workers in processes of their own; leaving the context ends them.

    Args:
        count: How many.
        views: Table -> view.
        folder: The scratch folder.
        buckets: How many buckets of patients there are.
        validate: What is validated whole.
    """

    def __init__(
        self, count: int, views: Mapping[str, FhirView], folder: Path, buckets: int, validate: Validation
    ) -> None:
        self.processes: list[subprocess.Popen[str]] = []
        plain = {table: [view.resource, dict(view.columns)] for table, view in views.items()}
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
        try:
            for number in range(count):
                process = subprocess.Popen(
                    [sys.executable, "-m", __name__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
                self.processes.append(process)
                _say(process, [plain, str(folder), buckets, validate, number + 1])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """End them, whatever they do."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)

    def map(self, requests: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The answers, in the order of the requests.

        Raises:
            InputError: A worker died.
        """
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        answers: queue.SimpleQueue[tuple[int, dict[str, Any] | None]] = queue.SimpleQueue()
        for at in range(len(requests)):
            todo.put(at)

        def serve(process: subprocess.Popen[str]) -> None:
            while True:
                try:
                    at = todo.get_nowait()
                except queue.Empty:
                    return
                answer = _answer(process, requests[at])
                answers.put((at, answer))
                if answer is None:
                    return

        for process in self.processes:
            threading.Thread(target=serve, args=(process,), daemon=True).start()
        early: dict[int, dict[str, Any]] = {}
        for at in range(len(requests)):
            while at not in early:
                position, answer = answers.get()
                if answer is None:
                    raise InputError(
                        "a process that reads FHIR files ended before its work was done",
                        hint="Give it more memory, or use fewer workers.",
                    )
                if "error" in answer:
                    raise InputError(answer["error"], hint=answer["hint"])
                early[position] = answer
            yield early.pop(at)


def _say(process: subprocess.Popen[str], message: object) -> None:
    if process.stdin is not None:
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()


def _answer(process: subprocess.Popen[str], request: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a worker says, or None where it is dead."""
    if process.stdout is None:
        return None
    try:
        _say(process, request)
        line = process.stdout.readline()
        found: dict[str, Any] = json.loads(line)
    except (OSError, ValueError):
        return None
    return found


def _close(stream: Any) -> None:  # noqa: ANN401 - either end of a pipe
    try:
        stream.close()
    except OSError:
        return  # the other end is gone, and so is what was not yet sent


def read_request(pieces: Sequence[Piece]) -> dict[str, Any]:
    """Ask for pieces to be read."""
    return {"read": [astuple(piece) for piece in pieces]}


def settle_request(bucket: int, check: bool) -> dict[str, Any]:
    """Ask for a bucket to be settled."""
    return {"settle": bucket, "check": check}


def serve_standard_input() -> None:
    """Answer requests on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    first = sys.stdin.readline()
    if not first:
        return
    plain, folder, buckets, validate, number = json.loads(first)
    views = {table: FhirView(resource, columns) for table, (resource, columns) in plain.items()}
    worker = Worker(views, Path(folder), buckets, validate, number)
    for line in sys.stdin:
        try:
            answer = worker.ask(json.loads(line))
        except InputError as error:
            answer = {"error": error.message, "hint": error.hint}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve_standard_input()
