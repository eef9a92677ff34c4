"""What git says about files, asked in a real work tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from headwater.cli.worktree import WorkTree, find_work_tree
from headwater.core.errors import HeadwaterError, UsageError
from tests.cli.git import git


def test_a_file_is_followed_through_its_states(work_tree: Path) -> None:
    tree = WorkTree.require()
    file = work_tree / "Größe 数.csv"
    (work_tree / ".gitignore").write_text("*.log\n")
    file.write_text("a\n1\n")
    assert tree.state(file) == "untracked"
    git("add", ".")
    assert (tree.state(file), tree.staged()) == ("staged", [".gitignore", "Größe 数.csv"])
    file.write_text("a\n2\n")
    assert tree.state(file) == "changed"
    git("commit", "-qm", "one")
    git("add", ".")
    git("commit", "-qm", "two")
    assert (tree.state(file), tree.staged()) == ("committed", [])
    (work_tree / "x.log").write_text("x")
    assert tree.state(work_tree / "x.log") == "ignored"
    assert tree.changed_since("HEAD~1") == ["Größe 数.csv"]
    assert (tree.content("Größe 数.csv", "HEAD~1"), tree.content("no", "HEAD")) == (b"a\n1\n", None)


def test_what_is_staged_is_taken_out_and_not_what_lies_there(work_tree: Path, tmp_path: Path) -> None:
    inner = work_tree / "data" / "a b.csv"
    inner.parent.mkdir()
    inner.write_text("staged")
    git("add", ".")
    inner.write_text("later")
    out = tmp_path / "out"
    out.mkdir()
    WorkTree.require().write_staged(["data/a b.csv"], out)
    assert (out / "data" / "a b.csv").read_text() == "staged"


def test_a_history_that_git_does_not_have_is_told(work_tree: Path) -> None:
    (work_tree / "f").write_text("x")
    git("add", ".")
    git("commit", "-qm", "one")
    for ref in ("nowhere", "--all", "0" * 40):
        with pytest.raises(UsageError, match="fetch-depth: 0"):
            WorkTree.require().changed_since(ref)
    with pytest.raises(HeadwaterError, match="failed in"):
        WorkTree.require().run("no-such-command")


def test_without_a_work_tree_or_git_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_work_tree() is None
    with pytest.raises(UsageError, match="`git init` makes one"):
        WorkTree.require()
    subprocess.run(["git", "init", "-q"], check=True)
    assert find_work_tree() is not None
    monkeypatch.setenv("PATH", "")
    assert find_work_tree() is None
