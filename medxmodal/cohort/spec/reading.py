"""Reading a spec's YAML strictly, and saying in one line what is wrong with it and where."""

from __future__ import annotations

import difflib
import types
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from medxmodal.errors import SpecError
from medxmodal.shipped import shipped, shipped_names

Spec = TypeVar("Spec", bound=BaseModel)
MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MOST_SHOWN = 60
"""Characters of a wrong value that a message shows."""
_PLAIN = {
    "dict_type": "expected keys with values",
    "model_type": "expected keys with values",
    "model_attributes_type": "expected keys with values",
    "list_type": "expected a list, such as [a, b]",
    "tuple_type": "expected a list, such as [0, 120]",
    "string_type": "expected text; write it in quotes",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "too_short": "must not be empty",
    "too_long": "has too many entries",
    "string_too_short": "must not be empty",
}
"""What pydantic says in Python's words, in those of a YAML."""


def read_spec(model: type[Spec], path_or_name: str | Path) -> Spec:
    """Read and check a YAML spec by path, or by the name of a shipped one.

    Raises:
        SpecError: It is not there, is no YAML, or does not fit the model.
    """
    path = _find(path_or_name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SpecError(f"{path.name} has {path.stat().st_size} bytes; a spec is a short YAML file")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name} is not UTF-8 text", hint="Save it as UTF-8.") from error
    except OSError as error:
        raise SpecError(f"cannot read the spec {path}: {error.strerror}") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise SpecError(
                f"{path.name} holds no keys", hint="Start from a spec in cohorts/, or medxmodal init."
            )
        _check_nodes(root, path.name)
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        # A key without its colon is noticed on the next line only; the key is the place to look.
        mark = getattr(error, "context_mark" if "expected ':'" in problem else "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise SpecError(f"{path.name}{where} is not valid YAML: {problem}") from error
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path.name} cannot be read as YAML: {error}") from error
    return parse_spec(model, tree, source=path.name, root=root)


def parse_spec(model: type[Spec], tree: object, *, source: str, root: yaml.MappingNode | None = None) -> Spec:
    """Check a spec given as a mapping; `root` lets errors name the line."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        message, hint = _readable(model, error, source, root)
        raise SpecError(message, hint=hint) from error


def _find(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    if path.suffix in {".yaml", ".yml"}:
        if path.is_file():
            return path
        raise SpecError(f"there is no spec file {path}", hint="Check the path, or use a shipped name.")
    found = shipped("cohorts", str(path_or_name))
    if found is not None:
        return found
    known = shipped_names("cohorts")
    close = difflib.get_close_matches(str(path_or_name), known, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Use a YAML path, or one of: {', '.join(known)}."
    raise SpecError(f"unknown cohort spec '{path_or_name}'", hint=hint)


def _check_nodes(node: yaml.Node, source: str) -> None:
    """Refuse doubled keys, which YAML would drop silently, and aliases that expand without end."""
    pending, seen = [node], 0
    while pending:
        current = pending.pop()
        seen += 1
        if seen > MAX_NODES:
            raise SpecError(f"{source} expands to more than {MAX_NODES} entries")
        if isinstance(current, yaml.SequenceNode):
            pending += current.value
        elif isinstance(current, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in current.value:
                if key.value in keys if isinstance(key.value, str) else False:
                    raise SpecError(
                        f"{source} line {key.start_mark.line + 1}: key '{key.value}' is there twice"
                    )
                keys.add(str(key.value))
                pending.append(value)


def _readable(
    model: type[BaseModel], error: ValidationError, source: str, root: yaml.MappingNode | None
) -> tuple[str, str]:
    first = error.errors()[0]
    context = first.get("ctx") or {}
    loc: tuple[str | int, ...] = first["loc"]
    if "path" in context:
        loc = tuple(int(part) if part.isdigit() else part for part in str(context["path"]).split("."))
    path, line = _locate(loc, root)
    where = f"{source}{f' line {line}' if line else ''}: {'.'.join(map(str, path)) or 'the spec'}"
    kind, key = first["type"], str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        close = difflib.get_close_matches(key, known, n=1)
        return f"{where} is an unknown key", f"Did you mean '{close[0]}'?" if close else _known(known)
    if kind == "missing":
        return f"{where} is required and not there", ""
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        tag = str(context.get("discriminator", "")).strip("'")
        expected = str(context.get("expected_tags", "")) or "one of the kinds in docs"
        came = context.get("tag")
        if came is None:
            return f"{where} needs the key `{tag}`", ""
        return f"{where}: `{tag}` is '{came}'; expected {expected}", ""
    message = _PLAIN.get(kind) or str(first["msg"]).removeprefix("Value error, ")
    came = first["input"]
    tells = isinstance(came, str | int | float | bool) and kind not in {"leak", "table"}
    shown = f" (got {_short(repr(came))})" if tells else ""
    return f"{where}: {message}{shown}", ""


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _known(keys: list[str]) -> str:
    return f"Known keys: {', '.join(keys)}." if keys else ""


def _locate(loc: tuple[str | int, ...], root: yaml.MappingNode | None) -> tuple[list[str | int], int | None]:
    """The keys as the user wrote them (without the union tags pydantic adds), and the line."""
    if root is None:
        return list(loc), None
    node: yaml.Node | None = root
    path: list[str | int] = []
    line: int | None = None
    for index, part in enumerate(loc):
        found = _child(node, part)
        if found is None:
            if index + 1 == len(loc):
                path.append(part)
            continue
        node, line = found
        path.append(part)
    return path, line


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    return None


def _keys_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The keys a spec may have at a place."""
    here: Any = model
    for part in loc:
        here = _step(_unwrap(here), part)
    here = _unwrap(here)
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []
    return [field.alias or name for name, field in here.model_fields.items()]


def _step(here: object, part: str | int) -> object:
    if isinstance(here, type) and issubclass(here, BaseModel):
        field = next((f for n, f in here.model_fields.items() if str(part) in {n, f.alias}), None)
        return None if field is None else field.annotation
    if get_origin(here) is dict:
        return get_args(here)[1]
    if get_origin(here) in {list, tuple}:
        return get_args(here)[0]
    for choice in get_args(here):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            for field in choice.model_fields.values():
                if get_origin(field.annotation) is Literal and part in get_args(field.annotation):
                    return choice
    return None


def _unwrap(here: object) -> object:
    while get_origin(here) is Annotated:
        here = get_args(here)[0]
    if get_origin(here) in {Union, types.UnionType}:
        parts = [part for part in get_args(here) if part is not type(None)]
        return _unwrap(parts[0]) if len(parts) == 1 else here
    return here
