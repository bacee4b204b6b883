"""Looking at the files of drafts: each is decoded once, so that what cannot be used is known at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medxmodal.cohort.file_inputs import Request, Seen, content_sha256
from medxmodal.cohort.sources.image import decode_image, load_bytes
from medxmodal.cohort.study_builder import Draft
from medxmodal.errors import InputError


def examine(drafts: Sequence[Draft]) -> Iterator[Draft]:
    """The drafts in order, each with what its files showed."""
    for draft in drafts:
        for name, pending in draft.pending.items():
            draft.seen[name] = [[_see(request) for request in inputs] for inputs in pending.requests]
        yield draft


def _see(request: Request) -> Seen:
    try:
        array = decode_image(load_bytes(request.paths[0], request.reference.shown), request.reference.shown)
    except InputError as error:
        return Seen(error=error.message)
    return Seen("", array.shape, content_sha256(array.shape, array.dtype.str, array.tobytes()))
