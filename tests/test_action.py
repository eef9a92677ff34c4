"""The GitHub Action: its steps run here as the runner would run them, with a stand-in for the program gh."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
GH = """\
#!/bin/sh
echo "$*" >> "$RUNNER_TEMP/gh-calls"
case "$*" in
  *--jq*) cat "$RUNNER_TEMP/gh-ids"; exit 0 ;;
esac
[ ! -e "$RUNNER_TEMP/gh-refuses" ] || exit 1
for word in "$@"; do
  case "$word" in body=@*) cp "${word#body=@}" "$RUNNER_TEMP/gh-body" ;; esac
done
"""


class Runner:
    """Runs steps in a folder, and keeps what they hand on."""

    def __init__(self, folder: Path, temp: Path) -> None:
        self.folder, self.temp = folder, temp
        temp.mkdir()
        programs = temp / "programs"
        programs.mkdir()
        (programs / "gh").write_text(GH)
        (programs / "gh").chmod(0o755)
        (temp / "gh-ids").write_text("")
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "HEADWATER"))
        }
        self.environment = {
            **kept,
            "PATH": path,
            "RUNNER_TEMP": str(temp),
            "GITHUB_OUTPUT": str(temp / "output"),
            "GITHUB_STEP_SUMMARY": str(temp / "summary"),
            "GITHUB_REPOSITORY": "team/shop",
        }

    def __call__(self, name: str, code: int = 0, **values: str) -> None:
        step = STEPS[name]
        blank = dict.fromkeys(step["env"], "")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**self.environment, **blank, **values},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        self.said = done.stdout

    def calls(self) -> list[str]:
        return (self.temp / "gh-calls").read_text().splitlines()

    def output(self) -> dict[str, str]:
        lines = (self.temp / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def summary(self) -> str:
        return (self.temp / "summary").read_text(encoding="utf-8")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Return a runner in a work tree whose last commit brings one good file and one bad one."""
    folder = tmp_path / "shop"
    folder.mkdir()
    made = Runner(folder, tmp_path / "temp")
    script = """
        git init -q && git config user.name Ada && git config user.email ada@example.org
        git commit -q --allow-empty -m first
        printf 'n\\n1\\n2\\n' > good.csv; printf 'n,n\\n1,2\\n' > 'bad one.csv'
        git add . && git commit -qm second
    """
    subprocess.run(["bash", "-euc", script], cwd=folder, env=made.environment, check=True)
    return made


def test_what_a_pull_request_brings_is_checked_summed_up_and_commented_on(runner: Runner) -> None:
    runner("Check", HW_SINCE="HEAD~1", HW_FAIL_ON="fail")
    found = runner.output()
    assert (found["outcome"], found["code"]) == ("fail", "1")
    assert "`good.csv`" in runner.summary()
    assert "`bad one.csv`" in runner.summary()
    runner("Comment", HW_PULL="7", HW_REPORT=found["report"], GH_TOKEN="token")
    (_, made) = runner.calls()
    assert made.startswith("api repos/team/shop/issues/7/comments --field body=@")
    mark, _, body = (runner.temp / "gh-body").read_text(encoding="utf-8").partition("\n")
    assert mark == "<!-- headwater report -->"
    assert body.strip() == runner.summary().strip()
    runner("Verdict", code=1, HW_CODE=found["code"])


def test_the_comment_is_written_anew_and_a_refusal_fails_no_job(runner: Runner) -> None:
    report = runner.temp / "report.md"
    report.write_text("fine\n")
    (runner.temp / "gh-ids").write_text("11\n12\n")
    runner("Comment", HW_PULL="7", HW_REPORT=str(report))
    assert runner.calls()[-1].startswith("api --method PATCH repos/team/shop/issues/comments/11 ")
    (runner.temp / "gh-refuses").touch()
    runner("Comment", HW_PULL="7", HW_REPORT=str(report))
    assert "::warning::The report could not be posted" in runner.said


def test_inputs_are_words_and_never_code(runner: Runner) -> None:
    runner(
        "Check",
        HW_WHAT="good.csv\n\nbad one.csv\n$(touch pwned); touch pwned\n",
        HW_FAIL_ON="never",
        HW_ONLY="validity,volume",
    )
    assert not (runner.folder / "pwned").exists()
    assert "touch pwned" in runner.summary()
    runner("Check", HW_SINCE="HEAD~1", HW_FILES="good*\nnone*\n", HW_FAIL_ON="warn")
    assert runner.output()["outcome"] == "pass"
    runner("Verdict", HW_CODE=runner.output()["code"])


def test_what_cannot_run_is_an_error_with_a_summary(runner: Runner) -> None:
    runner("Check", HW_SINCE="nowhere", HW_FAIL_ON="fail")
    assert runner.output()["outcome"] == "error"
    assert "could not run" in runner.summary()
    # Neither a base nor names: what the lock file pins; here there is none.
    runner("Check", HW_FAIL_ON="fail")
    assert runner.output()["outcome"] == "error"


def test_long_reports_are_cut_between_letters(runner: Runner) -> None:
    report = runner.temp / "long.md"
    report.write_text("数" * 70_000, encoding="utf-8")
    runner("Comment", HW_PULL="7", HW_REPORT=str(report), PYTHONUTF8="1")
    assert (runner.temp / "gh-body").read_text(encoding="utf-8").splitlines()[1] == "数" * 60_000


def test_the_definition_is_sound() -> None:
    assert ACTION["runs"]["using"] == "composite"
    used = set(re.findall(r"inputs\.([\w-]+)", yaml.safe_dump(ACTION)))
    assert used == set(ACTION["inputs"])
    for step in STEPS.values():
        assert step["shell"] == "bash"
        # Values reach scripts by the environment alone, so that none can be taken for code.
        assert "${{" not in step["run"]
    comment: dict[str, Any] = STEPS["Comment"]
    assert "inputs.comment == 'true'" in comment["if"]
    assert ACTION["inputs"]["comment"]["default"] == "false"
