"""How many threads a piece of work deserves on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

LITTLE = 2**17
"""Input numbers a batch below which a step on the CPU is faster by one thread: on two shared cores, small
images took seven times longer with two, and as long on idle ones."""


@contextmanager
def threads_for(numbers: int) -> Iterator[None]:
    """One thread while there is little work, as many as before otherwise.

    Args:
        numbers: Input numbers that pass through the encoders at once.
    """
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if numbers < LITTLE else before)
        yield
    finally:
        torch.set_num_threads(before)
