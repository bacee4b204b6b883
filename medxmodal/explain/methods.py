"""Which attribution method explains which modality of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medxmodal import registry
from medxmodal.errors import ExplanationError
from medxmodal.explain.base import AttributionMethod

if TYPE_CHECKING:
    from medxmodal.model import Members
    from medxmodal.recipe import Explain


def choose_methods(
    members: Members, explain: Explain, method: str | None = None
) -> dict[str, AttributionMethod]:
    """One method a modality: the one asked for where it fits, else the recipe's, else the default.

    Args:
        members: The members of a run.
        explain: The recipe's section.
        method: Asked for over the recipe; modalities that it does not fit keep theirs.

    Raises:
        RegistryError: There is no such method.
        ExplanationError: A recipe's method does not fit its modality, or `method` fits none.
    """
    asked = None if method is None else make_method(method, explain)
    chosen: dict[str, AttributionMethod] = {}
    for name in members.names:
        modality = members.modality(name)
        if asked is not None and asked.fits(modality):
            chosen[name] = asked
            continue
        own = make_method(explain.methods.get(name, modality.default_method), explain)
        own.check(modality)
        chosen[name] = own
    if asked is not None and asked not in chosen.values():
        fits = [f"{name}: {own.registered_name}" for name, own in chosen.items()]
        raise ExplanationError(
            f"the method '{method}' fits none of the run's modalities",
            hint=f"Leave it out; the run uses {', '.join(fits)}.",
        )
    return chosen


def make_method(name: str, explain: Explain) -> AttributionMethod:
    """A method by name with the recipe's settings."""
    cls: type[AttributionMethod] = registry.get("attribution", name)
    return cls.from_recipe(explain)
