"""Near-identical images under different patients: a hash of what is coarse in a picture, and the search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from medxmodal.errors import CohortError

SHARE, SHARE_OF_LONG = 1 / 16, 1 / 8
"""Two images are alike when at most this share of their hash's bits differs: 4 of 64, 32 of 256.

Measured with `phash`, which `image_hash` is for 256 bits. 64 bits: 64 pairs among 468 breast ultrasounds
from Cairo (known for its doubles), none among 205 from Poland nor among 210 and 243 chest X-rays of 110 and
71 patients, whose closest pairs of different patients differ in 14, 8 and 8 bits. 256 bits: 62 pairs, none,
none, none; closest 84, 66 and 66: a margin of two, where that of 64 bits would not hold for more than a few
thousand X-rays. (A `dhash` of 64 bits takes 24 pairs of different patients' X-rays for one at 4 bits: from
afar they all look alike.)"""
PLAIN = 1 / 4
"""A hash with fewer bits set (half of them are, by its making) is of a picture with hardly anything in it,
such as the empty middle slice of a mask; all those are alike, and that says nothing."""
MOST_BITS_A_CHUNK = 16
FEWEST_BITS_A_CHUNK = 10
BLOCK = 256

SIDE, COARSE = 64, 16


def image_hash(plane: np.ndarray) -> str:
    """256 bits as hex: which of the coarsest waves of a picture are stronger than most.

    The same as `imagehash.phash(image, hash_size=16)`, without the scipy that it needs.

    Args:
        plane: (rows, columns) or (rows, columns, 3), uint8.

    References:
        Zauner, Implementation and benchmarking of perceptual image hash functions, 2010.
    """
    from PIL import Image

    small = Image.fromarray(plane).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    waves = np.cos(np.pi / (2 * SIDE) * np.outer(np.arange(COARSE), 2 * np.arange(SIDE) + 1))
    # Rounded, so that what is zero but for the last digit, as in a plain picture, is zero everywhere.
    strength = (waves @ np.asarray(small, dtype=np.float64) @ waves.T).round(6)
    return np.packbits(strength > np.median(strength)).tobytes().hex()


def near_duplicates(
    hashes: Mapping[str, str], patients: Mapping[str, str], *, share: float | None = None
) -> list[list[str]]:
    """Studies of different patients whose images are nearly the same.

    Hashes with few bits are compared only where one of `allowed + 1` chunks is equal (by the pigeonhole
    principle no pair is lost); longer ones all with all, in blocks.

    Args:
        hashes: Study -> perceptual hash, hex; all of one length, a multiple of 64 bits.
        patients: Study -> patient.
        share: Share of bits that may differ; by default as measured.

    Returns:
        Groups of studies that hang together, each of at least two patients, sorted.

    Raises:
        CohortError: The hashes are of different lengths, or no hex.

    Example:
        >>> one, near, far = "00000000ffffffff", "00000000fffffffe", "ffffffff00000000"
        >>> near_duplicates({"s": one, "t": near, "u": far}, {"s": "a", "t": "b", "u": "c"})
        [['s', 't']]
    """
    if not hashes:
        return []
    ordered = sorted(hashes)
    words = _words([hashes[study] for study in ordered])
    shown = np.bitwise_count(words).sum(axis=1) >= PLAIN * words.shape[1] * 64
    studies, words = [study for study, seen in zip(ordered, shown, strict=True) if seen], words[shown]
    if not studies:
        return []
    owners = np.unique([patients[study] for study in studies], return_inverse=True)[1]
    links = list(range(len(studies)))
    usual = SHARE if words.shape[1] == 1 else SHARE_OF_LONG
    allowed = int((usual if share is None else share) * words.shape[1] * 64)
    for left, right in _alike(words, allowed):
        other = owners[left] != owners[right]
        for a, b in zip(left[other].tolist(), right[other].tolist(), strict=True):
            _join(links, a, b)
    groups: dict[int, list[str]] = {}
    for position, study in enumerate(studies):
        groups.setdefault(_root(links, position), []).append(study)
    return sorted(group for group in groups.values() if len(group) > 1)


def _words(hashes: list[str]) -> np.ndarray:
    lengths = {len(text) for text in hashes}
    if len(lengths) != 1 or next(iter(lengths)) % 16:
        raise CohortError(
            f"perceptual hashes of {sorted(lengths)} hex digits cannot be compared",
            hint="Use one kind of hash, of 64 bits or a multiple.",
        )
    try:
        data = bytes.fromhex("".join(hashes))
    except ValueError as error:
        raise CohortError("a perceptual hash is no hex number") from error
    return np.frombuffer(data, dtype=">u8").astype(np.uint64).reshape(len(hashes), -1)


def _alike(words: np.ndarray, allowed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of positions that differ in at most so many bits, in batches; a pair may come twice."""
    bits = words.shape[1] * 64
    if len(words) <= BLOCK or bits // (allowed + 1) < FEWEST_BITS_A_CHUNK:
        yield from _within(words, np.arange(len(words)), allowed)
        return
    single = np.unpackbits(words.astype(">u8").view(np.uint8).reshape(len(words), -1), axis=1)
    for chunk in np.array_split(np.arange(bits), allowed + 1):
        places = 1 << np.arange(min(len(chunk), MOST_BITS_A_CHUNK))
        keys = single[:, chunk[:MOST_BITS_A_CHUNK]] @ places
        order = np.argsort(keys, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            if len(bucket) > 1:
                yield from _within(words, bucket, allowed)


def _within(words: np.ndarray, members: np.ndarray, allowed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs among some positions, block by block."""
    chosen = words[members]
    for start in range(0, len(members), BLOCK):
        rows = chosen[start : start + BLOCK]
        apart = np.zeros((len(rows), len(members) - start), dtype=np.uint16)
        for word in range(words.shape[1]):
            apart += np.bitwise_count(rows[:, None, word] ^ chosen[None, start:, word])
        left, right = np.nonzero(apart <= allowed)
        ahead = left < right
        if ahead.any():
            yield members[start + left[ahead]], members[start + right[ahead]]


def _root(links: list[int], position: int) -> int:
    while links[position] != position:
        links[position] = links[links[position]]
        position = links[position]
    return position


def _join(links: list[int], one: int, other: int) -> None:
    links[_root(links, one)] = _root(links, other)
