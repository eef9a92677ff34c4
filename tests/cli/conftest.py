"""A command line to call in tests, and a repository with a history worth looking at."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import headwater as hw
from headwater.cli.main import main
from tests.cli.git import git


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    stdout: str
    stderr: str
    code: int


class Cli:
    """Calls commands in this process."""

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> Answer:
        """Run ``hw`` with these words and expect that exit code."""
        result = CliRunner().invoke(main, list(words), input=stdin, prog_name="hw", env={"COLUMNS": "100"})
        answer = Answer(result.stdout, result.stderr, result.exit_code)
        assert answer.code == code, f"hw {' '.join(words)}: exit code {answer.code}\n{result.output}"
        return answer

    def json(self, *words: str, code: int = 0) -> Any:
        """Run a command with ``--json`` and return what stdout holds."""
        answer = self(*words, "--json", code=code)
        return json.loads(answer.stdout)


@pytest.fixture
def cli() -> Cli:
    """Return the command line."""
    return Cli()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty current directory whose name has blanks and letters beyond ASCII."""
    place = tmp_path / "Ärger im Lager 数据"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("HEADWATER_REPO", raising=False)
    return place


@pytest.fixture
def work_tree(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current directory as an empty git work tree, free of what git is told elsewhere."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for words in (
        ("init", "-q"),
        ("config", "user.name", "Ada"),
        ("config", "user.email", "ada@example.org"),
    ):
        git(*words)
    return folder


def people(names: dict[int, str | None]) -> list[dict[str, Any]]:
    """Return rows of people."""
    return [{"id": number, "name": name, "age": number + 20} for number, name in names.items()]


@pytest.fixture
def shop(folder: Path) -> hw.Repo:
    """Return a repository in the current directory: two commits on main, one on fix, one on clash, tag v1."""
    repo = hw.init(folder)
    with repo.transaction("Four people") as tx:
        tx.append("people", people({1: "Ann", 2: "Bob", 3: "Cleo", 4: "Dora"}), key="id")
    repo.create_tag("v1")
    with repo.branch("fix").transaction("Fix names\n\nAs Ada asked.") as tx:
        tx.upsert("people", people({2: "Bobby"}))
        tx.delete("people", keys=[4])
        tx.append("people", people({5: None}))
    with repo.branch("clash").transaction("Another name") as tx:
        tx.upsert("people", people({1: "Anna"}))
    with repo.transaction("A birthday") as tx:
        tx.upsert("people", [{"id": 1, "name": "Anne", "age": 22}])
    return repo
