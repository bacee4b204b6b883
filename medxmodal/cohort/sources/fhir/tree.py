"""All columns of a view in one walk: what paths share is looked up once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from medxmodal.cohort.sources.fhir.errors import BadResource
from medxmodal.cohort.sources.fhir.paths import (
    Context,
    Getter,
    Node,
    Step,
    compile_steps,
    joint_of,
    mistyped,
    parse_path,
    scalar,
)

Cells = list[str | None]
Visit = Callable[[Node, Cells], None]


@dataclass
class _Branch:
    """What is taken from one element."""

    leaves: list[tuple[str, int, Callable[[Any], str | None]]] = field(default_factory=list)
    singles: dict[str, _Branch] = field(default_factory=dict)
    lists: dict[str, _List] = field(default_factory=dict)
    others: list[tuple[int, Getter]] = field(default_factory=list)


@dataclass
class _List:
    """What is taken from a list: of its n-th element, or of every one."""

    nth: dict[int, _Branch] = field(default_factory=dict)
    every: list[tuple[int, Getter, str]] = field(default_factory=list)


def compile_columns(paths: Sequence[str], context: Context, offset: int) -> Visit:
    """A function that writes the value of each path into its cell.

    The first alternatives of all paths are taken in one walk; later ones only where those gave nothing.

    Args:
        paths: One a column; empty ones give nothing.
        context: What `$text` and `$reference` need and count.
        offset: The first column's position among the cells.
    """
    root = _Branch()
    later: list[tuple[int, tuple[Getter, ...]]] = []
    for column, path in enumerate(paths, offset):
        if not path:
            continue
        ways = parse_path(path)
        _plant(root, ways[0], 0, column, context)
        if len(ways) > 1:
            later.append((column, tuple(compile_steps(steps, 0, context) for steps in ways[1:])))
    walk = _visit(root, "")

    def visit(node: Node, cells: Cells) -> None:
        walk(node, cells)
        for column, getters in later:
            if cells[column] is None:
                for get in getters:
                    found = get(node)
                    if found is not None:
                        cells[column] = found
                        break

    return visit


def _plant(branch: _Branch, steps: tuple[Step, ...], at: int, column: int, context: Context) -> None:
    step = steps[at]
    last = at == len(steps) - 1
    if last and not step.pick:
        branch.leaves.append((step.name, column, scalar(steps, at)))
    elif last or "=" in step.pick or steps[at + 1].name.startswith("$"):
        branch.others.append((column, compile_steps(steps, at, context)))
    elif not step.pick:
        _plant(branch.singles.setdefault(step.name, _Branch()), steps, at + 1, column, context)
    elif step.pick == "*":
        held = branch.lists.setdefault(step.name, _List())
        held.every.append((column, compile_steps(steps, at + 1, context), joint_of(steps)))
    else:
        held = branch.lists.setdefault(step.name, _List())
        _plant(held.nth.setdefault(int(step.pick), _Branch()), steps, at + 1, column, context)


def _visit(branch: _Branch, where: str) -> Visit:
    leaves = tuple(branch.leaves)
    singles = tuple(
        (name, f"{where}{name}", _visit(inner, f"{where}{name}.")) for name, inner in branch.singles.items()
    )
    lists = tuple((name, _visit_list(held, f"{where}{name}")) for name, held in branch.lists.items())
    others = tuple(branch.others)

    def visit(node: Node, cells: Cells) -> None:
        get = node.get
        for name, column, convert in leaves:
            value = get(name)
            if value is not None:
                cells[column] = convert(value)
        for name, named, inner in singles:
            value = get(name)
            if value is not None:
                if type(value) is not dict:
                    raise BadResource(mistyped(named, value))
                inner(value, cells)
        for name, take in lists:
            value = get(name)
            if value is not None:
                take(value, cells)
        for column, getter in others:
            cells[column] = getter(node)

    return visit


def _visit_list(held: _List, where: str) -> Callable[[Any, Cells], None]:
    nth = tuple((position, _visit(inner, f"{where}.")) for position, inner in held.nth.items())
    every = tuple(held.every)

    def take(value: Any, cells: Cells) -> None:  # noqa: ANN401 - whatever the JSON holds
        if type(value) is not list:
            raise BadResource(f"{where} is not a list")
        for item in value:
            if type(item) is not dict:
                raise BadResource(f"{where} is not a list of elements")
        for position, visit in nth:
            if position < len(value):
                visit(value[position], cells)
        for column, get, joint in every:
            if len(value) == 1:
                cells[column] = get(value[0])
            else:
                texts = [text for text in map(get, value) if text is not None]
                cells[column] = joint.join(texts) or None

    return take
