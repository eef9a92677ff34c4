"""import-dvc brings the history of a DVC repository."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli
from tests.dvc import Project


def test_import_dvc_tells_what_came_and_what_was_left_out(folder: Path, cli: Cli) -> None:
    project = Project(folder / "old")
    project.track("people.csv", b"id,name\n1,a\n")
    project.track("model.pkl", b"x")
    project.commit("first")
    lost = project.track("people.csv", b"id,name\n1,b\n")
    project.commit("second")
    project.cached(lost).unlink()
    (folder / "new").mkdir()
    cli("init", "new")
    assert "is not in the cache" in cli("-C", "new", "import-dvc", "old", code=2).stderr
    answer = cli("-C", "new", "import-dvc", "old", "--key", "id", "--on-missing", "skip")
    assert "Brought 1 commit(s) of people" in answer.stdout
    assert "is not in the cache" in answer.stderr
    assert "Left out what is no data: model.pkl" in answer.stderr
    value = cli.json("-C", "new", "import-dvc", "old", "--on-missing", "skip")
    assert (value["commits"], value["known"], value["datasets"]) == ([], 1, {"people": "people.csv"})
    assert cli.json("-C", "new", "log")[0]["author"] == "Zoë Ö <zoe@example.org>"
