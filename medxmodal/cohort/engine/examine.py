"""Looking at the files of drafts: each is decoded once, so that what cannot be used is known at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medxmodal.cohort.decode.job import Job, Outcome
from medxmodal.cohort.decode.pool import DecodePool
from medxmodal.cohort.engine.study_builder import Draft


def examine(drafts: Sequence[Draft], pool: DecodePool) -> Iterator[Draft]:
    """The drafts in order, each with what its files showed.

    Args:
        drafts: The drafts.
        pool: Decodes their files.
    """
    outcomes = pool.run(_jobs(drafts))
    for draft in drafts:
        for name, pending in draft.pending.items():
            draft.seen[name] = [_take(outcomes, len(requests)) for requests in pending.requests]
        yield draft


def _jobs(drafts: Sequence[Draft]) -> Iterator[Job]:
    for draft in drafts:
        for pending in draft.pending.values():
            for requests in pending.requests:
                for request in requests:
                    yield request.job


def _take(outcomes: Iterator[Outcome], number: int) -> list[Outcome]:
    return [next(outcomes) for _ in range(number)]
