"""The work on one input: read, hash, decode, say what it is. The same in a worker and without one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from medxmodal.cohort.decode.from_bytes import decode_bytes
from medxmodal.cohort.decode.job import Facts, Job, Outcome, shown_of
from medxmodal.cohort.decode.store import DecodedStore
from medxmodal.cohort.sources.decoded import Decoded
from medxmodal.cohort.sources.image import MAX_BYTES, load_bytes
from medxmodal.cohort.sources.sniff import sniff
from medxmodal.errors import InputError

MAX_INPUT_BYTES = 4 * MAX_BYTES
"""The files of one input may take so much together."""


@dataclass(frozen=True)
class Worked:
    """An outcome, with the pixels where it took decoding.

    Args:
        outcome: The outcome.
        decoded: The pixels; None when there are none, or when they were in the store already.
    """

    outcome: Outcome
    decoded: Decoded | None = None


def work(job: Job, store: DecodedStore | None = None) -> Worked:
    """Decode an input here and now; what is wrong with it is in the outcome.

    Args:
        job: The input.
        store: Where what is known already is looked up, and decoded pixels are kept, except for
            everyday images: they are decoded as quickly as they are found.
    """
    hashes: list[str] = []
    sizes: list[int] = []
    try:
        blobs = _load(job, hashes, sizes)
        shown = shown_of(job, hashes)
        if job.sha256 is not None and tuple(hashes) != job.sha256:
            raise InputError(f"{shown} has changed since the cohort was built", hint="Build it again.")
        read = Outcome(job, None, tuple(hashes), tuple(sizes))
        if job.kind == "image" and sniff(blobs[0]) != "dicom":
            store = None
        facts = None if store is None else store.facts(read.entry)
        if facts is not None:
            return Worked(Outcome(job, facts, read.sha256, read.sizes))
        decoded = decode_bytes(blobs, shown, job.kind)
        facts = Facts.of(decoded, job.kind)
        if store is not None:
            store.put(read.entry, decoded.array, facts)
        return Worked(Outcome(job, facts, read.sha256, read.sizes), decoded)
    except InputError as error:
        return Worked(Outcome(job, None, tuple(hashes), tuple(sizes), error.message, error.hint))


def _load(job: Job, hashes: list[str], sizes: list[int]) -> list[bytes]:
    """The files' bytes; hashes and sizes are noted as they are read."""
    blobs: list[bytes] = []
    name = shown_of(job, ())
    if not job.paths:
        raise InputError(f"{name} has no files")
    for number, path in enumerate(job.paths, 1):
        blobs.append(load_bytes(path, name if len(job.paths) == 1 else f"{name}, file {number}"))
        hashes.append(hashlib.sha256(blobs[-1]).hexdigest())
        sizes.append(len(blobs[-1]))
        if sum(sizes) > MAX_INPUT_BYTES:
            raise InputError(f"{name} has more than {MAX_INPUT_BYTES >> 30} GiB in all files")
    return blobs
