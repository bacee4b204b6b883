"""The commands as a user types them: results on standard output, the rest on standard error, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner, Result

from medxmodal.cli.commands import app
from medxmodal.cohort.demo import write_demo
from medxmodal.cohort.sources.meds import read_meds

COMMANDS = (
    "demo",
    "init",
    "build",
    "describe",
    "train",
    "evaluate",
    "adapt",
    "score",
    "verify",
    "explain",
    "export",
)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def folders(hospital: ModuleType, trained: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny.yaml` and `data` to build from, `cohort`, `new` and `run`."""
    root = tmp_path_factory.mktemp("cli")
    (root / "tiny.yaml").write_text(yaml.safe_dump(hospital.SPEC))
    hospital.make_data(root / "data", 40, seed=3, prefix="c")
    trained.cohort.save(root / "cohort")
    trained.new.save(root / "new")
    (root / "run").symlink_to(trained.folder)
    return root


@pytest.mark.parametrize("command", [*COMMANDS, "report"])
def test_help_has_an_example(command: str) -> None:
    done = run(command, "--help")
    assert done.exit_code == 0
    assert f"Example: medxmodal {command}" in done.stdout


def test_version_and_no_arguments() -> None:
    import medxmodal

    assert run("--version").stdout == f"medxmodal {medxmodal.__version__}\n"
    assert "Commands:" in run().output


