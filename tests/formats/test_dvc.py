"""The history of a DVC repository, read with git alone."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import pytest

from headwater.core.errors import InputError, UsageError
from headwater.formats.dvc import DvcRepo
from tests.dvc import Project

ONE, TWO = b"id,name\n1,a\n", b"id,name\n1,b\n"


def test_only_commits_that_changed_what_is_tracked_are_versions_with_author_time_and_message(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path / "p")
    project.commit("nothing yet")
    project.track("data/ü one.csv", ONE)
    first = project.commit("first", time="2024-01-02T03:04:05+02:00")
    (project.root / "README").write_text("x")
    project.commit("no data")
    md5 = project.track("data/ü one.csv", TWO)
    second = project.commit("second\n\nwith a body")
    (project.root / "data" / "ü one.csv.dvc").unlink()
    third = project.commit("gone")
    versions = DvcRepo(project.root / "data" / "..").versions()
    assert [version.commit for version in versions] == [first, second, third]
    assert [version.message for version in versions] == ["first", "second\n\nwith a body", "gone"]
    assert versions[0].author == "Zoë Ö <zoe@example.org>"
    assert versions[0].time == datetime.fromisoformat("2024-01-02T03:04:05+02:00")
    assert versions[1].outputs["data/ü one.csv"].md5 == md5
    assert dict(versions[2].outputs) == {}
    assert len(DvcRepo(project.root).versions("HEAD~1")) == 2


@pytest.mark.parametrize("is_old", [False, True])
def test_files_and_folders_are_laid_out_from_either_cache(is_old: bool, tmp_path: Path) -> None:
    project = Project(tmp_path / "p", is_old=is_old)
    project.track("one.csv", ONE)
    project.track("images", {"cat/1.png": b"1", "dog/ü.png": b"2"})
    project.commit("first")
    repo = DvcRepo(project.root)
    outputs = repo.versions()[0].outputs
    with repo.laid_out(outputs["one.csv"]) as place:
        assert (place.name, place.read_bytes()) == ("one.csv", ONE)
    with repo.laid_out(outputs["images"]) as place:
        assert {file.relative_to(place).as_posix(): file.read_bytes() for file in place.rglob("*.png")} == {
            "cat/1.png": b"1",
            "dog/ü.png": b"2",
        }
    assert not place.exists()


def test_outputs_of_stages_are_tracked_in_both_schemas_of_the_lock_file(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    md5 = project.kept(ONE)
    out = {
        "outs": [{"path": "out.csv", "md5": md5}, {"path": "../outside.csv", "md5": md5}, {"path": "no-md5"}]
    }
    project.describe("dvc.lock", {"schema": "2.0", "stages": {"make": out, "empty": {}}})
    project.describe("sub/dvc.lock", {"make": {"outs": [{"path": "deep.csv", "md5": md5}]}})
    project.describe("old.dvc", {"wdir": "there", "outs": [{"path": "x.csv", "md5": md5}]})
    project.commit("first")
    outputs = DvcRepo(project.root).versions()[0].outputs
    assert set(outputs) == {"out.csv", "sub/deep.csv", "there/x.csv"}


def test_an_output_that_git_holds_is_read_from_git(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    (project.root / "m.json").write_bytes(b"[1]")
    project.describe(
        "dvc.lock", {"schema": "2.0", "stages": {"s": {"outs": [{"path": "m.json", "md5": "0" * 32}]}}}
    )
    project.commit("first")
    repo = DvcRepo(project.root)
    with repo.laid_out(repo.versions()[0].outputs["m.json"]) as place:
        assert place.read_bytes() == b"[1]"


def test_what_is_missing_or_has_other_bytes_is_said(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    one = project.track("one.csv", ONE)
    folder = project.track("images", {"1.png": b"1", "2.png": b"2"})
    project.commit("first")
    repo = DvcRepo(project.root)
    outputs = repo.versions()[0].outputs
    project.cached(one).write_bytes(b"other")
    with (
        pytest.raises(InputError, match="has other bytes than its name says"),
        repo.laid_out(outputs["one.csv"]),
    ):
        pass
    project.cached(one).unlink()
    project.cached(hashlib.md5(b"2").hexdigest()).unlink()
    assert repo.missing(outputs["one.csv"]) == f"one.csv ({one}) is not in the cache"
    assert repo.missing(outputs["images"]) == "1 file(s) of images, such as 2.png, are not in the cache"
    with (
        pytest.raises(InputError, match=r"such as 2.png, are not in the cache"),
        repo.laid_out(outputs["images"]),
    ):
        pass
    project.cached(folder).write_bytes(b"[")
    with pytest.raises(InputError, match="its list of files is broken"):
        repo.missing(outputs["images"])


def test_text_whose_hash_was_taken_with_other_line_ends_is_known(tmp_path: Path) -> None:
    project = Project(tmp_path / "p", is_old=True)
    text = b"a\r\n" * 400_000
    md5 = hashlib.md5(text.replace(b"\r\n", b"\n")).hexdigest()
    project.cached(md5).parent.mkdir(parents=True)
    project.cached(md5).write_bytes(text)
    project.describe("one.csv.dvc", {"outs": [{"md5": md5, "path": "one.csv"}]})
    project.commit("first")
    repo = DvcRepo(project.root)
    with repo.laid_out(repo.versions()[0].outputs["one.csv"]) as place:
        assert place.read_bytes() == text


@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "a//b", ".", ""])
def test_lists_that_lead_out_of_their_folder_are_refused(name: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    project.track("images", {name: b"1"})
    project.commit("first")
    repo = DvcRepo(project.root)
    with pytest.raises(InputError, match="which is not inside the folder"):
        repo.missing(repo.versions()[0].outputs["images"])


def test_a_cached_file_that_links_elsewhere_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    md5 = project.track("one.csv", ONE)
    project.commit("first")
    (tmp_path / "secret").write_bytes(ONE)
    project.cached(md5).unlink()
    project.cached(md5).symlink_to(tmp_path / "secret")
    repo = DvcRepo(project.root)
    with (
        pytest.raises(InputError, match="is a link to somewhere else"),
        repo.laid_out(repo.versions()[0].outputs["one.csv"]),
    ):
        pass


def test_what_is_no_repository_of_dvc_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        DvcRepo(tmp_path / "x")
    with pytest.raises(InputError, match="git says: not a git repository"):
        DvcRepo(tmp_path)
    project = Project(tmp_path / "p")
    project.describe("one.csv.dvc", ["no mapping"])
    project.commit("first")
    repo = DvcRepo(project.root)
    with pytest.raises(InputError, match=r"one.csv.dvc at \w{7}: it is no file of DVC"):
        repo.versions()
    with pytest.raises(InputError, match="git says: bad revision 'nowhere'"):
        repo.versions("nowhere")
    with pytest.raises(UsageError, match="is no name of a commit"):
        repo.versions("--output=x")
    (project.root / ".dvc").rename(project.root / "gone")
    with pytest.raises(InputError, match=r"it has no folder .dvc"):
        DvcRepo(project.root)
