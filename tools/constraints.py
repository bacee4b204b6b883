"""Prints the exact versions, in this environment, of all that medxmodal needs with all its extras.

Run it with the environment's own Python: `make constraints`. To move to newer versions, upgrade
`.venv` with pip first, see that everything passes, then write them down.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = "medxmodal"

HEADER = """\
# The exact versions medxmodal is tested with (`make constraints`, Python {python}): what the project and
# all its extras need, found from the metadata of what .venv holds. Local suffixes such as +cpu are left
# out, so that every build of a version will do. Used by `make venv`; `pip install .` alone is free.
"""


def closure(project: str) -> dict[str, str]:
    """Versions of everything `project` needs with all its extras, by canonical name."""
    extras = distribution(project).metadata.get_all("Provides-Extra") or []
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(project, extra) for extra in ("", *extras)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        package = distribution(name)
        found[name] = Version(package.version).public
        for text in package.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(requirement.name)
                todo += [(needed, wanted) for wanted in ("", *requirement.extras)]
    del found[project]
    return found


def main() -> int:
    """Write the constraints to standard output."""
    try:
        versions = closure(PROJECT)
    except PackageNotFoundError as error:
        print(f"make constraints: {error.name} is needed but not installed; run `make venv`", file=sys.stderr)
        return 1
    sys.stdout.write(HEADER.format(python=sys.version.split()[0]))
    sys.stdout.writelines(f"{name}=={versions[name]}\n" for name in sorted(versions))
    return 0


if __name__ == "__main__":
    sys.exit(main())
