"""Array files (.npz) in the layout of MedMNIST: `<split>_images` with `<split>_labels`.

Items are read one after the other from the packed file, so memory holds one item, not the file.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from medxmodal.cohort.cells import cell_text
from medxmodal.cohort.root import file_sha256
from medxmodal.cohort.sources.array_items import item_bytes, item_shape
from medxmodal.cohort.sources.rows import Row, SourceFile, Table
from medxmodal.errors import InputError, SpecError

MAX_ITEMS = 10_000_000
MAX_LABEL_BYTES = 512 << 20
MAX_UNPACKED = 64 << 30
"""Larger arrays are refused before they are unpacked."""
MAX_WHOLE = 2 << 30
"""Arrays in Fortran order, whose items lie scattered, are read whole up to so many bytes."""
_CHUNK = 1 << 20
ALONE = "all"
"""The split of a file with `images` and `labels` only."""
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, SyntaxError, TypeError, RuntimeError,
    NotImplementedError, OverflowError, KeyError, tokenize.TokenError,
)  # fmt: skip
"""What zipfile and numpy raise on damaged or encrypted files."""


@dataclass(frozen=True)
class _Member:
    """An array of the file: its place, and what its header declares."""

    name: str
    shape: tuple[int, ...]
    kind: np.dtype[Any]
    fortran: bool


def read_arrays(path: Path) -> Table:
    """One row an item, with the columns `split`, `item` (counted from 0), `label`, `label_1` ...

    Args:
        path: The .npz file.

    Raises:
        SpecError: There is no such file.
        InputError: It is damaged, holds objects, declares too much, or has no images.
    """
    with ArrayFile(path) as file:
        return file.table()


class ArrayFile:
    """An .npz file, open for reading; a context manager.

    Args:
        path: The .npz file.

    Raises:
        SpecError: There is no such file.
        InputError: It is damaged, holds objects, declares too much, or has no images.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise SpecError(f"the data folder has no array file {path.name}", hint="Check --data.")
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise InputError(f"{path.name} is no readable .npz file", hint="Copy it again.") from error
        self._readers: dict[str, _Items] = {}
        try:
            self._members = {name.removesuffix(".npy"): self._member(name) for name in self._names()}
            self.splits = {split: self._images(name) for split, name in self._split_names()}
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._readers.values():
            reader.close()
        self._zip.close()

    def table(self) -> Table:
        """See `read_arrays`; the checksums of all images are checked on the way."""
        for member in self.splits.values():
            self._check(member)
        labels = {split: self._labels(split, member) for split, member in self.splits.items()}
        width = max((columns.shape[1] for columns in labels.values() if columns is not None), default=0)
        names = tuple("label" if n == 0 else f"label_{n}" for n in range(width))
        rows: list[Row] = []
        for split, member in self.splits.items():
            columns = labels[split]
            for item in range(member.shape[0]):
                cells: dict[str, str | None] = {"split": split, "item": str(item), **dict.fromkeys(names)}
                if columns is not None:
                    cells |= {
                        n: cell_text(value) for n, value in zip(names, columns[item].tolist(), strict=False)
                    }
                rows.append(Row(len(rows) + 2, cells, place=f"item {item} of {split}"))
        source = SourceFile(file_sha256(self.path), self.path.stat().st_size)
        return Table(("split", "item", *names), tuple(rows), (source,), tuple(self._notes(labels)))

    def item(self, split: str, item: int) -> np.ndarray:
        """One item's pixels; reading in order is fast, going back starts the split again.

        Raises:
            SpecError: There is no such split or item.
            InputError: The file is damaged.
        """
        member = self.splits.get(split)
        if member is None or not 0 <= item < member.shape[0]:
            raise SpecError(
                f"{self.path.name} has no item {item} of {split}",
                hint="It has " + ", ".join(f"{n} items of {s}" for s, n in self.sizes.items()) + ".",
            )
        try:
            reader = self._readers.get(split)
            if reader is None:
                reader = self._readers[split] = _Items(self._zip, member)
            return reader.get(item)
        except _DAMAGED as error:
            raise InputError(f"item {item} of {split} is damaged", hint="Copy the .npz again.") from error

    def export(self, split: str, item: int) -> bytes:
        """One item as the bytes of a file: .nii.gz for a volume, PNG for an image.

        The same item always gives the same bytes. No spacing is stated, so the affine is the identity.
        """
        return item_bytes(self.item(split, item), f"item {item} of {split}")

    @property
    def sizes(self) -> dict[str, int]:
        """Split -> how many items."""
        return {split: member.shape[0] for split, member in self.splits.items()}

    def _names(self) -> list[str]:
        return [name for name in self._zip.namelist() if name.endswith(".npy")]

    def _member(self, name: str) -> _Member:
        """What an array's header declares, checked against the size of what is packed."""
        try:
            with self._zip.open(name) as stream:
                shape, fortran, kind = _array_header(stream)
                length = stream.tell()
        except _DAMAGED as error:
            raise InputError(f"{self.path.name}: the array {name} is damaged") from error
        if kind.hasobject:
            raise InputError(
                f"{self.path.name}: the array {name} holds Python objects, which are never loaded",
                hint="Save it as numbers or texts.",
            )
        if length + math.prod(shape) * kind.itemsize != self._zip.getinfo(name).file_size:
            raise InputError(f"{self.path.name}: the array {name} has another size than it declares")
        return _Member(name, shape, kind, fortran)

    def _check(self, member: _Member) -> None:
        """Read an array to its end: only there a damaged one shows, after its items were taken."""
        try:
            with self._zip.open(member.name) as stream:
                while stream.read(_CHUNK):
                    pass
        except _DAMAGED as error:
            raise InputError(f"{self.path.name}: the array {member.name} is damaged") from error

    def _split_names(self) -> Iterator[tuple[str, str]]:
        found = [name for name in self._members if name == "images" or name.endswith("_images")]
        if not found:
            raise InputError(
                f"{self.path.name} has no images",
                hint="Its arrays must be called <split>_images and <split>_labels, or images and labels.",
            )
        for name in found:
            yield name.removesuffix("images").removesuffix("_") or ALONE, name

    def _images(self, name: str) -> _Member:
        member = self._members[name]
        shown = f"{self.path.name}: the array {name}"
        if not member.shape or member.shape[0] > MAX_ITEMS:
            raise InputError(f"{shown} has the shape {member.shape}; one item a first index is expected")
        item_shape(member.shape[1:], member.kind, shown)
        if math.prod(member.shape) * member.kind.itemsize > MAX_UNPACKED:
            raise InputError(f"{shown} has more than {MAX_UNPACKED >> 30} GiB", hint="Split it.")
        if member.fortran and math.prod(member.shape) * member.kind.itemsize > MAX_WHOLE:
            raise InputError(f"{shown} is in Fortran order and larger than {MAX_WHOLE >> 30} GiB")
        return member

    def _labels(self, split: str, images: _Member) -> np.ndarray | None:
        """(items, label columns), or None where there are none."""
        member = self._members.get(images.name.removesuffix("images.npy") + "labels")
        if member is None:
            return None
        shown = f"{self.path.name}: the labels of {split}"
        if member.shape[:1] != images.shape[:1] or len(member.shape) > 2 or member.kind.kind not in "biufUS":
            raise InputError(f"{shown} have the shape {member.shape} for {images.shape[0]} items")
        if math.prod(member.shape) * member.kind.itemsize > MAX_LABEL_BYTES:
            raise InputError(f"{shown} take more than {MAX_LABEL_BYTES >> 20} MiB")
        try:
            with self._zip.open(member.name) as stream:
                found = np.lib.format.read_array(stream, allow_pickle=False)
            found = found.reshape(images.shape[0], -1) if found.size else found.reshape(images.shape[0], 0)
            return np.char.decode(found, "utf-8") if member.kind.kind == "S" else found
        except _DAMAGED as error:
            raise InputError(f"{shown} are damaged", hint="Copy the .npz again.") from error

    def _notes(self, labels: dict[str, np.ndarray | None]) -> Iterator[str]:
        used = {member.name for member in self.splits.values()}
        used |= {member.name.removesuffix("images.npy") + "labels.npy" for member in self.splits.values()}
        left = [name for name, member in self._members.items() if member.name not in used]
        if left:
            yield f"{len(left)} arrays are neither images nor their labels and were left out"
        for split, columns in labels.items():
            if columns is None:
                yield f"the items of {split} have no labels"


class _Items:
    """The items of one array, in order, from its packed stream."""

    def __init__(self, file: zipfile.ZipFile, member: _Member) -> None:
        self._file, self._member = file, member
        self._whole: np.ndarray | None = None
        self._stream: IO[bytes] | None = None
        self._next = 0

    def get(self, item: int) -> np.ndarray:
        member = self._member
        if member.fortran:
            if self._whole is None:
                with self._file.open(member.name) as stream:
                    self._whole = np.lib.format.read_array(stream, allow_pickle=False)
            return np.ascontiguousarray(self._whole[item])
        size = math.prod(member.shape[1:]) * member.kind.itemsize
        if self._stream is None or item < self._next:
            self.close()
            self._stream = self._file.open(member.name)
            _array_header(self._stream)
            self._next = 0
        data = b""
        while self._next <= item:
            data = self._stream.read(size)
            self._next += 1
        if len(data) != size:
            raise EOFError
        return np.frombuffer(data, member.kind).reshape(member.shape[1:])

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)
