"""The code of a run is kept with it, and is laid out again when the files are gone or changed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.core.errors import NotFound, UsageError
from headwater.pipelines.loading import load_pipeline
from headwater.pipelines.records import RunRecord
from headwater.pipelines.source_code import restored
from tests.cli.git import git

FLOW = """
import headwater as hw
from parts_of_it import inner

@hw.step
def count(n: int) -> int:
    return n * inner.FACTOR

@hw.pipeline
def flow(n: int = 2):
    count(n)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("a_flow", "parts_of_it", "parts_of_it.inner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    (tmp_path / "parts_of_it").mkdir()
    (tmp_path / "parts_of_it" / "__init__.py").write_text("")
    (tmp_path / "parts_of_it" / "inner.py").write_text("FACTOR = 3\n")
    (tmp_path / "a_flow.py").write_text(FLOW)
    hw.init(tmp_path)
    return tmp_path


def ran(place: Path) -> RunRecord:
    pipeline, file = load_pipeline("a_flow.py")
    return hw.open(place).run(pipeline, file=file).record


def test_files_outside_of_git_are_kept_as_they_were_loaded(project: Path) -> None:
    record = ran(project)
    assert sorted(record.code["files"]) == ["a_flow.py", "parts_of_it/__init__.py", "parts_of_it/inner.py"]
    assert (record.code["module"], record.code["name"], record.code["file"]) == (
        "a_flow",
        "flow",
        "a_flow.py",
    )
    (project / "a_flow.py").write_text("broken(")
    with restored(record, hw.open(project).runs) as code:
        assert (code.root / "a_flow.py").read_text() == FLOW
        assert code.revision == ""
    assert not code.root.exists()


def test_within_git_a_work_tree_is_laid_out_with_uncommitted_files_upon_it(project: Path) -> None:
    git("init", "-q")
    (project / "settings.txt").write_text("one")
    git("add", "a_flow.py", "settings.txt")
    git("commit", "-qm", "one")
    (project / "settings.txt").write_text("two")
    record = ran(project)
    assert record.environment["revision"].endswith("+")
    assert record.code["changed"] == ["settings.txt"]
    git("checkout", "-q", "settings.txt")
    (project / "a_flow.py").unlink()
    with restored(record, hw.open(project).runs) as code:
        assert (code.root / "parts_of_it" / "inner.py").read_text() == "FACTOR = 3\n"
        assert (code.root / "settings.txt").read_text() == "one"
        assert code.revision
        assert "settings.txt differed" in code.notes[0]
    assert len(git("worktree", "list").splitlines()) == 1


def test_a_revision_that_is_gone_leaves_the_kept_files(project: Path) -> None:
    git("init", "-q")
    git("add", "a_flow.py")
    git("commit", "-qm", "one")
    record = ran(project)
    (project / ".git").rename(project / "no-git")
    runs = hw.open(project).runs
    with restored(record, runs) as code:
        assert (code.root / "a_flow.py").exists()
        assert "in no git repository here" in code.notes[0]
    lost = RunRecord.from_dict({**record.to_dict(), "code": {**record.code, "files": {}}})
    with pytest.raises(NotFound, match="in no git repository here"), restored(lost, runs):
        pass


def test_code_without_a_place_is_told(project: Path) -> None:
    record = ran(project)
    runs = hw.open(project).runs
    for code, words in (({}, "was not kept"), ({**record.code, "name": ""}, "inside a function")):
        other = RunRecord.from_dict({**record.to_dict(), "code": code})
        with pytest.raises(UsageError, match=words), restored(other, runs):
            pass
    strange = RunRecord.from_dict({**record.to_dict(), "code": {**record.code, "files": {"../../x.py": "0"}}})
    with pytest.raises(UsageError, match="outside of its folder"), restored(strange, runs):
        pass


def test_a_file_with_the_value_of_a_secret_is_not_kept(project: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("A_TOKEN", "hunter2-hunter2")
    text = FLOW.replace("count(n)", "count(1, hw.secret('A_TOKEN'))").replace(
        "n: int)", "n: int, token: str)"
    )
    (project / "a_flow.py").write_text(f"{text}TOKEN = 'hunter2-hunter2'\n")
    record = ran(project)
    assert "a_flow.py" not in record.code["files"]
    assert "a_flow.py" in record.code["changed"]
