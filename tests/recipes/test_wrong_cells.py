"""Wrong cells of a dataset: the same however it is cut into chunks, kept by content, surer with confirmed rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.engine.local import LocalExecutor
from headwater.recipes.wrong_cells import KEY, WRONG_CELLS, WrongCells, judged_columns
from headwater.versions.repo import Repo


def shops(rows: int = 300, seed: int = 3, start: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 6, rows)
    towns = np.array(["Salem", "Boston", "Lynnfield", "Quincy", "Newton", "Malden"], object)[shop]
    towns[5], towns[7] = towns[5][1:], None
    return pa.table(
        {
            "id": np.arange(start, start + rows),
            "shop": [f"S-{n:03}" for n in shop],
            "town": pa.array(towns, pa.string()),
            "size": pa.array(rng.normal(50, 5, rows)),
            "tags": pa.array([[1]] * rows),
        }
    )


def repo_of(*parts: pa.Table, key: str | None = "id") -> Repo:
    repo = Repo.init("memory://")
    for number, part in enumerate(parts):
        with repo.transaction(f"part {number}") as tx:
            tx.append("shops", part, key=key)
    return repo


def search(repo: Repo, **options: Any) -> WrongCells:
    return WrongCells(dataset=repo["shops"], cache=repo.cache, executor=LocalExecutor(1), **options)


def cells(table: pa.Table) -> set[tuple[str, str]]:
    return set(zip(table["key"].to_pylist(), table["column"].to_pylist(), strict=True))


def test_every_wrong_cell_is_told_with_key_reason_and_suggestion() -> None:
    found = search(repo_of(shops())).table()
    assert found.schema == WRONG_CELLS
    assert cells(found) == {("5", "town"), ("7", "town")}
    first, second = found.to_pylist()
    assert first["value"] == first["suggestion"][1:]
    assert second["value"] is None
    assert second["reason"] == "dependency"
    assert 0.5 < second["confidence"] <= second["chance"] <= 1


@pytest.mark.parametrize("key", ["id", None])
def test_chunks_and_their_order_make_no_difference(key: str | None) -> None:
    table = shops()
    whole = search(repo_of(table, key=key)).table()
    cut = search(repo_of(table.slice(200), table.slice(0, 90), table.slice(90, 110), key=key)).table()
    assert cells(whole) == cells(cut)
    assert sorted(whole["chance"].to_pylist()) == sorted(cut["chance"].to_pylist())


def test_rows_are_numbered_as_the_dataset_is_read() -> None:
    repo = repo_of(shops(100, 3), shops(200, 4, 100))
    found = search(repo).table()
    rows = repo["shops"].to_arrow(["id"])
    assert rows.take(found["row"])["id"].cast(pa.string()).to_pylist() == found["key"].to_pylist()


def test_an_appended_chunk_is_all_that_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    repo = repo_of(*(shops(100, seed, 100 * seed) for seed in range(4)))
    small = {"rows": 250}
    before = search(repo, **small).table()
    judged: list[int] = []
    judge = WrongCells._judge

    def counting(self: WrongCells, chunk: Any, *rest: Any) -> pa.Table:
        judged.append(chunk.live_rows)
        return judge(self, chunk, *rest)

    monkeypatch.setattr(WrongCells, "_judge", counting)
    with repo.transaction("more") as tx:
        tx.append("shops", shops(60, 9, 900))
    after = search(repo, **small).table()
    assert judged == [60]
    assert cells(before) <= cells(after)
    judged.clear()
    assert search(repo, **small).table() == after
    assert judged == []


def test_a_sample_teaches_enough() -> None:
    repo = repo_of(shops(2_000))
    assert {("5", "town"), ("7", "town")} <= cells(search(repo, rows=400).table())


def test_columns_that_are_not_asked_for_still_help() -> None:
    repo = repo_of(shops())
    assert cells(search(repo, columns=("town",)).table()) == {("5", "town"), ("7", "town")}
    assert search(repo, columns=("size",)).table().num_rows == 0


def test_columns_that_cannot_be_judged_are_refused() -> None:
    repo = repo_of(shops())
    assert judged_columns(repo["shops"]) == ("shop", "town", "size")
    with pytest.raises(NotFound):
        search(repo, columns=("twon",)).table()
    for name in ("id", "tags"):
        with pytest.raises(UsageError, match="cannot be judged"):
            search(repo, columns=(name,)).table()


def test_confirmed_rows_are_believed_and_learnt_from() -> None:
    repo = repo_of(shops())
    right = pa.table(
        {KEY: ["5", "20"], "town": [shops()["town"][5].as_py(), "Elsewhere"], "shop": ["S-999", None]}
    )
    found = {(row["key"], row["column"]): row for row in search(repo, confirmed=right).table().to_pylist()}
    assert ("5", "town") not in found
    assert found["20", "town"]["suggestion"] == "Elsewhere"
    assert found["20", "town"]["confidence"] == 1
    assert found["5", "shop"]["reason"] == "confirmed"
    assert found["20", "shop"]["suggestion"] == ""
    gone = pa.table({KEY: ["77777"], "town": ["x"]})
    assert cells(search(repo, confirmed=gone).table()) == {("5", "town"), ("7", "town")}
    with pytest.raises(NotFound, match="_key"):
        search(repo, confirmed=pa.table({"id": ["5"]})).table()


def test_the_most_useful_rows_are_asked_for_once() -> None:
    repo = repo_of(shops())
    first = search(repo).ask(6)
    assert first.column_names == [KEY, "shop", "town", "size"]
    assert {"5", "7"} & set(first[KEY].to_pylist())
    assert first.schema.field("size").type == pa.string()
    again = search(repo, confirmed=first).ask(3)
    assert not set(first[KEY].to_pylist()) & set(again[KEY].to_pylist())


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows_are_no_trouble(rows: int) -> None:
    repo = repo_of(pa.table({"id": [1], "a": ["x"]}).slice(0, rows))
    assert search(repo).table().num_rows == 0
    assert search(repo).ask(5).num_rows == rows


def test_nothing_to_judge_is_no_trouble() -> None:
    repo = repo_of(pa.table({"id": [1, 2], "l": [[1], [2]]}))
    assert search(repo).table().num_rows == 0
    assert search(repo).ask(5).num_rows == 0


def read(path: Path) -> pa.Table:
    names = pa.csv.open_csv(path).schema.names
    options = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return pa.csv.read_csv(path, convert_options=options)


@pytest.mark.parametrize(("name", "least"), [("raha_hospital", 0.98), ("raha_beers", 0.99)])
def test_with_twenty_confirmed_rows_nearly_all_published_errors_are_found(
    shared: Path, name: str, least: float
) -> None:
    dirty, clean = (read(shared / name / f"{kind}.csv.gz") for kind in ("dirty", "clean"))
    clean = clean.rename_columns(dirty.column_names)
    repo = Repo.init("memory://")
    with repo.transaction("dirty") as tx:
        tx.append("shops", dirty, key="index")
    asked = search(repo).ask(20)
    oracle = {f'"{row["index"]}"': row for row in clean.to_pylist()}
    rows = [oracle[key] for key in asked[KEY].to_pylist()]
    answers = {column: [row[column] for row in rows] for column in asked.column_names[1:]}
    found = search(repo, confirmed=pa.table({KEY: asked[KEY], **answers})).table()
    wrong = {
        (key, column)
        for key, was in ((f'"{row["index"]}"', row) for row in dirty.to_pylist())
        for column in was
        if was[column] != oracle[key][column]
    }
    hits = len(wrong & cells(found))
    assert 2 * hits / (len(wrong) + found.num_rows) >= least
