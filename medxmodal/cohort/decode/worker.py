"""A worker of the pool: decodes one input after the other, within limits, and may die of any of them.

`python -m medxmodal.cohort.decode.worker MEMORY`: bytes of address space it may take. Jobs come on
standard input, answers go to standard output; what a codec prints goes nowhere.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from medxmodal.cohort.decode.job import Job
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.decode.wire import pack, receive
from medxmodal.cohort.decode.work import work


def main(memory: int) -> None:
    """Work until standard input ends.

    Args:
        memory: Bytes of address space it may take; 0 for no limit.
    """
    answers = _own_output()
    limit(memory)
    sys.excepthook = _last_words(answers)
    stores: dict[tuple[str, int], DecodedStore] = {}
    while (message := receive(sys.stdin.buffer)) is not None:
        _alarm(int(message["seconds"]) + 10)
        answer, pixels = answer_to(message, stores)
        answers.write(pack(answer))
        if pixels is not None:
            answers.write(pixels.reshape(-1).view(np.uint8).data)
        answers.flush()
        _alarm(0)


def answer_to(
    message: dict[str, Any], stores: dict[tuple[str, int], DecodedStore]
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Do one job; the answer, and the pixels when they were asked for.

    Args:
        message: `paths`, `kind`, `shown`, `sha256`, `store` (folder and limit, or None) and `pixels`
            (whether they are sent back).
        stores: Those already opened.
    """
    hashes, place = message["sha256"], message["store"]
    store = None
    if place is not None:
        store = stores.setdefault(tuple(place), DecodedStore(Path(place[0]), place[1]))
    job = Job(
        tuple(map(Path, message["paths"])),
        message["kind"],
        message["shown"],
        None if hashes is None else tuple(hashes),
    )
    worked = work(job, store)
    outcome, decoded = worked.outcome, worked.decoded
    answer: dict[str, Any] = {
        "sha256": outcome.sha256,
        "sizes": outcome.sizes,
        "error": outcome.error,
        "hint": outcome.hint,
        "facts": None if outcome.facts is None else outcome.facts.to_json(),
    }
    if decoded is None or not message["pixels"]:
        return answer, None
    array = np.ascontiguousarray(decoded.array)
    return answer | {"bytes": array.nbytes}, array


def _alarm(seconds: int) -> None:
    """End this process after a while: whoever asked may have been killed, and a codec may hang."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def limit(memory: int) -> None:
    """Bound the address space, and leave no core files: they would hold patients' pixels."""
    try:
        import resource
    except ImportError:  # no limits on this system
        return
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory)):
        if most or what == resource.RLIMIT_CORE:
            _, hard = resource.getrlimit(what)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(what, (most, hard))
            except (ValueError, OSError):
                continue  # a system that knows the limit but does not let it be set


def _own_output() -> IO[bytes]:
    """The answers' way out; codecs that print to standard output can no longer spoil it."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _last_words(answers: IO[bytes]) -> Any:  # noqa: ANN401 - the type of sys.excepthook
    def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        del error, trace  # its text may quote a header
        answers.write(pack({"died": kind.__name__}))
        answers.flush()

    return say


if __name__ == "__main__":
    main(int(sys.argv[1]))
