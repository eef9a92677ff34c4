"""Diffs: exactly the rows and cells that differ, however the two versions came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.ids import canonical_json
from headwater.engine.local import LocalExecutor
from headwater.store.chunk import read_chunk
from headwater.store.lookup import locate
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop
from headwater.versions.columns import add_columns, drop_columns, rename_columns, set_types
from headwater.versions.compact import compact
from headwater.versions.diff import Diff, as_text, row_changes
from headwater.versions.edit import append, delete_places, overwrite, upsert
from headwater.versions.incoming import incoming
from tests.contents import manifest_rows, multiset
from tests.places import Fresh
from tests.strategies import keyed_tables, tables

Weaken = Callable[[int], None]


def workshop(fresh: Fresh) -> Workshop:
    return Workshop(Objects(Storage(fresh())), LocalExecutor(1))


def made(data: Any, shop: Workshop, *key: str, chunk: int = 1 << 17) -> Manifest:
    manifest = Manifest(schema=pa.schema([]), key=key)
    table = incoming(data).table()
    for start in range(0, max(table.num_rows, 1), chunk):
        manifest = append(manifest, incoming(table.slice(start, chunk)), shop, name="d")[0]
    return manifest


def diff(old: Manifest | None, new: Manifest | None, shop: Workshop) -> Diff:
    return Diff("d", old, new, shop.objects, LocalExecutor(2))


def test_cells_are_those_of_a_plain_comparison_when_each_row_differs_elsewhere(fresh: Fresh) -> None:
    rng = np.random.default_rng(0)
    names = [f"c{number}" for number in range(5)]
    shop = workshop(fresh)
    base = pa.table({"id": np.arange(400), **{name: rng.integers(0, 9, 400) for name in names}})
    old = made(base, shop, "id", chunk=50)
    values = {name: np.asarray(base.column(name)).copy() for name in names}
    # Column c0 differs in many rows, c1 in a few of the others, c2 in one, c3 in one more of the first; c4 nowhere.
    changed = {"c0": range(0, 400, 3), "c1": range(1, 400, 90), "c2": [398], "c3": [0]}
    for name, rows in changed.items():
        values[name][list(rows)] += 100
    after = pa.table({"id": np.arange(400), **values})
    expected = sorted(
        (row, name, str(a), str(b))
        for name in names
        for row, (a, b) in enumerate(
            zip(base.column(name).to_pylist(), after.column(name).to_pylist(), strict=True)
        )
        if a != b
    )
    for new in (upsert(old, incoming(after), shop, name="d"), made(after, shop, "id", chunk=70)):
        cells = diff(old, new, shop).cells()
        found = zip(*(cells.column(name).to_pylist() for name in cells.schema.names), strict=True)
        assert sorted(found) == expected
        assert cells.column("_column").unique().to_pylist() == ["c0", "c1", "c2", "c3"]
        assert diff(old, new, shop).cells(3).num_rows <= 3 * 5


def apply(old: pa.Table, changes: Diff) -> Counter[str]:
    """Return what the old rows become by the rows of a diff."""
    rows = changes.rows()
    kinds = np.asarray(rows.column("_change"))
    rows = rows.drop("_change").select(old.schema.names)
    gone = multiset(rows.filter(pa.array(np.isin(kinds, ["removed", "before"]))))
    come = multiset(rows.filter(pa.array(np.isin(kinds, ["added", "after"]))))
    before = multiset(old)
    assert gone <= before
    return before - gone + come


@given(keyed_tables(key_columns=2, max_rows=8), st.data())
def test_a_diff_applied_to_the_old_rows_gives_the_new(
    fresh: Fresh, table: pa.Table, data: st.DataObject
) -> None:
    shop, key = workshop(fresh), ["k0", "k1"]
    draw = st.lists(st.integers(0, max(table.num_rows - 1, 0)), unique=True, max_size=table.num_rows)
    picked = pa.array(data.draw(draw), pa.int64())
    mixed = pa.array(data.draw(st.permutations(picked.to_pylist())), pa.int64())
    columns = [*(c.take(picked) for c in table.columns[:2]), *(c.take(mixed) for c in table.columns[2:])]
    new_table = pa.table(columns, schema=table.schema)
    old = made(table, shop, *key, chunk=3)
    for new in (
        made(new_table, shop, *key),
        overwrite(old, incoming(new_table), shop, name="d")[0],
        compact(overwrite(old, incoming(new_table), shop, name="d")[0], shop),
    ):
        changes = diff(old, new, shop)
        assert apply(table, changes) == multiset(new_table)
        assert apply(new_table, diff(new, old, shop)) == multiset(table)
        stat = changes.stat()
        assert (
            stat["rows_before"] + stat["added"] - stat["removed"] == stat["rows_after"] == new_table.num_rows
        )
        assert stat["unchanged"] == (multiset(table) & multiset(new_table)).total()
        assert bool(changes) is (multiset(table) != multiset(new_table))
        keys = {repr(row) for row in table.select(key).to_pylist()}
        new_keys = {repr(row) for row in new_table.select(key).to_pylist()}
        assert (stat["added"], stat["removed"]) == (len(new_keys - keys), len(keys - new_keys))


@given(tables(max_rows=6, max_columns=2), st.data())
def test_without_a_key_equal_rows_are_counted(fresh: Fresh, table: pa.Table, data: st.DataObject) -> None:
    shop = workshop(fresh)
    index = st.lists(st.integers(0, max(table.num_rows - 1, 0)), max_size=2 * table.num_rows)
    one, other = (table.take(pa.array(data.draw(index), pa.int64())) for _ in range(2))
    changes = diff(made(one, shop, chunk=2), made(other, shop, chunk=3), shop)
    assert apply(one, changes) == multiset(other)
    assert changes.stat()["changed"] == 0
    assert changes.stat()["unchanged"] == (multiset(one) & multiset(other)).total()


def test_equal_versions_do_not_differ(shop: Workshop) -> None:
    data = {"k": [1, 2], "v": [0.0, float("nan")]}
    old = made(data, shop, "k")
    for new in (old, made({"k": [2, 1], "v": [float("nan"), -0.0]}, shop, "k", chunk=1)):
        changes = diff(old, new, shop)
        assert not changes
        assert changes.stat()["same"] is True
        assert changes.rows().num_rows == changes.cells().num_rows == 0


def test_a_dataset_that_came_or_went_is_all_added_or_removed(shop: Workshop) -> None:
    there = made({"k": [1, 2]}, shop, "k")
    assert diff(None, there, shop).stat()["added"] == 2
    assert diff(there, None, shop).stat()["removed"] == 2
    assert diff(None, made({"k": []}, shop), shop)


def test_cells_say_what_was_and_what_is(shop: Workshop) -> None:
    old = made({"k": [1, 2, 3], "v": ["a", "b", None], "n": [1.5, 2.0, 3.0], "t": [[1], [2], [3]]}, shop, "k")
    new = upsert(old, incoming([{"k": 1, "v": "A"}, {"k": 3, "v": "c"}]), shop, name="d")
    new = upsert(new, incoming([{"k": 2, "n": None, "t": [2, 2]}, {"k": 9, "n": 0.0}]), shop, name="d")
    assert diff(old, new, shop).cells().sort_by(
        [("k", "ascending"), ("_column", "ascending")]
    ).to_pylist() == [
        {"k": 1, "_column": "v", "_before": "a", "_after": "A"},
        {"k": 2, "_column": "n", "_before": "2", "_after": None},
        {"k": 2, "_column": "t", "_before": "[2]", "_after": "[2, 2]"},
        {"k": 3, "_column": "v", "_before": None, "_after": "c"},
    ]


def test_rows_stand_in_pairs_and_can_be_limited(shop: Workshop) -> None:
    old = made({"k": [1, 2, 3, 4], "v": [1, 2, 3, 4]}, shop, "k")
    new = made({"k": [2, 3, 4, 5, 6], "v": [2, 0, 0, 5, 6]}, shop, "k")
    changes = diff(old, new, shop)
    assert [(row["_change"], row["k"], row["v"]) for row in changes.rows().to_pylist()] == [
        ("removed", 1, 1),
        ("added", 5, 5),
        ("added", 6, 6),
        ("before", 3, 3),
        ("after", 3, 0),
        ("before", 4, 4),
        ("after", 4, 0),
    ]
    assert changes.rows(1).column("_change").to_pylist() == ["removed", "added", "before", "after"]
    assert changes.cells(1).num_rows == 1
    assert repr(changes) == "Diff('d': 2 added, 1 removed, 2 changed, 1 unchanged)"


def test_columns_that_came_or_went_are_told_apart_from_changed_rows(shop: Workshop) -> None:
    old = made({"k": [1, 2], "v": ["a", "b"], "gone": [1, 2]}, shop, "k")
    new = add_columns(drop_columns(old, ["gone"], shop), incoming({"k": [1], "new": [True]}), shop, name="d")
    new = upsert(new, incoming([{"k": 2, "v": "B"}]), shop, name="d")
    changes = diff(old, new, shop)
    stat = changes.stat()
    assert (stat["added"], stat["removed"], stat["changed"]) == (0, 0, 1)
    assert stat["columns"] == {"added": ["new: bool"], "dropped": ["gone: int64"], "retyped": []}
    assert changes.rows().schema.names == ["_change", "k", "v", "new", "gone"]
    assert changes.cells().to_pylist() == [{"k": 2, "_column": "v", "_before": "b", "_after": "B"}]


def test_a_renamed_column_is_one_gone_and_one_new(shop: Workshop) -> None:
    old = made({"k": [1], "a": [1]}, shop, "k")
    stat = diff(old, rename_columns(old, {"a": "b"}, shop), shop).stat()
    assert (stat["changed"], stat["same"]) == (0, False)
    assert stat["columns"]["added"] == ["b: int64"]


def test_after_a_change_of_type_only_other_values_differ(shop: Workshop) -> None:
    old = made(pa.table({"k": pa.array([1, 2], pa.int32()), "v": pa.array([1, 2], pa.int8())}), shop, "k")
    wide = set_types(old, pa.schema([("k", pa.int64()), ("v", pa.float64())]), shop)
    assert diff(old, wide, shop).stat()["changed"] == 0
    text = set_types(wide, pa.schema([("k", pa.int64()), ("v", pa.string())]), shop)
    text = upsert(text, incoming([{"k": 2, "v": "two"}]), shop, name="d")
    changes = diff(old, text, shop)
    assert changes.stat()["columns"]["retyped"] == ["k: int32 → int64", "v: int8 → string"]
    assert changes.stat()["changed"] == 1
    assert {row["_change"]: row["v"] for row in changes.rows().to_pylist()} == {"before": "2", "after": "two"}
    back = diff(text, old, shop)
    assert back.stat()["changed"] == 2 or back.stat()["changed"] == 1
    assert back.rows().num_rows == 2 * back.stat()["changed"]


def test_another_key_is_another_dataset(shop: Workshop) -> None:
    data = {"a": [1, 2], "b": [3, 4]}
    changes = diff(made(data, shop, "a"), made({"a": [1, 2], "b": [3, 5]}, shop, "b"), shop)
    assert {name: changes.stat()[name] for name in ("added", "removed", "changed", "unchanged")} == {
        "added": 1,
        "removed": 1,
        "changed": 0,
        "unchanged": 1,
    }


@pytest.mark.parametrize("bits", [0, 1])
def test_a_diff_is_right_when_hashes_of_keys_collide(weak_hashes: Weaken, shop: Workshop, bits: int) -> None:
    weak_hashes(bits)
    old = made({"k": [1, 2, 3, 4, 5], "v": list("abcde")}, shop, "k", chunk=2)
    new = made({"k": [9, 5, 4, 3, 1], "v": list("xEDcA")}, shop, "k", chunk=3)
    changes = diff(old, new, shop)
    found = {
        kind: [row["k"] for row in changes.rows().to_pylist() if row["_change"] == kind] for kind in KINDS
    }
    assert found == {"removed": [2], "added": [9], "before": [1, 4, 5], "after": [1, 4, 5]}


KINDS = ("removed", "added", "before", "after")


def test_only_rows_that_differ_are_read(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    old = made({"k": list(range(100)), "v": [0] * 100}, shop, "k", chunk=10)
    new = upsert(old, incoming([{"k": 55, "v": 1}]), shop, name="d")
    new = delete_places(new, locate(new, pa.table({"k": [12]}), shop.objects), shop)
    read: list[int] = []

    def counting(chunk: Any, *arguments: Any, rows: Any = None, **options: Any) -> pa.Table:
        assert rows is not None
        read.append(len(rows))
        return read_chunk(chunk, *arguments, rows=rows, **options)

    monkeypatch.setattr("headwater.store.lookup.read_chunk", counting)
    changes = row_changes(old, new, shop.objects)
    assert (len(changes.before), len(changes.removed), len(changes.added)) == (1, 1, 0)
    assert sum(read) <= 4
    assert new.rows == 99


def test_a_diff_can_be_said_in_json(shop: Workshop) -> None:
    values = {"t": pa.array([0], pa.timestamp("ns")), "b": [b"\xff"], "f": [float("nan")], "l": [[1]]}
    old = made(pa.table({"k": [1], **values}), shop, "k")
    new = made(pa.table({"k": [2], **values}), shop, "k")
    found = diff(old, new, shop).to_dict()
    canonical_json(found)
    assert found["rows"][0]["b"] == "<1 bytes ff>"


def test_values_read_as_text() -> None:
    table = pa.table({"x": pa.chunked_array([pa.array([1, None]), pa.array([2])])})
    assert as_text(table.column("x")).to_pylist() == ["1", None, "2"]
    assert as_text(pa.array([{"a": 1}, None])).to_pylist() == ["{'a': 1}", None]
    assert as_text(pa.chunked_array([], pa.binary())).to_pylist() == []
    assert as_text(pa.nulls(1)).to_pylist() == [None]


def test_the_rows_of_a_manifest_are_what_its_diff_from_nothing_adds(shop: Workshop) -> None:
    new = made({"k": [1, 2], "v": [None, "x"]}, shop, "k")
    added = diff(None, new, shop).rows().drop("_change")
    assert multiset(added) == multiset(manifest_rows(new, shop.objects))
