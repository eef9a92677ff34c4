"""Lineage: from a dataset back through runs, transforms and merges to what was imported."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from headwater.core.errors import NotFound
from headwater.pipelines.lineage import lineage
from tests.pipelines.flows import numbers, sums


@pytest.fixture
def repo(tmp_path: Path) -> hw.Repo:
    from pyarrow import csv

    csv.write_csv(numbers(20), tmp_path / "numbers.csv")
    repo = hw.init(tmp_path / "repo")
    repo.import_("numbers", tmp_path / "numbers.csv", key="id")
    repo.transform("numbers", "clean.values", {"columns": ["note"], "case": "upper"})
    repo.run(sums)
    return repo


def test_a_dataset_of_a_run_leads_back_to_the_file(repo: hw.Repo) -> None:
    found = lineage(repo, "doubled")
    names = [(node.kind, node.name.rpartition("/")[2]) for node in found.nodes]
    assert names[0] == ("dataset", "doubled")
    assert names.count(("dataset", "numbers")) == 2
    assert names[-1] == ("source", "numbers.csv")
    assert [edge.by for edge in found.edges] == ["run sums: double", "transform clean.values", "import"]
    assert found.edges[0].run == repo.runs.get("last").id
    assert found.edges[0].columns["y"] == ("x",)
    assert not found.is_cut
    assert len(found.to_dict()["edges"]) == 3


def test_one_column_is_followed_as_far_as_columns_are_known(repo: hw.Repo) -> None:
    found = lineage(repo, "doubled").of_column("y")
    assert found.edges[0].columns == {"y": ("x",)}
    assert [edge.by for edge in found.edges] == ["run sums: double", "transform clean.values", "import"]
    with pytest.raises(NotFound, match="Column 'zz'"):
        lineage(repo, "doubled").of_column("zz")


def test_merges_have_two_origins_and_a_long_past_is_cut(repo: hw.Repo) -> None:
    side = repo.branch("side")
    with side.transaction("left") as tx:
        tx.upsert("numbers", [{"id": 1, "x": 5}])
    with repo.transaction("right") as tx:
        tx.upsert("numbers", [{"id": 2, "x": 5}])
    repo.merge("side")
    found = lineage(repo, "numbers")
    assert len(found.before(found.nodes[0].id)) == 2
    short = lineage(repo, "numbers", limit=2)
    assert short.is_cut


def test_an_older_version_and_what_is_not_there(repo: hw.Repo) -> None:
    assert lineage(repo, "numbers@HEAD~2").nodes[0].message.startswith("Import")
    with pytest.raises(NotFound, match="Did you mean 'doubled'"):
        lineage(repo, "doubld")
    with pytest.raises(NotFound):
        lineage(repo, "doubled@nope")