def test_build_describe(folders: Path, tmp_path: Path) -> None:
    done = run("build", folders / "tiny.yaml", "--data", folders / "data", "--out", tmp_path / "c", "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["studies"] == 40
    assert summary["found"] == summary["studies"] + summary["excluded"] + summary["failed"]
    done = run("describe", tmp_path / "c", "--html", tmp_path / "c.html")
    assert done.exit_code == 0, done.output
    assert "40" in done.stdout
    assert (tmp_path / "c.html").is_file()
    assert json.loads(run("describe", tmp_path / "c", "--json").stdout)["studies"] == 40


def test_check_says_whether_the_data_are_still_there(folders: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(folders / "data", data)
    words = ("build", folders / "tiny.yaml", "--data", data, "--out", tmp_path / "c")
    assert run(*words).exit_code == 0
    done = run(*words, "--check")
    assert done.exit_code == 0, done.output
    assert "Built again, the cohort would be the same." in done.stdout
    image = next(path for path in sorted(data.rglob("*.png")))
    image.rename(image.with_name("renamed.png"))
    assert run(*words, "--check").exit_code == 0
    image.with_name("renamed.png").write_bytes(b"another")
    done = run(*words, "--check", "--json")
    assert done.exit_code == 3
    assert len(json.loads(done.stdout)["gone"]) == 1
    assert image.name not in done.output


def test_export_writes_a_dataset_that_reads_back(folders: Path, tmp_path: Path) -> None:
    data = write_demo(tmp_path / "demo", patients=12).data
    assert run("build", "demo", "--data", data, "--out", tmp_path / "c").exit_code == 0
    done = run("export", tmp_path / "c", "--out", tmp_path / "meds", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"dataset": str(tmp_path / "meds")}
    assert len(read_meds(tmp_path / "meds", "subjects").rows) == 12
    labels = [row.cells["value"] for row in read_meds(tmp_path / "meds", "labels").rows]
    assert set(labels) == {"true", "false"}
    done = run("export", folders / "cohort", "--out", tmp_path / "none")  # it has no index times
    assert done.exit_code == 2
    assert "index time" in done.output


def test_a_record_that_failed_is_exit_code_1_and_listed(
    hospital: ModuleType, folders: Path, tmp_path: Path
) -> None:
    data = hospital.make_data(tmp_path / "data", 20)
    table = (data / "table.csv").read_text().splitlines()
    head, first = table[0].split(","), table[1].split(",")
    first[head.index("ill")] = "maybe"
    (data / "table.csv").write_text("\n".join([table[0], ",".join(first), *table[2:]]))
    done = run("build", folders / "tiny.yaml", "--data", data, "--out", tmp_path / "c", "--json")
    assert done.exit_code == 1
    assert list(json.loads(done.stdout)["failures"]) == ["s0"]
    assert "failed: s0: row 2" in done.stderr


def test_score_and_verify(folders: Path, tmp_path: Path) -> None:
    done = run("score", folders / "run", "--cohort", folders / "cohort", "--out", tmp_path / "s", "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["scored"] + summary["failed"] + summary["abstained"] == summary["studies"] == 90
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    oof = pd.read_parquet(folders / "run" / "oof.parquet")
    assert summary["auroc"] == pytest.approx(roc_auc_score(oof["label"], oof["probability"]))
    assert run("verify", tmp_path / "s").exit_code == 0
    (tmp_path / "s" / "part-00000.parquet").write_bytes(b"")
    done = run("verify", tmp_path / "s", "--json")
    assert done.exit_code == 3
    assert not json.loads(done.stdout)["ok"]


def test_explain_and_report(folders: Path, trained: SimpleNamespace, tmp_path: Path) -> None:
    ids = [study.study_id for study in trained.new][:2]
    done = run(
        "explain", folders / "run", "--cohort", folders / "new", "--out", tmp_path / "e",
        "--study", ids[0], "--study", ids[1], "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["explained"] == 2
    done = run("report", tmp_path / "e", "--out", tmp_path / "h", "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert Path(summary["index"]).is_file()
    assert summary["pages"] == 2
    assert (tmp_path / "h" / f"{ids[0]}.html").is_file()


def test_evaluate_and_adapt(hospital: ModuleType, folders: Path, tmp_path: Path) -> None:
    hospital.make_cohort(hospital.make_data(tmp_path / "d", 50, seed=9, prefix="x")).save(tmp_path / "c")
    out = tmp_path / "figures.json"
    done = run("evaluate", folders / "run", "--cohort", tmp_path / "c", "--out", out)
    assert done.exit_code == 0, done.output
    assert "AUROC" in done.stdout
    assert json.loads(out.read_text())["ill"]["fused"]["auroc"]["n"] == 50
    done = run(
        "adapt", folders / "run", "--cohort", tmp_path / "c", "--out", tmp_path / "r2", "--prevalence", 0.42
    )
    assert done.exit_code == 0, done.output
    assert "Prevalence corrected" in done.stdout
    assert (tmp_path / "r2" / "run.json").is_file()


def test_a_wrong_request_is_one_line_and_exit_code_2(folders: Path, tmp_path: Path) -> None:
    done = run("score", tmp_path / "nowhere", "--cohort", folders / "cohort", "--out", tmp_path / "s")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("medxmodal: ")
    assert done.stdout == ""
    done = run(
        "score", tmp_path / "nowhere", "--cohort", folders / "cohort", "--out", tmp_path / "s", "--json"
    )
    assert "is no run" in json.loads(done.stdout)["error"]
    for words in (("train", "demo"), ("score", "run", "--engine"), ("no-such-command",)):
        done = run(*words)
        assert done.exit_code == 2
        assert "Traceback" not in done.output


def test_what_this_version_lacks_is_said(folders: Path, tmp_path: Path) -> None:
    score = ("score", folders / "run", "--cohort", folders / "new", "--out", tmp_path / "s")
    assert run(*score, "--engine", "ray").exit_code == 2
    assert run(*score, "--sink", "postgresql://db").exit_code == 2
    assert not (tmp_path / "s").exists()


def test_data_that_moved_are_named_with_data(
    hospital: ModuleType, folders: Path, trained: SimpleNamespace, tmp_path: Path
) -> None:
    moved = hospital.make_data(tmp_path / "before", 20, seed=7, prefix="n").rename(tmp_path / "after")
    cohort = hospital.make_cohort(moved)
    cohort.save(tmp_path / "c")
    moved.rename(tmp_path / "elsewhere")
    score = ("score", folders / "run", "--cohort", tmp_path / "c")
    lost = run(*score, "--out", tmp_path / "s1")
    assert lost.exit_code == 1
    assert "--data" in lost.stderr
    assert run(*score, "--out", tmp_path / "s2", "--data", tmp_path / "elsewhere").exit_code == 0


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "medxmodal", "verify", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("medxmodal: ")
