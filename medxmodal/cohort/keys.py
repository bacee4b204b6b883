"""The keys folder of a keyed cohort: the secret key and the crosswalk back to real ids."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from medxmodal.errors import PrivacyError

KEY_FILE = "key"
CROSSWALK_FILE = "crosswalk.parquet"


@dataclass(frozen=True)
class RealIdentity:
    """One line of the crosswalk: what a pseudonym stands for.

    Args:
        cohort: Name of the cohort spec.
        study_id: Pseudonym of the study.
        patient_id: Pseudonym of the patient.
        real_study_id: Id in the source.
        real_patient_id: Id in the source.
        real_index_time: Time before shifting, if known.
        row: Row of the source table.
        files: Input files relative to the data root, joined by newlines.
    """

    cohort: str
    study_id: str
    patient_id: str
    real_study_id: str
    real_patient_id: str
    real_index_time: datetime | None
    row: int
    files: str


def check_apart(keys: Path, cohort: Path) -> None:
    """Refuse a keys folder inside a cohort, or a cohort inside the keys folder.

    Raises:
        PrivacyError: One lies inside the other.
    """
    inner, outer = keys.resolve(), cohort.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise PrivacyError(
            f"the keys folder {keys} and the cohort {cohort} lie inside each other",
            hint="Keep the keys where whoever gets the cohort cannot read them.",
        )


def open_key(keys: Path) -> bytes:
    """The secret key of a keys folder, made on first use.

    Raises:
        PrivacyError: The folder is a cohort's, or the key is damaged or cannot be read.
    """
    for folder in (keys, *keys.resolve().parents):
        if (folder / "cohort.json").is_file():
            raise PrivacyError(
                f"the keys folder {keys} lies in a cohort", hint="Name a folder outside of it with --keys."
            )
    path = keys / KEY_FILE
    try:
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PrivacyError(
            f"the keys folder {keys} cannot be made: {error.strerror}", hint="Name another one with --keys."
        ) from error
    try:
        if not path.exists():
            if (keys / CROSSWALK_FILE).exists():
                raise PrivacyError(
                    f"{keys} has a crosswalk but no key", hint="Restore the key, or use a new folder."
                )
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(secrets.token_hex(32) + "\n")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise PrivacyError(
            f"the key in {keys} cannot be read: {type(error).__name__}",
            hint="Restore it, or use a new folder.",
        ) from error
    if len(key) != 32:
        raise PrivacyError(
            f"the key in {keys} has {len(key)} bytes, not 32", hint="Restore it, or use a new folder."
        )
    return key


def write_crosswalk(keys: Path, rows: Sequence[RealIdentity]) -> None:
    """Add to the crosswalk; a study of the same cohort replaces its earlier line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = keys / CROSSWALK_FILE
    kept = {(row.cohort, row.study_id): row for row in (read_crosswalk(keys) if path.exists() else [])}
    kept |= {(row.cohort, row.study_id): row for row in rows}
    ordered = [asdict(kept[place]) for place in sorted(kept)]
    kinds = {"row": pa.int64(), "real_index_time": pa.timestamp("us")}
    schema = pa.schema([(f.name, kinds.get(f.name, pa.string())) for f in fields(RealIdentity)])
    temporary = path.with_suffix(".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        pq.write_table(pa.Table.from_pylist(ordered, schema=schema), stream)
    temporary.replace(path)


def read_crosswalk(keys: Path) -> list[RealIdentity]:
    """All lines of a crosswalk.

    Raises:
        PrivacyError: There is none, or it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = keys / CROSSWALK_FILE
    try:
        return [RealIdentity(**row) for row in pq.read_table(path).to_pylist()]
    except (OSError, pa.ArrowException, TypeError) as error:
        raise PrivacyError(
            f"{keys} holds no readable {CROSSWALK_FILE}",
            hint="Name the --keys folder the cohort was built with.",
        ) from error
