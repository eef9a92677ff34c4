"""Each version of a DVC repository becomes a commit, once."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from headwater.core.errors import InputError, NotFound, UsageError
from headwater.versions.dvc_history import import_dvc
from tests.dvc import Project
from tests.places import Fresh


def people(count: int) -> bytes:
    return b"id,name\n" + b"".join(b"%d,p%d\n" % (number, number) for number in range(count))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a repository of four versions of a table and a folder of images."""
    made = Project(tmp_path / "p")
    made.track("data/people.csv", people(2))
    made.track("model.pkl", b"no data")
    made.commit("two people", time="2024-01-02T03:04:05+02:00")
    made.track("data/people.csv", people(3))
    made.track("images", {"cat/1.png": b"\x89PNG\r\n\x1a\n1"})
    made.commit("three people\n\nand an image")
    made.track("data/people.csv", people(4))
    made.commit("four people")
    (made.root / "images.dvc").unlink()
    made.commit("no images")
    return made


def test_versions_become_commits_with_author_time_and_message(fresh: Fresh, project: Project) -> None:
    repo = hw.init(fresh())
    done = import_dvc(repo, project.root, key="id", outputs=["data/people.csv"])
    assert done.datasets == {"people": "data/people.csv"}
    log = list(repo.log())[::-1]
    assert [commit.message for commit in log] == ["two people", "three people\n\nand an image", "four people"]
    assert [ours for _, ours in done.commits] == [commit.id for commit in log]
    assert (log[0].author, log[0].time.isoformat()) == (
        "Zoë Ö <zoe@example.org>",
        "2024-01-02T01:04:05+00:00",
    )
    assert [repo.at(commit.id)["people"].num_rows for commit in log] == [2, 3, 4]
    assert repo.diff(log[1].id, log[2].id)["people"].stat()["added"] == 1
    assert log[0].provenance.parameters["dvc_commit"] == done.commits[0][0]


def test_all_that_is_data_comes_and_goes_as_it_did(fresh: Fresh, project: Project) -> None:
    repo = hw.init(fresh())
    done = import_dvc(repo, project.root)
    assert (list(done.datasets), done.others) == (["people", "images"], ("model.pkl",))
    assert [sorted(commit.datasets) for commit in repo.log()][::-1] == [
        ["people"],
        ["images", "people"],
        ["images", "people"],
        ["people"],
    ]
    assert repo.at("main~1")["images"].to_arrow().column("label").to_pylist() == ["cat"]


def test_importing_again_brings_only_what_is_new(fresh: Fresh, project: Project) -> None:
    repo = hw.init(fresh())
    import_dvc(repo, project.root)
    head = repo.head
    again = import_dvc(repo, project.root)
    assert (again.commits, again.known, repo.head) == ((), 4, head)
    project.track("data/people.csv", people(1))
    project.commit("one person")
    more = import_dvc(repo, project.root)
    assert (len(more.commits), more.known, repo["people"].num_rows) == (1, 4, 1)


def test_missing_bytes_stop_before_the_first_commit_or_are_left_out(fresh: Fresh, project: Project) -> None:
    repo = hw.init(fresh())
    md5 = project.kept(people(3))
    lost = project.cached(md5)
    data = lost.read_bytes()
    lost.unlink()
    with pytest.raises(
        InputError, match=rf"people.csv \({md5}\) is not in the cache. Nothing was imported. Fetch"
    ):
        import_dvc(repo, project.root)
    assert repo.head is None
    done = import_dvc(repo, project.root, on_missing="skip")
    assert len(done.problems) == 1
    assert "is not in the cache" in done.problems[0]
    assert [repo.at(ours)["people"].num_rows for _, ours in done.commits] == [2, 2, 4, 4]
    lost.write_bytes(data)
    assert import_dvc(repo, project.root).commits == ()
    assert repo["people"].num_rows == 4


def test_a_version_that_cannot_be_read_stops_there_or_is_left_out(fresh: Fresh, project: Project) -> None:
    project.track("data/people.csv", b'id,name\n1,"cut')
    project.commit("broken")
    project.track("data/people.csv", people(5))
    project.commit("mended")
    repo = hw.init(fresh())
    with pytest.raises(
        InputError, match=r"data/people.csv at git commit \w{7}: .* The commits before it were imported"
    ):
        import_dvc(repo, project.root)
    assert repo["people"].num_rows == 4
    done = import_dvc(repo, project.root, on_missing="skip")
    assert (len(done.commits), len(done.problems), repo["people"].num_rows) == (1, 1, 5)


def test_columns_may_change_between_versions(fresh: Fresh, tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    project.track("t.csv", b"id,a\n1,2\n")
    project.commit("")
    project.track("t.csv", b"id,b\nx,2.5\n")
    project.commit("other columns")
    repo = hw.init(fresh())
    done = import_dvc(repo, project.root)
    assert repo["t"].schema.names == ["id", "b"]
    assert list(repo.log())[1].message == f"DVC commit {done.commits[0][0][:7]}"


def test_paths_of_one_name_get_longer_ones_and_unknown_paths_are_not_found(
    fresh: Fresh, tmp_path: Path
) -> None:
    project = Project(tmp_path / "p")
    for path in ("train/data.csv", "test/data.csv", "a b/c.csv", "a_b/c.csv"):
        project.track(path, people(1))
    project.commit("first")
    repo = hw.init(fresh())
    with pytest.raises(UsageError, match="would both become the dataset 'a_b_c'"):
        import_dvc(repo, project.root)
    done = import_dvc(repo, project.root, outputs=["train/data.csv", "./test/data.csv"])
    assert set(done.datasets) == {"train_data", "test_data"}
    with pytest.raises(
        NotFound, match=r"Output 'trian/data.csv' not found in p. Did you mean 'train/data.csv'"
    ):
        import_dvc(repo, project.root, outputs=["trian/data.csv"])
