"""hook: git runs it before a commit, CI runs it for a change; both with real git."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

import headwater as hw
from tests.cli.conftest import Cli
from tests.cli.git import git
from tests.conftest import ROOT

GOOD = "id,text\n1,a\n2,b\n"
BAD = "id,text\n1,a\n1,b\n"
CONTRACT = """\
version: 1.0.0
kind: DataContract
apiVersion: v3.0.2
id: orders
status: active
schema:
- name: orders
  properties:
  - {name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1}
  - {name: text, logicalType: string}
"""


@pytest.fixture
def code(work_tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a git work tree with a data file, its contract, and a first commit; `hw` is on the path."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (work_tree / "data").mkdir()
    (work_tree / "contracts").mkdir()
    (work_tree / "data" / "orders.csv").write_text(GOOD)
    (work_tree / "contracts" / "orders.yaml").write_text(CONTRACT)
    (work_tree / ".gitignore").write_text(".headwater\n*.md\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return work_tree


def test_a_commit_of_bad_data_is_stopped_by_git(code: Path, cli: Cli) -> None:
    assert "before each commit now" in cli("hook", "install").stdout
    orders = code / "data" / "orders.csv"
    orders.write_text(BAD)
    said = git("commit", "-am", "bad", code=1)
    assert " FAIL   data/orders.csv" in said
    assert "uniqueness.key" in said
    assert git("log", "--format=%s").split() == ["first"]
    # What is staged counts, not what lies there.
    git("add", ".")
    orders.write_text(GOOD + "3,c\n")
    assert "uniqueness.key" in git("commit", "-m", "bad", code=1)
    git("add", ".")
    orders.write_text(BAD)
    assert " PASS   data/orders.csv: " in git("commit", "-m", "good")
    git("commit", "-qam", "in spite of it", "--no-verify")
    (code / "code.py").write_text("x = 1\n")
    git("add", ".")
    assert "PASS" not in git("commit", "-m", "code alone")


def test_a_pin_must_lead_to_data_that_pass(code: Path, cli: Cli) -> None:
    cli("hook", "install")
    cli("init")
    cli("import", "data/orders.csv", "--key", "id")
    cli("pin")
    git("add", ".")
    said = git("commit", "-m", "pin")
    assert f" PASS   orders@{hw.open('.').head[:12]}" in said  # type: ignore[index]
    lock = code / "headwater.lock"
    lock.write_text(lock.read_text().replace("rows = 2", "rows = 3"))
    assert "is not what headwater.lock says" in git("commit", "-am", "edited", code=1)
    git("checkout", "-q", "HEAD", "--", "headwater.lock")
    commit = hw.open(".").head
    assert commit is not None
    lock.write_text(lock.read_text().replace(commit, "f" * 64))
    assert "is not in" in git("commit", "-am", "unknown", code=1)
    lock.write_text("version = 1\n")
    assert "it lacks 'repository'" in git("commit", "-am", "damaged", code=1)


def test_a_hook_of_the_user_stays(code: Path, cli: Cli) -> None:
    path = code / ".git" / "hooks" / "pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\nexit 0\n")
    error = cli("hook", "install", "--only", "schema", code=2).stderr
    assert "Add this line to it: hw hook run --only schema" in " ".join(error.split())
    assert "stays as it is" in cli("hook", "uninstall", code=2).stderr
    assert path.read_text() == "#!/bin/sh\nexit 0\n"
    path.unlink()
    path.symlink_to("nowhere")
    cli("hook", "install", code=2)
    path.unlink()
    assert "There is no hook" in cli("hook", "uninstall", code=2).stderr
    cli("hook", "install")
    cli("hook", "install", "--fail-on", "warn", "--files", "data/*")
    assert "exec hw hook run --files 'data/*' --fail-on warn\n" in path.read_text()
    assert os.access(path, os.X_OK)
    cli("hook", "uninstall")
    assert not path.exists()


def test_the_hook_goes_where_git_looks_for_it(code: Path, cli: Cli) -> None:
    git("config", "core.hooksPath", "hooks of ours")
    (code / "inner").mkdir()
    os.chdir(code / "inner")
    cli("hook", "install")
    os.chdir(code)
    (code / "data" / "orders.csv").write_text(BAD)
    assert (code / "hooks of ours" / "pre-commit").exists()
    git("commit", "-am", "bad", code=1)


def test_in_ci_what_changed_since_is_checked_and_reported(code: Path, cli: Cli) -> None:
    git("switch", "-qc", "change")
    (code / "data" / "more.csv").write_text("n\n1\n2\n")
    git("add", ".")
    git("commit", "-qm", "more")
    found = cli.json("hook", "run", "--since", "HEAD~1", "--report", "report.md")
    assert (found["checked"], found["outcome"]) == (["data/more.csv"], "pass")
    assert "`data/more.csv`" in Path("report.md").read_text(encoding="utf-8")
    (code / "data" / "orders.csv").write_text(BAD)
    (code / "data" / "broken.csv").write_text("a,a\n1,2\n")
    git("add", ".")
    git("commit", "-qm", "bad")
    found = cli.json("hook", "run", "--since", "HEAD~2", "--report", "report.md", code=1)
    assert (found["outcome"], list(found["errors"])) == ("fail", ["data/broken.csv"])
    assert {report["dataset"]: report["outcome"] for report in found["reports"]} == {
        "data/more.csv": "pass",
        "data/orders.csv": "fail",
    }
    report = Path("report.md").read_text(encoding="utf-8")
    assert report.count("\n## ") + report.startswith("## ") == 3
    assert cli.json("hook", "run", "--since", "HEAD~2", "--files", "data/m*")["checked"] == ["data/more.csv"]
    assert cli.json("hook", "run", "--since", "HEAD~2", "--files", "*.py")["checked"] == []
    assert "fetch-depth: 0" in cli("hook", "run", "--since", "nowhere", code=2).stderr


def test_what_is_named_is_checked(code: Path, cli: Cli) -> None:
    cli("init")
    cli("import", "data/orders.csv", "--key", "id")
    cli("pin")
    found = cli.json("hook", "run", "data/orders.csv", "orders", "headwater.lock", "--only", "uniqueness")
    assert [name.partition("@")[0] for name in found["checked"]] == ["data/orders.csv", "orders", "orders"]
    assert {f["check"] for report in found["reports"] for f in report["findings"]} == {"uniqueness.key"}
    assert "not found" in cli("hook", "run", "nothing", code=2).stdout
    assert "not both" in cli("hook", "run", "orders", "--since", "HEAD", code=2).stderr
    assert "no changed data files" in cli("hook", "run").stderr


def test_outside_git_there_is_no_hook(folder: Path, cli: Cli) -> None:
    for words in (("install",), ("uninstall",), ("run",)):
        assert "in no git work tree" in cli("hook", *words, code=2).stderr


def test_the_hook_of_pre_commit_runs_the_same_command_on_the_same_files() -> None:
    import re

    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["entry"], hook["language"]) == ("hw hook run", "python")
    wanted = ["a.csv", "x/B.CSV", "x/y.parquet", "y.jsonl.gz", "headwater.lock", "a/headwater.lock", "b.xlsx"]
    others = ["a.py", "csv", "xheadwater.lock", "a.csv.py", "data.json"]
    assert [name for name in wanted + others if re.search(hook["files"], name)] == wanted
