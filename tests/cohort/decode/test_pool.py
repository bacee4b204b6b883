"""The pool: order, the same results with and without workers, and a bad file that costs only itself."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from medxmodal.cohort.decode import pool as room
from medxmodal.cohort.decode.job import Job
from medxmodal.cohort.decode.pool import DecodePool, shared_pool
from medxmodal.errors import InputError

RNG = np.random.default_rng(6)

NASTY = """
import os, signal, sys, time
sys.path.append({root!r})
from medxmodal.cohort.decode import work as decode_work
from medxmodal.cohort.decode.worker import main
import medxmodal.cohort.decode.worker as worker

def work(job, store=None):
    data = job.paths[0].read_bytes()
    if data.startswith(b"sleep"):
        time.sleep(60)
    if data.startswith(b"crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.startswith(b"hungry"):
        held = bytearray(8 << 30)
    if data.startswith(b"bug"):
        raise KeyError("Doe^Jane")
    if data.startswith(b"chatty"):
        os.write(1, b"codec says hello" * 100)
    return decode_work.work(job, store)

worker.work = work
main(int(sys.argv[1]))
"""
ROOT = str(Path(room.__file__).parents[3])
NASTY_COMMAND = (sys.executable, "-c", NASTY.format(root=ROOT))


def picture(path: Path, *, head: bytes = b"") -> Job:
    Image.fromarray(RNG.integers(0, 256, (12, 16), dtype=np.uint8)).save(path, "PNG")
    if head:
        path.write_bytes(head)
    return Job((path,), "image", f"image {path.stem}", key=path.stem)


def scan(path: Path) -> Job:
    image = nibabel.Nifti1Image(RNG.integers(0, 900, (5, 6, 7), dtype=np.int16), np.diag([1, 2, 3, 1.0]))
    path.write_bytes(gzip.compress(image.to_bytes()))
    return Job((path,), "volume", f"scan {path.stem}")


@pytest.fixture
def nasty() -> Iterator[DecodePool]:
    with DecodePool(2, memory=2 << 30, seconds=20, command=NASTY_COMMAND) as pool:
        yield pool


def test_two_hundred_jobs_keep_their_order_and_are_taken_as_they_are_done(tmp_path: Path) -> None:
    jobs = [picture(tmp_path / f"{n}.png") for n in range(200)]
    taken = 0

    def source() -> Iterator[Job]:
        nonlocal taken
        for job in jobs:
            taken += 1
            yield job

    with DecodePool(2) as pool:
        outcomes = pool.run(source())
        first = next(outcomes)
        assert taken <= 4 * 2
        found = [first, *outcomes]
    assert [outcome.job for outcome in found] == jobs
    assert [o.sha256 for o in found] == [(hashlib.sha256(j.paths[0].read_bytes()).hexdigest(),) for j in jobs]


def test_results_are_equal_with_and_without_workers(tmp_path: Path) -> None:
    jobs = [picture(tmp_path / "a.png"), picture(tmp_path / "b.png", head=b"nonsense"), scan(tmp_path / "c")]
    with DecodePool(1) as workers, DecodePool(1, inline=True) as inline:
        there, here = list(workers.run(jobs)), list(inline.run(jobs))
        assert [outcome.job.key for outcome in here] == ["a", "b", None]
        assert there == here
    facts = there[0].check()
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    said = hashlib.sha256(repr((pixels.shape, pixels.dtype.str)).encode() + pixels.tobytes()).hexdigest()
    assert facts.content == said
    assert len(facts.perceptual) == 64
    volume = there[2].check()
    assert (volume.shape, volume.dtype, volume.spacing) == ((5, 6, 7), "<f4", (1.0, 2.0, 3.0))
    assert volume.affine is not None
    assert volume.affine[2] == (0.0, 0.0, 3.0, 0.0)


def test_everyday_images_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "Worker", lambda *words: pytest.fail("a process was started"))
    with DecodePool(2, inline=True) as pool:
        assert all(o.facts for o in pool.run([picture(tmp_path / f"{n}.png") for n in range(20)]))
        missing = Job((tmp_path / "none.png",), "image", "image 9")
        assert pool.one(missing).error == "image 9 is not there"
        assert pool.one(Job((), "image", "image 9")).error == "image 9 has no files"
        os.mkfifo(tmp_path / "pipe")
        assert pool.one(Job((tmp_path / "pipe",), "image", "image 9")).error == "image 9 is not a file"
        assert "no image" in pool.one(picture(tmp_path / "x.png", head=b"nonsense")).error


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"crash", r"crashed its decoder \(signal 11\) while it was decoded"),
        (b"hungry", "needs more memory to decode"),
        (b"bug", "the decoder failed with KeyError$"),
    ],
)
def test_a_file_that_kills_its_worker_costs_only_itself(
    nasty: DecodePool, tmp_path: Path, head: bytes, says: str
) -> None:
    jobs = [picture(tmp_path / f"{n}.png", head=head if n in {2, 3} else b"") for n in range(7)]
    found = list(nasty.run(jobs))
    assert [outcome.job for outcome in found] == jobs
    assert [n for n, outcome in enumerate(found) if outcome.facts is None] == [2, 3]
    for outcome in found[2:4]:
        with pytest.raises(InputError, match=says):
            outcome.check()
        assert outcome.sha256 == (hashlib.sha256(head).hexdigest(),)
        assert "Doe" not in outcome.error


def test_a_decoder_that_hangs_is_given_up(tmp_path: Path) -> None:
    jobs = [picture(tmp_path / "a.png", head=b"sleep"), picture(tmp_path / "b.png")]
    began = time.monotonic()
    with DecodePool(1, seconds=2, command=NASTY_COMMAND) as pool:
        slow, good = pool.run(jobs)
        assert len(pool._alive) == 1
    assert "image a took more than 2 s" in slow.error
    assert good.facts is not None
    assert time.monotonic() - began < 30


def test_what_codecs_print_does_not_spoil_the_answer(nasty: DecodePool, tmp_path: Path) -> None:
    outcome = nasty.one(picture(tmp_path / "a.png", head=b"chatty"))
    assert "no image of a known format" in outcome.error
    assert len(nasty._alive) == 1


def test_a_worker_killed_at_work_and_one_killed_at_rest(nasty: DecodePool, tmp_path: Path) -> None:
    assert nasty.one(picture(tmp_path / "a.png")).facts
    (idle,) = nasty._alive
    os.kill(idle.pid, signal.SIGKILL)
    idle._process.wait()
    assert nasty.one(picture(tmp_path / "b.png")).facts, "the next job is not to blame"
    (at_work,) = nasty._alive
    threading.Timer(1.0, os.kill, (at_work.pid, signal.SIGKILL)).start()
    lost = nasty.one(picture(tmp_path / "c.png", head=b"sleep"))
    assert "signal 9" in lost.error
    assert nasty.one(picture(tmp_path / "d.png")).facts


def test_a_volume_too_large_for_the_memory_allowed_costs_only_itself(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((500, 500, 300))
    header["magic"], header["vox_offset"] = b"n+1", 352
    header.set_sform(np.eye(4), 1)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    packed = [packer.compress(header.binaryblock + bytes(4)), *(packer.compress(zeros) for _ in range(287))]
    (tmp_path / "big").write_bytes(b"".join([*packed, packer.flush()]))
    jobs = [scan(tmp_path / "a"), Job((tmp_path / "big",), "volume", "scan big"), scan(tmp_path / "b")]
    with DecodePool(1, memory=700 << 20) as pool:
        first, big, last = pool.run(jobs)
    assert "scan big needs more memory to decode" in big.error
    assert first.facts
    assert last.facts


def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    job = picture(tmp_path / "a.png")
    code = (
        "import os, sys; from pathlib import Path; from medxmodal.cohort.decode.pool import *; "
        "pool = DecodePool(1); pool.one(Job((Path(sys.argv[1]),), 'image', 'x')); "
        "print(*(w.pid for w in pool._alive), flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(job.paths[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    worker = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{worker}/stat").read_text().split(") ")[-1].startswith("Z"):
            return
        time.sleep(0.1)
    pytest.fail("a worker outlived its parent")


def test_a_closed_pool_leaves_no_process_even_at_work(tmp_path: Path) -> None:
    pool = DecodePool(2, command=NASTY_COMMAND)
    assert pool.one(picture(tmp_path / "a.png")).facts
    lost = []
    job = picture(tmp_path / "b.png", head=b"sleep")
    waiting = threading.Thread(target=lambda: lost.append(pool.one(job)))
    waiting.start()
    while not pool._alive or pool._idle.qsize() == 2:
        time.sleep(0.01)
    processes = [worker._process for worker in pool._alive]
    pool.close()
    waiting.join(10)
    assert not waiting.is_alive()
    assert lost[0].facts is None
    assert all(process.poll() is not None for process in processes)
    assert "stopped" in pool.one(job).error


def test_a_worker_that_does_not_start_is_said(tmp_path: Path) -> None:
    with DecodePool(1, command=(sys.executable, "-c", "raise SystemExit(3)")) as pool:
        assert pool.one(picture(tmp_path / "a.png")).facts is None


def test_a_hash_stands_in_the_message_once_it_is_known(tmp_path: Path) -> None:
    job = picture(tmp_path / "a.png", head=b"nonsense")
    job = Job(job.paths, "image", "image of study 3 (sha256 {sha256}...)")
    digits = hashlib.sha256(b"nonsense").hexdigest()[:12]
    with DecodePool(1) as pool:
        assert pool.one(job).error.startswith(f"image of study 3 (sha256 {digits}...) is no image")
        gone = Job((tmp_path / "none.png",), "image", job.shown)
        assert pool.one(gone).error == "image of study 3 (sha256 unknown...) is not there"
        wrong = Job(job.paths, "image", "image", ("0" * 64,))
        assert "has changed" in pool.one(wrong).error


def test_workers_import_nothing_heavy_and_run_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('a file of the data folder was run')")
    job = picture(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    with DecodePool(1) as pool:
        assert pool.one(job).facts
        (worker,) = pool._alive
        maps = Path(f"/proc/{worker.pid}/maps")
        if maps.exists():
            assert not {"torch", "pandas", "sklearn"} & {part for part in maps.read_text().split("/")}
            environment = Path(f"/proc/{worker.pid}/limits").read_text()
            assert "Max core file size        0" in environment


def test_the_shared_pool_is_one_a_process() -> None:
    pool = shared_pool()
    assert shared_pool() is pool
    child = os.fork()
    if child == 0:
        os._exit(shared_pool() is pool)
    assert os.waitpid(child, 0)[1] == 0
