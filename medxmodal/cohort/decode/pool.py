"""The pool of decoders: workers with limits that a bad file may kill without costing anything else."""

from __future__ import annotations

import atexit
import os
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from medxmodal.cohort.decode.job import Facts, Job, Outcome, entry_name, shown_of
from medxmodal.cohort.decode.process import COMMAND, Worker, WorkerLost
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.decode.work import work
from medxmodal.cohort.root import file_sha256
from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.sources.sniff import HEAD, sniff
from medxmodal.cohort.study import joined_sha256

MEMORY = 4 << 30
"""Bytes of address space a worker may take, unless said otherwise."""
SECONDS = 60.0
"""An input may take so long to decode, and a second more for each further file of it."""
INLINE_BYTES = 16 << 20
"""Everyday images up to this size may be decoded without a worker."""
_shared: dict[str, object] = {}
_sharing = threading.Lock()


class DecodePool:
    """Decodes inputs in worker processes; a context manager, and safe with several threads.

    Workers start when they are first needed. One that crashes, takes too long or too much memory costs
    its own input, which gets an outcome that says so; another takes its place.

    Args:
        workers: How many at most; as many as there are processors by default.
        memory: Bytes of address space each may take; 0 for no limit.
        seconds: An input may take so long, and a second more for each further file of it.
        inline: Decode everyday images (PNG, JPEG, TIFF ...) of moderate size here: quicker for small
            cohorts than to start a process.
        store: Where decoded volumes, clips and DICOM images are kept; None keeps nothing.
        command: What a worker runs; its memory is the last argument.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        memory: int = MEMORY,
        seconds: float = SECONDS,
        inline: bool = False,
        store: DecodedStore | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.workers = workers or available_processors()
        self.memory, self.seconds, self.inline = memory, seconds, inline
        self.store, self.command = store, tuple(command)
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(self.workers):
            self._idle.put(None)
        self._alive: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers, also those at work."""
        with self._lock:
            self._closed = True
            alive = tuple(self._alive)
        for worker in alive:
            worker.kill()
        while True:
            try:
                idle = self._idle.get_nowait()
            except queue.Empty:
                return  # who waits for the others is told, and takes them away
            if idle is not None:
                self._end(idle)

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Decode many inputs; outcomes come in the order of the jobs.

        Jobs are taken from their source only as fast as they are done.
        """
        waiting: deque[Future[Outcome]] = deque()
        with ThreadPoolExecutor(self.workers, "decode") as threads:
            try:
                for job in jobs:
                    if self._is_inline(job):  # in this thread: Pillow's warnings are silenced for all
                        waiting.append(Future())
                        waiting[-1].set_result(work(job).outcome)
                    else:
                        waiting.append(threads.submit(self.one, job))
                    while waiting and (len(waiting) >= 4 * self.workers or waiting[0].done()):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def one(self, job: Job) -> Outcome:
        """Decode one input, or take what is known of it from the store."""
        if self._is_inline(job):
            return work(job).outcome
        store = self.store
        if store is None:
            return self._decode(job)[0]
        states = store.hashes.states(job.paths)
        known = store.hashes.known(states)
        if known is not None and job.sha256 in {None, known.sha256}:
            facts = store.facts(entry_name(joined_sha256(known.sha256), job.kind))
            if facts is not None:
                return Outcome(job, facts, known.sha256, known.sizes)
        outcome = self.keep(job, store)
        if outcome.facts is not None:
            store.hashes.note(job.paths, states, outcome.sha256)
        return outcome

    def keep(self, job: Job, store: DecodedStore) -> Outcome:
        """Decode one input into a store, unless it is there."""
        return self._decode(job, store)[0]

    def pixels(self, job: Job) -> tuple[Outcome, Decoded | None]:
        """Decode one input and have its pixels sent back, without a store."""
        outcome, data = self._decode(job, pixels=True)
        facts = outcome.facts
        if facts is None:
            return outcome, None
        array = np.frombuffer(data, np.dtype(facts.dtype)).reshape(facts.shape)
        return outcome, facts.decoded(array)

    def _is_inline(self, job: Job) -> bool:
        return self.inline and _is_everyday(job)

    def _decode(
        self, job: Job, store: DecodedStore | None = None, *, pixels: bool = False
    ) -> tuple[Outcome, bytearray]:
        message = {
            "paths": [str(path.absolute()) for path in job.paths],
            "kind": job.kind,
            "shown": job.shown,
            "sha256": job.sha256,
            "store": None if store is None else (str(store.folder.absolute()), store.limit),
            "pixels": pixels,
        }
        try:
            answer, data = self._ask(message, self.seconds + len(job.paths) - 1)
        except WorkerLost as lost:
            hashes = _hashes(job)
            return Outcome(job, None, hashes, error=f"{shown_of(job, hashes)} {lost}"), bytearray()
        facts = answer["facts"]
        outcome = Outcome(
            job,
            None if facts is None else Facts.from_json(facts),
            tuple(answer["sha256"]),
            tuple(answer["sizes"]),
            answer["error"],
            answer["hint"],
        )
        return outcome, data

    def _ask(self, message: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytearray]:
        worker = self._idle.get()
        try:
            for _ in range(2):
                worker = worker or self._start()
                try:
                    return worker.ask(message, seconds)
                except BrokenPipeError:  # it died between two jobs, so this one is not to blame
                    self._end(worker)
                    worker = None
                except WorkerLost:
                    self._end(worker)
                    worker = None
                    raise
            raise WorkerLost("cannot be decoded: its decoder does not start")
        finally:
            self._idle.put(worker)

    def _start(self) -> Worker:
        with self._lock:
            if self._closed:
                raise WorkerLost("was not decoded: the work was stopped")
            worker = Worker(self.memory, self.command)
            self._alive.add(worker)
            return worker

    def _end(self, worker: Worker) -> None:
        with self._lock:
            self._alive.discard(worker)
        worker.stop()


def available_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shared_pool() -> DecodePool:
    """The pool of this process for single inputs, started when first asked for; ended with it."""
    with _sharing:
        if _shared.get("pid") != os.getpid():  # a forked process must not speak on its parent's pipes
            _shared.update(pid=os.getpid(), pool=DecodePool())
        pool = _shared["pool"]
    assert isinstance(pool, DecodePool)
    return pool


def _close_shared() -> None:
    pool = _shared.pop("pool", None)
    if isinstance(pool, DecodePool) and _shared.pop("pid", None) == os.getpid():
        pool.close()


def _new_lock() -> None:
    """In a forked process: another thread of the parent may have held the lock."""
    global _sharing
    _sharing = threading.Lock()


def _hashes(job: Job) -> tuple[str, ...]:
    """Hashes of the files of an input that cost its worker, to name it by them."""
    try:
        return tuple(file_sha256(path) for path in job.paths)
    except OSError:
        return ()


def _is_everyday(job: Job) -> bool:
    """Whether it is pictures for Pillow, or nothing at all, and of moderate size, by their first bytes."""
    return job.kind == "image" and all(_is_picture(path) for path in job.paths)


def _is_picture(path: Path) -> bool:
    try:
        if not path.is_file():
            return True  # the reader says what is wrong with it
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            return size <= INLINE_BYTES and sniff(stream.read(HEAD)) in {"image", "unknown"}
    except OSError:
        return True


atexit.register(_close_shared)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)
