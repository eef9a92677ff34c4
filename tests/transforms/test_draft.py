"""Trying things in a repository without writing to it."""

from __future__ import annotations

import gc
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import ObjectMissing
from headwater.transforms.base import make
from headwater.transforms.draft import draft_of
from headwater.transforms.run import run
from headwater.versions.repo import Repo


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def people(folder: Path, key: str | None = "id") -> Repo:
    repo = Repo.init(folder / "repo")
    with repo.transaction("people") as tx:
        tx.append("people", pa.table({"id": [1, 2, 3], "name": [" ann", "bob", None]}), key=key)
    return repo


@pytest.mark.parametrize("key", ["id", None])
@pytest.mark.parametrize("branch", [None, "new"])
def test_a_dry_run_touches_no_file_of_the_repository(
    tmp_path: Path, key: str | None, branch: str | None
) -> None:
    repo = people(tmp_path, key)
    before = files(tmp_path)
    trim = make("clean.values", {"columns": ["name"], "trim": True})
    planned = run(repo, "people", trim, dry_run=True, branch=branch)
    assert files(tmp_path) == before
    # The plan can be looked at for as long as it is held.
    assert " ann" in str(planned.diff.rows().to_pylist())
    assert run(repo, "people", trim, branch=branch).diff.stat() == planned.diff.stat()


def test_a_draft_goes_with_the_last_who_looks_at_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    repo = people(tmp_path)
    draft = draft_of(repo)
    name = draft.objects.put(b"a thought")
    assert draft.objects.get(name) == draft.objects.open(name).to_pybytes() == b"a thought"
    assert draft["people"].num_rows == 3
    with pytest.raises(ObjectMissing):
        repo.objects.get(name)
    assert list((tmp_path / "scratch").iterdir())
    del draft
    gc.collect()
    assert not list((tmp_path / "scratch").iterdir())
