"""Revisions: those of the folder, with a sign where files differ; none outside of git."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.pipelines.git import changed_files, git, revision_of, top_of
from tests.cli.git import git as run_git


def test_a_revision_is_marked_where_files_differ_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert revision_of(tmp_path) == ""
    assert top_of(tmp_path) is None
    run_git("init", "-q")
    (tmp_path / "ä b.py").write_text("x = 1\n")
    run_git("add", ".")
    run_git("commit", "-qm", "one")
    clean = revision_of(tmp_path)
    assert len(clean) == 40
    (tmp_path / "ä b.py").write_text("x = 2\n")
    assert changed_files(tmp_path) == ["ä b.py"]
    assert revision_of(tmp_path) == clean + "+"
    assert top_of(tmp_path) == tmp_path
    assert git(tmp_path, "cat-file", "-e", "0" * 40) is None
