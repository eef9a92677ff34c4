"""Held-out rows: the same keys in every version, and nothing made from a held-out row is trained on."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.reading.dataset import Dataset
from headwater.reading.splits import key_hashes
from headwater.recipes.split import fold_of, split
from headwater.versions.repo import Repo


def made(rows: pa.Table, key: str | None = "id") -> Dataset:
    """Return a dataset with these rows."""
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", rows, key=key)
    return repo["data"]


def test_share_is_held_out_and_rows_split_in_two() -> None:
    dataset = made(pa.table({"id": np.arange(20_000), "v": np.arange(20_000)}))
    parts = split(dataset, dataset.to_arrow(), holdout=0.25)
    assert parts.test.mean() == pytest.approx(0.25, abs=0.01)
    assert (parts.train ^ parts.test).all()


def test_same_keys_are_held_out_whatever_the_order_the_other_rows_and_the_values() -> None:
    first = made(pa.table({"id": np.arange(1000), "v": np.zeros(1000)}))
    second = made(pa.table({"id": np.arange(1500)[::-1], "v": np.ones(1500)}))
    held = [
        set(np.asarray(dataset.to_arrow().column("id"))[split(dataset, dataset.to_arrow()).test])
        for dataset in (first, second)
    ]
    assert held[0] == {key for key in held[1] if key < 1000}


def test_augmented_rows_are_not_held_out_and_follow_their_source() -> None:
    keys = np.arange(400)
    sources = [None] * 200 + [json.dumps(int(key)) for key in range(200)]
    dataset = made(pa.table({"id": keys, "_augmented_from": pa.array(sources, pa.string())}))
    table = dataset.to_arrow()
    parts = split(dataset, table, holdout=0.5)
    held = set(np.asarray(table.column("id"))[parts.test])
    trained = set(np.asarray(table.column("id"))[parts.train])
    assert len(held) > 0
    assert max(held) < 200
    assert all((source in held) != (source + 200 in trained) for source in range(200))


def test_without_a_key_rows_are_split_by_content() -> None:
    dataset = made(pa.table({"v": np.arange(2000)}), key=None)
    assert split(dataset, dataset.to_arrow()).test.mean() == pytest.approx(0.25, abs=0.05)


def test_folds_are_even() -> None:
    dataset = made(pa.table({"id": np.arange(10_000)}))
    counts = np.bincount(fold_of(key_hashes(dataset, dataset.to_arrow()), 5))
    assert len(counts) == 5
    assert counts.min() > 1800


@pytest.mark.parametrize("holdout", [0.0, 1.0, -1.0])
def test_shares_that_hold_out_nothing_or_all_are_refused(holdout: float) -> None:
    dataset = made(pa.table({"id": [1]}))
    with pytest.raises(UsageError):
        split(dataset, dataset.to_arrow(), holdout=holdout)


@pytest.mark.parametrize("key", [["id", "part"], "name", None])
def test_sources_are_found_by_keys_of_every_form(key: str | list[str] | None) -> None:
    count = 300
    rows = pa.table(
        {
            "id": np.arange(count) // 3,
            "part": np.arange(count) % 3,
            "name": [f"é{place}" for place in range(count)],
        }
    )
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", rows, key=key)
    first = repo["data"]
    copies = first.to_arrow().append_column("_augmented_from", pa.array(first.keys_of(first.to_arrow())))
    copies = copies.set_column(1, "part", pa.array(np.arange(count) % 3 + 10))
    copies = copies.set_column(2, "name", pa.array([f"copy {place}" for place in range(count)]))
    with repo.transaction("augment") as tx:
        tx.append("data", copies)
    table = repo["data"].to_arrow()
    parts = split(repo["data"], table, holdout=0.4)
    made = np.asarray(table.column("_augmented_from").is_valid())
    order = np.argsort(np.asarray(table.column("id")) * 20 + np.asarray(table.column("part")) % 10)
    held = {"real": parts.test[order][~made[order]], "made": ~parts.train[order][made[order]]}
    assert made.sum() == count
    np.testing.assert_array_equal(held["real"], held["made"])
    assert not parts.test[made].any()
    assert 0.25 < parts.test[~made].mean() < 0.55


def test_without_a_key_named_columns_decide_so_that_a_new_column_changes_nothing() -> None:
    rows = pa.table({"a": np.arange(500)})
    wider = rows.append_column("b", pa.array(np.arange(500)))
    held = [split(made(table, key=None), table, columns=["a"]).test for table in (rows, wider)]
    np.testing.assert_array_equal(held[0], held[1])
