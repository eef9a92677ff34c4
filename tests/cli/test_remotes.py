"""clone, fetch, pull, push and remote, as a team of two uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from headwater.store.objects import object_path
from tests.cli.conftest import Cli


@pytest.fixture
def work(shop: hw.Repo, cli: Cli, folder: Path) -> str:
    """Return the place of a clone of the shop."""
    assert "Cloned . to work: 3 branch(es), 1 tag(s), on branch main" in cli("clone", ".", "work").stdout
    return "work"


def renamed(place: str, key: int, name: str) -> None:
    with hw.open(place).transaction(f"{key} is {name}") as tx:
        tx.upsert("people", [{"id": key, "name": name}])


def test_a_team_of_two_works_together(shop: hw.Repo, cli: Cli, work: str) -> None:
    assert "level with origin/main" in cli("-C", work, "status").stdout
    renamed(work, 2, "Robert")
    assert "1 commit(s) ahead of origin/main" in cli("-C", work, "status").stdout
    pushed = cli("-C", work, "push").stdout
    assert pushed.startswith("main  ")
    assert "1 commit(s), " in pushed
    assert cli("-C", work, "push").stdout == "origin has it all already\n"
    renamed(".", 3, "Klea")
    assert "origin/main" in cli("-C", work, "fetch").stdout
    assert "1 commit(s) behind of origin/main" in cli("-C", work, "status").stdout
    assert "fast-forward" in cli("-C", work, "pull").stdout
    assert "has all of origin/main already" in cli("-C", work, "pull").stdout
    assert cli("-C", work, "fetch").stdout == "origin has nothing new\n"
    assert hw.open(work)["people"].fingerprint == hw.open(".")["people"].fingerprint


def test_diverged_branches_exit_with_1_and_merge_on_demand(shop: hw.Repo, cli: Cli, work: str) -> None:
    renamed(work, 2, "Robert")
    renamed(".", 3, "Klea")
    assert "hw pull" in cli("-C", work, "push", code=1).stderr
    assert "--merge" in cli("-C", work, "pull", code=1).stderr
    merged = cli("-C", work, "pull", "--merge")
    assert "Merged origin/main into main" in merged.stdout
    assert "Next: hw -C work push" in merged.stderr
    assert [change["name"] for change in cli.json("-C", work, "push")["changes"]] == ["main"]
    renamed(work, 2, "Rob")
    renamed(".", 2, "Bo")
    assert "is at" in cli("-C", work, "pull", "--theirs").stdout
    assert hw.open(work)["people"].to_arrow(where="id = 2")["name"].to_pylist() == ["Bo"]


def test_a_branch_of_a_remote_is_switched_to(shop: hw.Repo, cli: Cli, work: str) -> None:
    assert "On new branch fix" in cli("-C", work, "switch", "fix").stdout
    assert cli.json("-C", work, "status")["remotes"] == [{"name": "origin/fix", "ahead": 0, "behind": 0}]
    assert "not found" in cli("-C", work, "switch", "nope", code=2).stderr
    assert "gone" in cli("-C", work, "push", "-d", "clash").stdout
    assert "Which branch" in cli("-C", work, "push", "-d", code=2).stderr


def test_remotes_are_listed_added_and_removed(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    assert "no remotes" in cli("remote", "list").stdout
    cli("remote", "add", "origin", "s3://bucket/shop")
    assert cli.json("remote", "list") == [{"name": "origin", "location": "s3://bucket/shop"}]
    assert "s3://bucket/shop" in cli("remote", "list").stdout
    assert "already" in cli("remote", "add", "origin", "x", code=2).stderr
    cli("remote", "remove", "origin")
    assert "Remote 'origin' not found" in cli("fetch", code=2).stderr


def test_a_partial_clone_reads_what_it_left_out(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    assert "(partial)" in cli("clone", ".", "lazy", "--lazy", "--cache", "1MB").stdout
    assert "at the remote only" in cli("-C", "lazy", "fsck").stdout
    assert "Anne" in cli("-C", "lazy", "sql", "select * from people").stdout
    assert "write 500MB" in cli("clone", ".", "x", "--cache", "much", code=2).stderr
    assert "Where to?" in cli("clone", ".", code=2).stderr


def test_fsck_mends_from_a_remote(shop: hw.Repo, cli: Cli, work: str) -> None:
    repo = hw.open(work)
    chunk = repo["people"].manifest.chunks[0]
    repo.storage.delete([object_path(chunk.row_hashes)])
    repo.storage.write(object_path(chunk.groups[0].object), b"damaged")
    assert "--repair" in cli("-C", work, "fsck", code=1).stdout
    mended = cli("-C", work, "fsck", "--repair")
    assert "Took 2 of 2" in mended.stderr
    assert "PASS" in mended.stdout
