"""A recount finds what was tampered with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medxmodal.scoring import Manifest, score_local, verify
from medxmodal.scoring.files import sha256_of


@pytest.fixture
def out(trained: SimpleNamespace, tmp_path: Path) -> Path:
    score_local(trained.run, trained.new, tmp_path / "s", part_size=20)
    return tmp_path / "s"


def rewrite(out: Path, name: str, table: pa.Table) -> None:
    """Change a part and have the manifest vouch for it, so that only the recount can notice."""
    pq.write_table(table, out / name)
    manifest = Manifest.load(out)
    facts = manifest.parts[name].model_copy(update={"sha256": sha256_of(out / name), "rows": len(table)})
    manifest.with_parts({**manifest.parts, name: facts}).save(out)


def test_a_doubled_study_is_found(out: Path) -> None:
    first, second = (pq.read_table(out / f"part-0000{i}.parquet") for i in (0, 1))
    rewrite(out, "part-00001.parquet", pa.concat_tables([first.slice(0, 1), second.slice(1)]))
    found = verify(out)
    assert found.problems == ("part-00001.parquet holds 1 rows of studies that have a row already",)


def test_a_lost_row_is_found(out: Path) -> None:
    rewrite(out, "part-00000.parquet", pq.read_table(out / "part-00000.parquet").slice(1))
    problems = " ".join(verify(out).problems)
    assert "= 40 rows, but the cohort has 41 studies" in problems


def test_a_changed_probability_is_found(out: Path) -> None:
    table = pq.read_table(out / "part-00000.parquet")
    place = table.schema.get_field_index("probability")
    flipped = pa.array([1 - p for p in table["probability"].to_pylist()])
    pq.write_table(table.set_column(place, "probability", flipped), out / "part-00000.parquet")
    assert "not the file that was written" in " ".join(verify(out).problems)
    rewrite(out, "part-00000.parquet", table.set_column(place, "probability", flipped))
    assert "do not follow" in " ".join(verify(out).problems)


def test_a_foreign_part_is_found(out: Path) -> None:
    (out / "part-00007.parquet").write_bytes((out / "part-00000.parquet").read_bytes())
    assert verify(out).problems == ("part-00007.parquet is not part of the job",)
