"""Splits: a row's part depends on its key alone, groups stay together, and shares are what chance allows."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, UsageError
from headwater.reading.dataset import Dataset
from headwater.reading.splits import AUGMENTED_FROM, Split, set_split
from headwater.recipes.split import split as held_out
from headwater.versions.repo import Repo
from tests.places import Fresh

INTO = {"train": 0.7, "validation": 0.1, "test": 0.2}


def people(
    fresh: Fresh, rows: int = 1000, into: Mapping[str, float] | None = INTO, **options: object
) -> Repo:
    """Return a repository with people in families, split."""
    repo = Repo.init(fresh())
    with repo.transaction("people") as tx:
        table = pa.table({"id": np.arange(rows), "family": np.arange(rows) // 4, "x": np.arange(rows) % 7})
        tx.append("people", table, key="id")
        if into is not None:
            set_split(tx, "people", into, **options)  # type: ignore[arg-type]
    return repo


def ids(dataset: Dataset) -> set[int]:
    return set(dataset.to_arrow(["id"]).column(0).to_pylist())


def test_parts_are_disjoint_and_together_are_all_rows(fresh: Fresh) -> None:
    data = people(fresh)["people"]
    parts = {name: data.split(name) for name in INTO}
    assert sum(len(part) for part in parts.values()) == 1000
    assert set.union(*map(ids, parts.values())) == set(range(1000))
    for counted in data.measure_split():
        assert counted.rows == len(parts[counted.name]) == counted.groups
        assert abs(counted.share - INTO[counted.name]) < 4 * counted.expected_deviation
        assert counted.expected_deviation == pytest.approx(
            (counted.asked * (1 - counted.asked) / 1000) ** 0.5
        )


def test_new_rows_changes_and_deletions_move_no_row(fresh: Fresh) -> None:
    repo = people(fresh)
    before = {name: ids(repo["people"].split(name)) for name in INTO}
    with repo.transaction("more") as tx:
        tx.append("people", pa.table({"id": np.arange(1000, 3000), "family": np.zeros(2000, np.int64)}))
        tx.upsert("people", [{"id": 3, "x": 99}])
        tx.rename_columns("people", {"id": "person"})
        tx.rename_columns("people", {"person": "id"})
        tx.delete("people", keys=[7])
        tx.add_columns("people", pa.table({"id": np.arange(8, 20), "new": np.zeros(12)}))
    for name in INTO:
        now = ids(repo["people"].split(name))
        assert {n for n in now if n < 1000} == before[name] - {7}


def test_a_part_is_read_in_every_way_as_a_dataset(fresh: Fresh) -> None:
    repo = people(fresh)
    test = repo["people"].split("test")
    some = sorted(ids(test))
    assert (len(test), test.num_rows, test.key) == (len(some), len(some), ("id",))
    assert test.head(3).column("id").to_pylist() == some[:3]
    assert test.take([str(some[1])]).column("id").to_pylist() == [some[1]]
    assert test.to_arrow(["id"], f"id > {some[5]}").num_rows == len(some) - 6
    assert test.to_duckdb().count("*").fetchall() == [(len(some),)]
    outside = next(n for n in range(1000) if n not in some)
    with pytest.raises(NotFound):
        test.take([str(outside)])
    assert ids(test.at("main")) == set(some)
    assert repo["people"].split("test").fingerprint == test.fingerprint != repo["people"].fingerprint


def test_reading_a_part_writes_nothing(fresh: Fresh) -> None:
    repo = people(fresh)
    before = {entry.path for entry in repo.storage.list("objects")}
    assert len(repo["people"].split("test")) > 0
    assert {entry.path for entry in repo.storage.list("objects")} == before


def test_groups_never_straddle(fresh: Fresh) -> None:
    data = people(fresh, by="family")["people"]
    parts = [set(data.split(name).to_arrow(["family"]).column(0).to_pylist()) for name in INTO]
    assert sum(map(len, parts)) == 250 == len(set.union(*parts))
    counted = data.measure_split()
    assert [part.groups for part in counted] == list(map(len, parts))
    assert counted[0].expected_deviation == pytest.approx((0.7 * 0.3 / 250) ** 0.5)


def test_a_split_by_a_group_follows_its_column_and_is_in_one_place(fresh: Fresh) -> None:
    repo = people(fresh, by="family")
    with repo.transaction("rename") as tx:
        tx.rename_columns("people", {"family": "household"})
    assert repo["people"].splits == Split(parts=tuple(INTO.items()), by=("household",), is_grouped=True)
    with repo.transaction("again") as tx:
        set_split(tx, "people", {"a": 0.5, "b": 0.5}, seed=3)
    assert repo["people"].splits == Split(parts=(("a", 0.5), ("b", 0.5)), by=("id",), seed=3)
    with repo.transaction("none") as tx:
        set_split(tx, "people", None)
    assert repo["people"].splits is None
    with pytest.raises(UsageError, match="hw split people --into"):
        repo["people"].split("a")


def test_the_last_part_is_what_recipes_hold_out(fresh: Fresh) -> None:
    data = people(fresh, into={"train": 0.75, "test": 0.25})["people"]
    masks = held_out(data, data.to_arrow(), holdout=0.25)
    every = np.asarray(data.to_arrow(["id"]).column(0))
    assert set(every[masks.test].tolist()) == ids(data.split("test"))
    assert set(every[masks.train].tolist()) == ids(data.split("train"))
    small = people(fresh, by="family", seed=5)["people"]
    more = held_out(small, small.to_arrow(), holdout=0.25)
    assert ids(small.split("test")) < set(every[more.test].tolist())
    families = np.asarray(small.to_arrow(["family"]).column(0))
    assert not set(families[more.test].tolist()) & set(families[more.train].tolist())


def test_augmented_rows_go_with_their_source_and_only_to_the_first_part(fresh: Fresh) -> None:
    repo = people(fresh, 200)
    with repo.transaction("augment") as tx:
        made = [{"id": 1000 + n, "family": 0, "x": 0, AUGMENTED_FROM: json.dumps(n)} for n in range(200)]
        tx.append("people", pa.Table.from_pylist(made), schema_change="safe")
    parts = {name: ids(repo["people"].split(name)) for name in INTO}
    assert {n - 1000 for n in parts["train"] if n >= 1000} == {n for n in parts["train"] if n < 1000}
    assert not {n for n in parts["test"] | parts["validation"] if n >= 1000}


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.integers(0, 2**32))
def test_every_row_is_in_one_part_at_its_share(sizes: list[float], seed: int) -> None:
    total = sum(sizes)
    split = Split(parts=tuple((str(n), size / total) for n, size in enumerate(sizes)), by=("id",), seed=seed)
    hashes = np.random.default_rng(seed).integers(0, 2**64, 5000, np.uint64, endpoint=False)
    codes = split.assign(hashes)
    found = np.bincount(codes, minlength=len(sizes)) / 5000
    assert len(found) == len(sizes)
    assert np.abs(found - np.array(sizes) / total).max() < 0.05
    assert (split.assign(np.array([0, 2**64 - 1], np.uint64)) < len(sizes)).all()


@pytest.mark.parametrize(
    ("into", "options", "message"),
    [
        ({"train": 0.8, "test": 0.3}, {}, "sum to 1.1"),
        ({}, {}, "has parts with names"),
        ({"train": 1.2, "test": -0.2}, {}, "share above 0"),
        ({"": 1.0}, {}, "has parts with names"),
        ({"train": float("nan"), "test": 0.2}, {}, "share above 0"),
        ({"all": 1.0}, {"by": "famly"}, "Did you mean 'family'"),
    ],
)
def test_what_is_no_split_is_refused(
    fresh: Fresh, into: dict[str, float], options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        people(fresh, 8, into=into, **options)


def test_a_dataset_without_a_key_is_split_by_a_column(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("d", pa.table({"a": list(range(100)), "b": [None] * 50 + ["x"] * 50}))
        with pytest.raises(UsageError, match="--by COLUMN"):
            set_split(tx, "d", INTO)
        set_split(tx, "d", {"one": 0.5, "two": 0.5}, by="a")
    assert len(repo["d"].split("one")) + len(repo["d"].split("two")) == 100
    with repo.transaction("nulls stay together") as tx:
        set_split(tx, "d", {"one": 0.5, "two": 0.5}, by="b")
    assert {len(repo["d"].split("one")), len(repo["d"].split("two"))} <= {0, 50, 100}
    with pytest.raises(NotFound, match="one"):
        repo["d"].split("ones")


def test_an_empty_dataset_has_empty_parts(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("d", pa.table({"id": pa.array([], pa.int64())}), key="id")
        set_split(tx, "d", INTO)
    assert [part.share for part in repo["d"].measure_split()] == [0.0, 0.0, 0.0]
    assert repo["d"].split("test").to_arrow().num_rows == 0
