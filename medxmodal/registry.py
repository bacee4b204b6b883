"""One registry for everything that can be named in a recipe.

`@register("fusion")` stands in the file of the thing itself. `create` imports the one package that
holds a kind on first look-up, so naming a fusion never imports the image encoders. Third parties
add their own through entry points of the group `medxmodal.<kind>`.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, TypeVar

from medxmodal.errors import RegistryError

T = TypeVar("T")

PACKAGES: Mapping[str, str] = {
    "modality": "medxmodal.modalities",
    "fusion": "medxmodal.fusion",
    "task": "medxmodal.tasks",
    "source": "medxmodal.cohort.sources",
    "attribution": "medxmodal.explain",
    "adaptation": "medxmodal.adaptation",
}

_classes: dict[str, dict[str, type[Any]]] = {}
_discovered: set[str] = set()


def register(kind: str, name: str | None = None) -> Callable[[type[T]], type[T]]:
    """Register the decorated class under `name` (its lower-case class name by default).

    Args:
        kind: One of the keys of `PACKAGES`.
        name: The name a recipe uses.

    Raises:
        RegistryError: The kind is unknown, or the name is taken by another class.
    """
    _check_kind(kind)

    def decorate(cls: type[T]) -> type[T]:
        key = name or cls.__name__.lower()
        taken = _classes.setdefault(kind, {}).get(key)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise RegistryError(f"{kind} '{key}' is already registered by {taken.__module__}")
        _classes[kind][key] = cls
        cls.registered_name = key  # type: ignore[attr-defined]
        return cls

    return decorate


def names(kind: str) -> list[str]:
    """All registered names of a kind, sorted."""
    _discover(kind)
    return sorted(_classes.get(kind, {}))


def get(kind: str, name: str) -> type[Any]:
    """The class registered under `name`.

    Raises:
        RegistryError: No such name; the message lists those there are and the closest one.
    """
    _discover(kind)
    found = _classes.get(kind, {})
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"Use one of: {', '.join(sorted(found))}."
        raise RegistryError(f"unknown {kind} '{name}' (known: {', '.join(sorted(found))})", hint=hint)
    return found[name]


def create(kind: str, spec: str | Mapping[str, Any], **extra: Any) -> Any:  # noqa: ANN401 - the kind decides
    """Make an object from its spec: a name, or a mapping with `name` and constructor arguments.

    Raises:
        RegistryError: The name is unknown or an argument does not fit the constructor.
    """
    arguments = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = str(arguments.pop("name"))
    cls = get(kind, name)
    arguments |= extra
    accepted = [p for p in inspect.signature(cls).parameters if p != "self"]
    for key in arguments:
        if key not in accepted:
            close = difflib.get_close_matches(key, accepted, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Use one of: {', '.join(accepted) or 'none'}."
            raise RegistryError(f"{kind} '{name}' has no setting '{key}'", hint=hint)
    return cls(**arguments)


def spec_of(obj: object) -> dict[str, Any]:
    """The spec that makes an equal object: its registered name and constructor arguments.

    Constructors are the configuration, so each argument is an attribute of the same name, or an
    entry of `settings` where the class needs that name for something else.
    """
    spec: dict[str, Any] = {"name": obj.registered_name}  # type: ignore[attr-defined]
    settings = getattr(obj, "settings", {})
    for name, parameter in inspect.signature(type(obj)).parameters.items():
        value = settings[name] if name in settings else getattr(obj, name)
        if parameter.default is inspect.Parameter.empty or value != parameter.default:
            spec[name] = value
    return spec


def _check_kind(kind: str) -> None:
    if kind not in PACKAGES:
        raise RegistryError(f"unknown kind '{kind}'", hint=f"Use one of: {', '.join(PACKAGES)}.")


def _discover(kind: str) -> None:
    _check_kind(kind)
    if kind in _discovered:
        return
    package = importlib.import_module(PACKAGES[kind])
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    for point in entry_points(group=f"medxmodal.{kind}"):
        register(kind, point.name)(point.load())
    _discovered.add(kind)
