"""The walk over history meets every commit and object once."""

from __future__ import annotations

from headwater.core.ids import ObjectId
from headwater.store.objects import object_path
from headwater.store.reachable import add_objects, commits_from, reachable_objects
from headwater.versions.repo import Repo
from tests.places import Fresh


def test_every_commit_of_a_history_with_merges_is_met_once(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("p", [{"id": 1}], key="id")
    with repo.branch("side").transaction("side") as tx:
        tx.append("p", [{"id": 2}])
    with repo.transaction("main") as tx:
        tx.append("p", [{"id": 3}])
    repo.merge("side")
    found = [commit.id for commit in commits_from([*repo.branches().values()], repo.objects)]
    assert sorted(found) == sorted(commit.id for commit in repo.log())
    assert len(found) == 4


def test_what_is_reachable_is_all_that_a_repository_without_garbage_holds(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("p", [{"id": number} for number in range(10)], key="id")
        tx.append("n", [{"x": "y"}])
    assert repo.head is not None
    found = {object_path(name) for name in reachable_objects([repo.head], repo.objects)}
    assert found == {entry.path for entry in repo.storage.list("objects")}
    needed: set[ObjectId] = set()
    add_objects(repo["p"].manifest, needed, repo.objects)
    assert {object_path(name) for name in needed} < found
    assert reachable_objects([], repo.objects) == set()
