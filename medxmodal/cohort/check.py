"""Whether the data folder still holds what a cohort was made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from medxmodal.cohort.engine.tables import RECORDS
from medxmodal.cohort.lineage import Lineage, code_versions, file_references
from medxmodal.cohort.root import HASHED, MADE, file_sha256, walk
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.study import Study
from medxmodal.errors import CohortError
from medxmodal.records import CodeChange, GoneInput, InputCheck


def check_inputs(
    lineage: Lineage,
    data: Path,
    *,
    spec: CohortSpec | None = None,
    places: Mapping[str, str] | None = None,
) -> InputCheck:
    """Look for every recorded input by its content, whatever its file is called now.

    Files are told apart by size first; only those of a recorded size are hashed. A renamed or moved file is
    still there; an added one is counted and is no alert, though a pattern of the spec may match it.

    Args:
        lineage: What the cohort was made from.
        data: The data folder.
        spec: The spec as it is now, to compare; not compared where not given.
        places: Content hash -> path under the data folder, as far as the cohort says (`known_places`): an
            input whose place holds something else now has changed, any other is missing.

    Raises:
        CohortError: There is no data folder.
    """
    if not data.is_dir():
        raise CohortError(f"there is no data folder {data}", hint="Check --data.")
    wanted = [entry for entry in lineage.inputs if entry.place == "folder"]
    there, others = _contents(data, {entry.size for entry in wanted}, {entry.sha256 for entry in wanted})
    counted: Counter[str] = Counter()
    gone = []
    for entry in wanted:
        counted[entry.use] += 1
        named = _table_file(spec, entry.use)
        if named is not None and (data / named).is_file():
            same = file_sha256(data / named) == entry.sha256  # an old copy beside it is not what is read
        else:
            same = entry.sha256 in there
        if not same:
            place = named or (places or {}).get(entry.sha256)
            gone.append(
                GoneInput(
                    use=entry.use,
                    position=counted[entry.use],
                    sha256=entry.sha256,
                    size=entry.size,
                    what="changed" if place is not None and (data / place).is_file() else "missing",
                )
            )
    same_spec = None if spec is None else spec.sha256 == lineage.spec_sha256
    return InputCheck(
        ok=not gone and same_spec is not False,
        inputs=len(wanted),
        same=len(wanted) - len(gone),
        gone=gone,
        elsewhere=sum(entry.place == "elsewhere" for entry in lineage.inputs),
        other_files=others,
        spec_same=same_spec,
        code=_changes(lineage.code, code_versions()),
    )


def _table_file(spec: CohortSpec | None, use: str) -> str | None:
    """The one file that a spec names for a table."""
    if spec is None:
        return None
    source = spec.table if use == RECORDS else spec.tables.get(use)
    file = source.file if source else None
    return None if file is None or set("*?[") & set(file) else file


def known_places(studies: Iterable[Study]) -> dict[str, str]:
    """Content hash -> path under the data folder, of inputs that are single files named by path."""
    return {
        reference.sha256: reference.locator
        for _, reference in file_references(studies)
        if reference.parts == 1 and not reference.locator.startswith((HASHED, MADE))
    }


def _contents(data: Path, sizes: set[int], wanted: set[str]) -> tuple[set[str], int]:
    """The wanted hashes that are there, and how many files are none of them."""
    there: set[str] = set()
    others = 0
    for path in walk(data):
        try:
            found = file_sha256(path) if path.is_file() and path.stat().st_size in sizes else ""
        except OSError:
            found = ""  # what cannot be read is not there
        if found in wanted:
            there.add(found)
        else:
            others += 1
    return there, others


def _changes(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, CodeChange]:
    names = sorted(set(then) & set(now))
    return {name: CodeChange(then=then[name], now=now[name]) for name in names if then[name] != now[name]}
