"""Paths into FHIR resources, compiled to functions that check the types of what they read.

`code.coding[0].code` takes the first of a list, `code.coding[*].code` all of them, joined by `|`;
`[system=http://loinc.org]` takes the first with that value; ` | ` separates alternatives, of which the
first that gives something counts. The last step may be `$text` (an attachment, decoded), `$reference`
(the id that a reference points at) or `$study_uid` (of an ImagingStudy's identifiers).

What is not of the type that R4 wants there is a `BadResource`, never a guess.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from medxmodal.cohort.cells import number_text
from medxmodal.cohort.sources.fhir.attachments import attachment_text
from medxmodal.cohort.sources.fhir.errors import BadResource
from medxmodal.cohort.sources.fhir.references import reference_id
from medxmodal.errors import SpecError

Node = dict[str, Any]
Getter = Callable[[Node], "str | None"]

_STEP = re.compile(r"([A-Za-z]\w*|\$\w+)(?:\[(\*|\d{1,3}|[A-Za-z]+=[^\]]+)\])?(?:\.|$)")
_DATE = re.compile(
    r"[12]\d{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])"
    r"(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d|:60)?(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?"
)
_DATES = frozenset({"start", "end", "issued", "started", "date", "authoredOn", "effectiveInstant",
                    "lastUpdated", "whenPrepared", "whenHandedOver", "dateAsserted", "created"})  # fmt: skip
_TEXTS = frozenset({"code", "display", "text", "system", "unit", "status", "gender", "uid", "intent",
                    "valueString", "valueCode", "comparator", "conclusion", "type",
                    "criticality"})  # fmt: skip
_NUMBERS = frozenset({"valueDecimal"})
_INTEGERS = frozenset({"valueInteger", "numberOfSeries", "numberOfInstances"})
_FLAGS = frozenset({"valueBoolean", "deceasedBoolean", "active", "multipleBirthBoolean"})
FUNCTIONS = ("$text", "$reference", "$study_uid")


@dataclass
class Context:
    """What getters share while one resource is read.

    Args:
        urls: Full URL -> id, of the bundle at hand.
        remarks: Counts of what was left out.
    """

    urls: Mapping[str, str] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Step:
    """One step of a path: an element, and which of a list; empty where it is no list."""

    name: str
    pick: str = ""


def parse_path(path: str) -> tuple[tuple[Step, ...], ...]:
    """The alternatives of a path, each a row of steps.

    Raises:
        SpecError: It is no path.
    """
    alternatives = []
    for text in re.split(r"\s\|\s", path.strip()):
        steps, at = [], 0
        while (match := _STEP.match(text, at)) is not None:
            steps.append(Step(match[1], match[2] or ""))
            at = match.end()
        wrong = at != len(text) or not steps or text.endswith(".")
        wrong = wrong or any(s.name[0] == "$" for s in steps[:-1]) or (len(steps) == 1 and text[0] == "$")
        if wrong or (steps[-1].name[0] == "$" and steps[-1].name not in FUNCTIONS):
            raise SpecError(
                f"'{path}' is no path into a FHIR resource",
                hint="Write for example code.coding[0].code, or valueQuantity.value | valueString.",
            )
        alternatives.append(tuple(steps))
    return tuple(alternatives)


def compile_path(path: str, context: Context) -> Getter:
    """A function that takes the value of a path from a resource, as text.

    Args:
        path: See above.
        context: What `$text` and `$reference` need and count.

    Raises:
        SpecError: It is no path.
    """
    ways = [compile_steps(steps, 0, context) for steps in parse_path(path)]
    if len(ways) == 1:
        return ways[0]

    def first_found(node: Node) -> str | None:
        for way in ways:
            found = way(node)
            if found is not None:
                return found
        return None

    return first_found


def compile_steps(steps: tuple[Step, ...], at: int, context: Context) -> Getter:
    """A function that takes the rest of a path, from step `at`, out of the element reached so far."""
    step = steps[at]
    where = ".".join(s.name for s in steps[: at + 1])
    if at == len(steps) - 1:
        convert = scalar(steps, at)
        return _plain_leaf(step.name, convert) if not step.pick else _listed_leaf(step, convert, where)
    if steps[at + 1].name.startswith("$"):
        return _function(steps[at + 1].name, step, where, context)
    return _element(step, compile_steps(steps, at + 1, context), where, joint_of(steps))


def joint_of(steps: tuple[Step, ...]) -> str:
    """What stands between the values of a list."""
    return "\n\n" if steps[-1].name == "$text" else "|"


def _element(step: Step, then: Getter, where: str, joint: str) -> Getter:
    name, pick = step.name, step.pick
    if not pick:

        def single(node: Node) -> str | None:
            value = node.get(name)
            if value is None:
                return None
            if type(value) is not dict:
                raise BadResource(mistyped(where, value))
            return then(value)

        return single
    if pick == "*":

        def every(node: Node) -> str | None:
            value = node.get(name)
            if value is None:
                return None
            if type(value) is list and len(value) == 1 and type(value[0]) is dict:
                return then(value[0])
            texts = [then(item) for item in _items(value, where)]
            return joint.join([text for text in texts if text is not None]) or None

        return every
    if pick.isdigit():
        position = int(pick)

        def nth(node: Node) -> str | None:
            value = node.get(name)
            if value is None:
                return None
            if type(value) is not list:
                raise BadResource(f"{where} is not a list")
            if len(value) <= position:
                return None
            item = value[position]
            if type(item) is not dict:
                raise BadResource(f"{where} is not a list of elements")
            return then(item)

        return nth
    key, _, wanted = pick.partition("=")

    def chosen(node: Node) -> str | None:
        value = node.get(name)
        if value is None:
            return None
        for item in _items(value, where):
            if item.get(key) == wanted:
                return then(item)
        return None

    return chosen


def _items(value: object, where: str) -> list[Node]:
    if type(value) is not list:
        raise BadResource(f"{where} is not a list")
    for item in value:
        if type(item) is not dict:
            raise BadResource(f"{where} is not a list of elements")
    return value


def mistyped(where: str, value: object) -> str:
    """What to say of a value that is no element with parts."""
    if type(value) is list:
        return f"{where} is a list where one element is expected"
    return f"{where} is not an element with parts"


def _plain_leaf(name: str, convert: Callable[[Any], str | None]) -> Getter:
    def leaf(node: Node) -> str | None:
        value = node.get(name)
        return None if value is None else convert(value)

    return leaf


def _listed_leaf(step: Step, convert: Callable[[Any], str | None], where: str) -> Getter:
    name = step.name
    if "=" in step.pick:
        raise SpecError(f"the last step of a path cannot choose by value ({where}[{step.pick}])")
    position = None if step.pick == "*" else int(step.pick)

    def leaf(node: Node) -> str | None:
        value = node.get(name)
        if value is None:
            return None
        if type(value) is not list:
            raise BadResource(f"{where} is not a list")
        if position is not None:
            value = value[position : position + 1]
        return "|".join([text for text in map(convert, value) if text is not None]) or None

    return leaf


def _function(function: str, step: Step, where: str, context: Context) -> Getter:
    if function == "$study_uid":
        return _element(Step(step.name, step.pick or "*"), _study_uid, where, "|")
    if function == "$text":
        return _element(step, lambda node: attachment_text(node, context.remarks, where), where, "\n\n")

    def reference(node: Node) -> str | None:
        text = node.get("reference")
        if text is None:
            return None
        if type(text) is not str:
            raise BadResource(f"{where}.reference is not a text")
        return reference_id(text, context.urls)

    return _element(step, reference, where, "|")


def _study_uid(identifier: Node) -> str | None:
    """The DICOM Study Instance UID, which R4 writes as an identifier `urn:oid:<uid>`."""
    value = identifier.get("value")
    return value[8:] if type(value) is str and value.startswith("urn:oid:") else None


def scalar(steps: tuple[Step, ...], at: int) -> Callable[[Any], str | None]:
    """How the primitive at the end of a path becomes text, by what R4 says it is."""
    name, before = steps[at].name, steps[at - 1].name if at else ""
    where = ".".join(step.name for step in steps[: at + 1])
    if name in _DATES or name.endswith(("DateTime", "Date")):
        return lambda value: _date_text(value, where)
    if name in _NUMBERS or (name == "value" and before.lower().endswith(("quantity", "dose", "low", "high"))):
        return lambda value: _number_text(value, where)
    if name in _INTEGERS:
        return lambda value: _typed(value, int, where)
    if name in _FLAGS:
        return lambda value: _typed(value, bool, where)
    if name in _TEXTS:

        def text(value: object) -> str | None:
            if type(value) is not str:
                raise BadResource(f"{where} is not a text")
            return value.strip() or None

        return text
    return lambda value: _any_text(value, where)


def _date_text(value: object, where: str) -> str:
    if type(value) is not str or not _DATE.fullmatch(value):
        raise BadResource(f"{where} is not a date")
    if value[8:10] > "28":
        try:
            date.fromisoformat(value[:10])
        except ValueError:
            raise BadResource(f"{where} is a day that does not exist") from None
    return value


def _number_text(value: object, where: str) -> str:
    if type(value) is not float and type(value) is not int:
        raise BadResource(f"{where} is not a number")
    return number_text(value)


def _typed(value: object, wanted: type, where: str) -> str | None:
    if type(value) is not wanted:
        raise BadResource(f"{where} is not {'true or false' if wanted is bool else 'a whole number'}")
    return _any_text(value, where)


def _any_text(value: object, where: str) -> str | None:
    if type(value) is str:
        return value.strip() or None
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return number_text(value)
    raise BadResource(f"{where} is not a single value")
