"""The pages of a drafted spec: sections in the order in which a protocol is read, each guess marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

ORDER = ("table", "tables", "index_time", "window", "exclude", "label", "site", "modalities", "leaks")
GUESSED = "  # guessed"
_PLAIN = re.compile(r"[^\W\d]\w*")
_WIDE = 112
_SIGNS = set("'{}[]")


@dataclass
class Draft:
    """A drafted spec.

    Args:
        yaml: The spec with comments; every guess is marked `# guessed`.
        guesses: What to check, one sentence each.
    """

    yaml: str
    guesses: list[str]


@dataclass
class Pages:
    """A draft in the making.

    Args:
        name: Name of the cohort.
        guesses: What was guessed, one sentence each.
        sections: Key of the spec -> its lines.
    """

    name: str
    guesses: list[str] = field(default_factory=list)
    sections: dict[str, list[str]] = field(default_factory=dict)

    def say(self, guess: str) -> None:
        """Remember a guess; the same one only once."""
        if guess not in self.guesses:
            self.guesses.append(guess)

    def put(self, section: str, *lines: str) -> None:
        """Add lines to a section."""
        self.sections.setdefault(section, []).extend(lines)

    def line(self, section: str, tree: object, comment: str = "") -> None:
        """A section in one line, as a guess."""
        self.put(section, f"{section}: {flow(tree)}{GUESSED}{f': {comment}' if comment else ''}")

    def table(self, name: str, tree: object, comment: str = "") -> None:
        """One of the further tables."""
        self.put("tables", *entry(name, tree, 2), *([f"    # {comment}"] if comment else []))

    def columns(self, name: str, head: Mapping[str, object], columns: Iterable[str]) -> None:
        """A modality with columns; nothing where there are none but commented ones."""
        lines = list(columns)
        if not any(not line.lstrip().startswith("#") for line in lines):
            return
        self.put("modalities", f"  {name}:", *(f"    {key}: {scalar(v)}" for key, v in head.items()))
        self.put("modalities", "    columns:  # guessed types; check every unit", *lines)

    def modality(self, name: str, tree: object) -> None:
        """A modality in one line."""
        self.put("modalities", f"  {name}: {flow(tree)}{GUESSED}")

    @property
    def has_inputs(self) -> bool:
        """Whether there is any modality."""
        return bool(self.sections.get("modalities"))

    def draft(self) -> Draft:
        """The whole spec."""
        lines = [
            "# Drafted by medxmodal init. Every line marked `guessed` is yours to check.",
            f"name: {self.name}",
            f"title: {scalar(self.name.replace('_', ' '))}",
            'licence: ""',
            'cite: ""',
            "ids: keyed  # real ids become keyed pseudonyms; `keep` only where they are pseudonyms already",
        ]
        for section in ORDER:
            found = self.sections.get(section, [])
            nested = section in {"tables", "modalities"} and found
            bare = all(line.lstrip().startswith("#") for line in found)  # a key without a value is an error
            lines += [f"{'# ' if bare else ''}{section}:", *found] if nested else found
        return Draft("\n".join(lines) + "\n", self.guesses)


def entry(name: str, tree: object, indent: int, comment: str = "") -> list[str]:
    """`name: {...}`, broken after a comma where it is long."""
    head = f"{' ' * indent}{scalar(name)}: "
    whole = f"{head}{flow(tree)}{comment}"
    if len(whole) <= _WIDE or not isinstance(tree, dict):
        return [whole]
    parts = [flow({key: value})[1:-1] for key, value in tree.items()]
    lines, current = [], f"{head}{{"
    for i, part in enumerate(parts):
        text = part + (", " if i + 1 < len(parts) else "}")
        if len(current) + len(text) > _WIDE and current.strip() not in {"", f"{head.strip()} {{"}:
            lines.append(current.rstrip())
            current = " " * (len(head) + 1)
        current += text
    return [*lines, f"{current}{comment}"]


class _Dumper(yaml.SafeDumper):
    """Writes templates and rules in double quotes, as people do."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    broken = len(text.splitlines()) > 1 or text != text.strip()  # a line of its own would end a comment
    style = '"' if broken or (set(text) & _SIGNS and not set(text) & set('"\\')) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def flow(tree: object) -> str:
    """A tree as YAML in one line."""
    text = yaml.dump(
        tree, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6
    )
    return text.removesuffix("\n").removesuffix("\n...").strip()


def scalar(value: object) -> str:
    """A text as YAML, quoted where it must be."""
    return flow(value)


def ticked(column: str) -> str:
    """A column as the `where` grammar writes it."""
    reserved = {"and", "or", "not", "in", "is", "missing", "contains"}
    return column if _PLAIN.fullmatch(column) and column not in reserved else f"`{column}`"


def quoted(text: str) -> str:
    """A text as the `where` grammar writes it."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def is_safe(column: str) -> bool:
    """Whether a column can be written in a template or a rule."""
    return not set(column) & set("{}`:\n")


def slug(text: str, otherwise: str = "value") -> str:
    """A name that a spec allows.

    Example:
        >>> slug("CRP (mg/L)"), slug("2nd look"), slug("Größe")
        ('crp_mg_l', 'value_2nd_look', 'groesse')
    """
    for letter, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.lower().replace(letter, plain)
    found = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if not found:
        return otherwise
    return found if found[0].isalpha() else f"{otherwise}_{found}"
