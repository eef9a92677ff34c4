"""Values: what is kept comes back, and its name is that of its content."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import CorruptObject, UsageError
from headwater.pipelines.values import Kept, Pieces, as_table, converted, name_of, save_value
from headwater.versions.repo import Repo

PLAIN = [None, True, 3, 2.5, "text", [1, "a", None], {"a": [1, 2], "b": {"c": None}}, b"\x00bytes"]


@pytest.fixture
def repo() -> Repo:
    return Repo.init("memory://")


def kept(repo: Repo, value: Any) -> Any:
    one = save_value(value, repo.cache, "values", step="s")
    one.memory.clear()
    return one.load()


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_come_back(repo: Repo, value: Any) -> None:
    assert kept(repo, value) == value


def test_numbers_of_numpy_tuples_and_arrays_come_back_plain(repo: Repo) -> None:
    assert kept(repo, {"a": np.float64(0.5), "b": (np.int64(1), 2)}) == {"a": 0.5, "b": [1, 2]}
    np.testing.assert_array_equal(kept(repo, np.arange(6.0).reshape(2, 3)), np.arange(6.0).reshape(2, 3))


def test_tables_and_frames_come_back_as_tables(repo: Repo) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    table = pa.table({"x": [1, 2, None], "s": ["a", "b", "c"]})
    assert kept(repo, table).equals(table)
    assert kept(repo, pandas.DataFrame({"x": [1, 2]}))["x"].to_pylist() == [1, 2]
    assert kept(repo, polars.DataFrame({"x": [1, 2]}).lazy())["x"].to_pylist() == [1, 2]
    assert isinstance(converted(table, pandas.DataFrame), pandas.DataFrame)
    assert isinstance(converted(table, polars.DataFrame), polars.DataFrame)
    assert as_table(3) is None


@pytest.mark.parametrize(
    "value",
    [object(), {1: "a"}, {"f": lambda: 0}, np.array([object()]), {1, 2}],
    ids=["object", "key", "function", "objects", "set"],
)
def test_what_cannot_be_kept_is_refused(repo: Repo, value: Any) -> None:
    with pytest.raises(UsageError, match="Step 's' gave"):
        save_value(value, repo.cache, "values", step="s")


def test_the_name_is_that_of_the_content(repo: Repo) -> None:
    table = pa.table({"x": [1, 2, 3]})
    assert name_of(table) == name_of(pa.concat_tables([table.slice(0, 1), table.slice(1)]))
    assert name_of(table) != name_of(table.take(pa.array([1, 0, 2])))
    assert name_of(table) != name_of(table.rename_columns(["y"]))
    names = {save_value(value, repo.cache, "values", step="s").name for value in PLAIN}
    assert len(names) == len(PLAIN)


def test_a_value_that_is_gone_is_told() -> None:
    with pytest.raises(CorruptObject, match="Run the pipeline again"):
        Kept("abc", "json", lambda: None).load()


def test_pieces_of_a_dataset_keep_their_names_when_other_rows_change(repo: Repo) -> None:
    with repo.transaction("one") as tx:
        tx.append("d", pa.table({"id": range(10), "x": range(10)}), key="id")
    before = Pieces.of_dataset(repo["d"])
    with repo.transaction("two") as tx:
        tx.upsert("d", pa.table({"id": [3], "x": [33]}))
    after = Pieces.of_dataset(repo["d"])
    assert before.name != after.name
    assert before.pieces[0].identity() == after.pieces[0].identity()
    assert after.pieces[0].live().tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert after.rows == 10
    assert sorted(after.reader().read_all()["x"].to_pylist()) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 33]


def test_a_table_in_pieces_is_the_same_table() -> None:
    table = pa.table({"x": np.arange(300_000)})
    found = Pieces.of_table(table)
    assert len(found.pieces) == 3
    assert found.load().equals(table)
    assert found.pieces[2].read(("x",)).num_rows == found.pieces[2].rows == 37_856
