"""One worker process as its pool sees it: asked with a time limit, and killed when it does not answer."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import medxmodal
from medxmodal.cohort.decode.wire import LENGTH_BYTES, length_of, pack, unpack

_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from medxmodal.cohort.decode.worker import main; main(int(sys.argv[1]))"
)
COMMAND = (sys.executable, "-P", "-c", _START, str(Path(medxmodal.__file__).parents[1]))
"""`python -m medxmodal.cohort.decode.worker`, wherever the package lies and whatever folder it is run in."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_CHUNK = 1 << 20


class WorkerLost(Exception):
    """A worker died, was killed or did not answer in time; the message completes `the image ...`."""


class Worker:
    """A process that decodes.

    Args:
        memory: Bytes of address space it may take.
        command: What is run, the memory as its last argument.
    """

    def __init__(self, memory: int, command: Sequence[str] = COMMAND) -> None:
        self._process = subprocess.Popen(
            [*command, str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what codecs print may name a file
            env={**os.environ, **_ONE_THREAD},
            start_new_session=True,  # Ctrl-C is for the one who asks
        )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, message: Mapping[str, Any], seconds: float) -> tuple[dict[str, Any], bytearray]:
        """Send a job; its answer, and the pixels behind it.

        Raises:
            BrokenPipeError: It had died before it took the job.
            WorkerLost: It died, or did not answer in time.
        """
        assert self._process.stdin is not None
        if self._process.poll() is not None:
            raise BrokenPipeError
        until = time.monotonic() + seconds
        self._process.stdin.write(pack({**message, "seconds": seconds}))
        self._process.stdin.flush()
        try:
            length = length_of(bytes(self._read(LENGTH_BYTES, until)))
            answer = unpack(bytes(self._read(length, until)))
            pixels = self._read(int(answer.get("bytes", 0)), until)
        except TimeoutError as error:
            raise WorkerLost(f"took more than {seconds:g} s to decode and was given up") from error
        except EOFError as error:
            raise WorkerLost(f"{self._death()} while it was decoded") from error
        except ValueError as error:
            raise WorkerLost("made its decoder answer with nonsense") from error
        if answer.get("died") == "MemoryError":
            raise WorkerLost("needs more memory to decode than one input may take")
        if "died" in answer:
            raise WorkerLost(f"cannot be decoded: the decoder failed with {answer['died']}")
        return answer, pixels

    def kill(self) -> None:
        """End it; whoever waits for its answer is told."""
        self._process.kill()

    def stop(self) -> None:
        """End it and take what is left of it away; nobody may wait for its answer."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue  # what was written for a dead process cannot be flushed
        self._process.wait()

    def _read(self, count: int, until: float) -> bytearray:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        found = bytearray()
        with selectors.DefaultSelector() as waiting:
            waiting.register(descriptor, selectors.EVENT_READ)
            while len(found) < count:
                if not waiting.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
                chunk = os.read(descriptor, min(_CHUNK, count - len(found)))
                if not chunk:
                    raise EOFError
                found += chunk
        return found

    def _death(self) -> str:
        """How it ended, in words."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "made its decoder fall silent"
        if code == -9:
            return "had its decoder killed (signal 9, often for want of memory)"
        return f"crashed its decoder ({f'signal {-code}' if code < 0 else f'exit code {code}'})"
