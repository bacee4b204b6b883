"""Recount a folder of scores: every study once, every part as it was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medxmodal.errors import ScoringError
from medxmodal.scoring.files import sha256_of
from medxmodal.scoring.local import count
from medxmodal.scoring.manifest import Counts, Manifest
from medxmodal.scoring.rows import schema

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("logit", "probability", "lower", "upper", "threshold")


@dataclass(frozen=True)
class Verification:
    """What a recount found.

    Args:
        ok: Whether nothing is wrong.
        problems: What is wrong, one sentence each; they name parts, never studies.
        counts: `studies` as the manifest says, and `scored`, `failed`, `abstained` as counted.
    """

    ok: bool
    problems: tuple[str, ...]
    counts: dict[str, int]


def verify(out: str | Path) -> Verification:
    """Recount the rows and the hashes of a folder of scores.

    Args:
        out: `SCORES/`.

    Returns:
        Whether scored + failed + abstained = studies, every study has one row, and every part is
        what the manifest says.

    Raises:
        ScoringError: The folder holds no scores, or its manifest is damaged.
    """
    folder = Path(out)
    manifest = Manifest.load(folder)
    problems: list[str] = []
    counted, seen = Counts(), set[tuple[str, str, str]]()
    if manifest.job.fingerprint != manifest.fingerprint:
        problems.append("the manifest's fingerprint is not that of its job")
    for name in manifest.names:
        table, wrong = _read_part(folder, name, manifest)
        problems += wrong
        if table is None:
            continue
        counted += count(table)
        keys = list(zip(*(table[c].to_pylist() for c in ("study_id", "task", "target")), strict=True))
        twice = len(keys) - len(set(keys) - seen)
        if twice:
            problems.append(f"{name} holds {twice} rows of studies that have a row already")
        seen |= set(keys)
        problems += _check_rows(name, table)
    for extra in sorted({path.name for path in folder.glob("part-*.parquet")} - set(manifest.names)):
        problems.append(f"{extra} is not part of the job")
    if counted.rows != manifest.studies:
        problems.append(
            f"scored {counted.scored} + failed {counted.failed} + abstained {counted.abstained} = "
            f"{counted.rows} rows, but the cohort has {manifest.studies} studies"
        )
    return Verification(not problems, tuple(problems), {"studies": manifest.studies, **counted.model_dump()})


def read_scores(out: str | Path, *, unfinished: bool = False) -> pd.DataFrame:
    """The rows of a folder of scores as one table.

    Args:
        out: `SCORES/`.
        unfinished: Whether the parts of a job that was killed may be read too.

    Raises:
        ScoringError: The folder holds no scores, a part is missing or changed, or the job is unfinished.
    """
    folder = Path(out)
    manifest = Manifest.load(folder)
    if not manifest.finished and not unfinished:
        raise ScoringError(
            f"{folder} is unfinished: {len(manifest.parts)} of {len(manifest.names)} parts are done",
            hint="Score again with the same --out: it goes on where it was.",
        )
    tables = [schema(manifest.modalities).empty_table()]
    for name in manifest.parts:
        table, problems = _read_part(folder, name, manifest)
        if table is None or problems:
            raise ScoringError(
                "; ".join(problems), hint="Score again with the same --out: it makes the part again."
            )
        tables.append(table)
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return frame


def _read_part(folder: Path, name: str, manifest: Manifest) -> tuple[pa.Table | None, list[str]]:
    facts = manifest.parts.get(name)
    if facts is None:
        return None, [f"{name} is not done yet"]
    sha256 = sha256_of(folder / name)
    if sha256 is None:
        return None, [f"{name} is missing"]
    problems = [] if sha256 == facts.sha256 else [f"{name} is not the file that was written"]
    try:
        table = pq.read_table(folder / name, schema=schema(manifest.modalities))
    except (OSError, pa.ArrowException, ValueError) as error:
        return None, [*problems, f"{name} cannot be read: {type(error).__name__}"]
    if table.num_rows != facts.rows:
        problems.append(f"{name} has {table.num_rows} rows, the manifest says {facts.rows}")
    if count(table) != facts.counts:
        problems.append(f"{name} has other counts than the manifest says")
    return table, problems


def _check_rows(name: str, table: pa.Table) -> list[str]:
    """Scored rows have all their numbers and the decision these give; failed ones have a reason."""
    problems = []
    scored = table.filter(pc.equal(table["status"], "scored"))
    if any(scored[column].null_count for column in NUMBERS):
        problems.append(f"{name} has scored rows without numbers")
    elif scored.num_rows:
        positive = pc.greater_equal(scored["probability"], scored["threshold"])
        if not pc.all(pc.equal(pc.equal(scored["decision"], "positive"), positive)).as_py():
            problems.append(f"{name} has decisions that do not follow from probability and threshold")
    failed = table.filter(pc.equal(table["status"], "failed"))
    if failed.num_rows and pc.any(pc.equal(failed["error"], "")).as_py():
        problems.append(f"{name} has failed rows without a reason")
    return problems
