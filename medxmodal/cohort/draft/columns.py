"""Columns of a table as numbers and categories of a drafted spec: types, units, words for missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from medxmodal.cohort.cells import number_text, parse_number
from medxmodal.cohort.draft.profile import Profile
from medxmodal.cohort.draft.yaml import entry
from medxmodal.errors import SpecError

Say = Callable[[str], None]
_IN_NAME = re.compile(r"[(\[]\s*(?P<unit>[^()\[\]]+?)\s*[)\]]\s*$")
_TOLD_UNIT = re.compile(r"_(mg_dl|mmol_l|mg_l|g_dl|mmhg|kg|cm|mm|years|min|bpm)$", re.IGNORECASE)
_SPELLED = {
    "mg_dl": "mg/dL", "mmol_l": "mmol/L", "mg_l": "mg/L", "g_dl": "g/dL", "mmhg": "mm[Hg]",
    "years": "a", "bpm": "/min",
}  # fmt: skip
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (r"^(age|alter|lebensalter|years?|jahre)([_ .,-]|$)|[_ ]age$|^age_", "a", "[0, 120]"),
    (r"(^|[_ ])bmi$|body_mass_index", "kg/m2", "[10, 80]"),
    (r"height|größe|groesse", "cm", "[30, 250]"),
    (r"weight|gewicht", "kg", "[1, 400]"),
    (r"temp(erature)?$|^temp|temperatur", "Cel", "[25, 45]"),
    (r"heart_?rate|(^|_)hr$|pulse?$|herzfrequenz", "/min", "[0, 300]"),
    (r"resp(iratory)?_?rate|(^|_)rr$", "/min", "[0, 100]"),
    (r"systolic|diastolic|(^|_)s?bp$|mean_?bp|invasivemean|(^|_)map$|trestbps|blutdruck|^p(c|a)?o2(_val)?$|^pco2",
     "mm[Hg]", "[0, 350]"),
    (r"spo2|o2_?sat|saturation", "%", "[0, 100]"),
    (r"hba1c|h(a)?ematocrit", "%", ""),
    (r"^ph$", "[pH]", "[6.5, 8]"),
    (r"egfr([._](value|val|ml.*))?$", "mL/min/{1.73_m2}", "[0, 200]"),
    (r"^crp", "mg/L", "[0, 1000]"),
    (r"^ldh", "U/L", "[0, 10000]"),
    (r"(lymphocyte|neutrophil|leukocyte|platelet)s?_?(val|count)?$", "10*9/L", ""),
)  # fmt: skip
_SENTINELS = frozenset({-1.0, -9.0, -99.0, -999.0, -9999.0})


class ColumnDrafter:
    """Writes columns.

    Args:
        columns: All columns of the table.
        say: Takes guesses.
    """

    def __init__(self, columns: Mapping[str, Profile], say: Say) -> None:
        self.columns = columns
        self.say = say
        self.unit_columns = {name for name in columns if re.search(r"[_ ]units?$|einheit$", name, re.I)}
        self.unsure: list[str] = []

    def line(self, name: str, found: Profile, more: Mapping[str, object] | None = None) -> list[str]:
        """An entry of `columns`; empty for what is neither a number nor a category."""
        tree = self.tree(found)
        if tree is None or found.distinct < 2:
            return []
        comment = ""
        if tree["type"] == "number":
            plausible = _known(found.name)[1]
            if "unit" not in tree:
                self.unsure.append(found.name)
                comment = "  # unit?"
            elif plausible and "unit_column" not in tree:
                comment = f"  # range: {plausible}"
        if name != found.name:
            tree = {"type": tree.pop("type"), "column": found.name} | tree
        return entry(name, tree | dict(more or {}), 6, comment)

    def tree(self, found: Profile) -> dict[str, object] | None:
        """What a column is, or None."""
        if found.is_number and _flags(found):
            tree: dict[str, object] = {"type": "category"}
            if not re.search(r"sex|gender|geschlecht", found.name, re.IGNORECASE):
                tree["map"] = {"0": "no", "1": "yes"}
            return _with_missing(tree, list(found.words))
        if found.is_number:
            return self._number(found)
        if not found.is_category:
            return None
        tree = {"type": "category"}
        if found.many:
            tree["many"] = found.many
            self.say(f"'{found.name}' holds several values in a cell, separated by {found.many}.")
        return _with_missing(tree, list(found.words))

    def _number(self, found: Profile) -> dict[str, object]:
        tree: dict[str, object] = {"type": "number"}
        own = next((u for u in self.unit_columns if u.lower().startswith(found.name.lower())), None)
        if own:
            common = self.columns[own].counts.most_common(1)
            tree |= {"unit": _checked(common[0][0] if common else "1") or "1", "unit_column": own}
            self.say(f"'{found.name}' has its units in '{own}'; values are converted to {tree['unit']}.")
        elif unit := unit_of(found):
            tree["unit"] = unit
            self.say(f"the unit of '{found.name}' is {unit}.")
        if found.limits:
            tree["limits"] = "value"
            self.say(f"'{found.name}' holds cells such as a number with < or >, read as that number.")
        words = [*found.words, *_odd_words(found)]
        below = {value for value in found.values if value < 0}
        if len(below) == 1 and below <= _SENTINELS and found.values.count(min(below)) > 1:
            words.append(number_text(min(below)))
            self.say(f"{words[-1]} in '{found.name}' means missing.")
        return _with_missing(tree, words)


def unit_of(found: Profile) -> str | None:
    """The unit that a column's name tells; None where it tells none."""
    match = _IN_NAME.search(found.name)
    if match is not None:
        return _checked(match["unit"])
    told = _TOLD_UNIT.search(found.name)
    if told:
        return (
            "{pack_years}"
            if "pack" in found.name.lower()
            else _checked(_SPELLED.get(told[1].lower(), told[1]))
        )
    unit, plausible = _known(found.name)
    if unit == "a" and not found.name.lower().startswith(("age", "alter", "lebensalter")):
        return unit if plausible and _inside(found, 0, 130) else None
    if unit == "cm" and found.values and not _inside(found, 20, 260):
        return None
    return unit or None


def _inside(found: Profile, low: float, high: float) -> bool:
    values = [value for value in found.values if value not in _SENTINELS]
    middle = values[len(values) // 20 : max(1, len(values) - len(values) // 20)]
    return bool(middle) and low <= middle[0] and middle[-1] <= high


def _known(name: str) -> tuple[str, str]:
    for pattern, unit, plausible in _KNOWN:
        if re.search(pattern, name, re.IGNORECASE):
            return unit, plausible
    return "", ""


def _checked(unit: str) -> str | None:
    from medxmodal.cohort.units import check_unit

    try:
        check_unit(unit)
    except SpecError:
        return None
    return unit


def _flags(found: Profile) -> bool:
    """Whether a number is really yes or no."""
    return set(found.values) == {0.0, 1.0}


def _odd_words(found: Profile) -> list[str]:
    """Words in a column of numbers, as far as they are plain words that repeat, and so tell of nobody."""
    odd = [t for t, n in found.counts.items() if n > 2 and parse_number(t) is None and t[:1] not in "<>="]
    plain = [text for text in odd if not any(sign.isdigit() for sign in text) and len(text) <= 20]
    return [text for text in plain if text == text.lower() or len(text) <= 3][:10]


def _with_missing(tree: dict[str, object], words: list[str]) -> dict[str, object]:
    if words:
        tree["missing"] = words
    return tree
