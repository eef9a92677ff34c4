"""Three-way merges: what either side did is done, and what both did differently is a conflict, never a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.contract import Contract
from headwater.core.errors import MergeConflict
from headwater.engine.local import LocalExecutor
from headwater.store.lookup import locate
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop
from headwater.versions.columns import add_columns, drop_columns, rename_columns, set_types
from headwater.versions.documents import named
from headwater.versions.edit import append, delete_places, overwrite, upsert
from headwater.versions.incoming import incoming
from headwater.versions.merge import CONFLICTS, Merged, among, merge_manifests, same
from tests.contents import assert_sound, manifest_rows, multiset
from tests.places import Fresh, weaken

Weaken = Callable[[int], None]
Row = dict[str, Any]
Model = dict[int, Row]


def made(data: Any, shop: Workshop, *key: str) -> Manifest:
    return append(Manifest(schema=pa.schema([]), key=key), incoming(data), shop, name="d")[0]


def plus(manifest: Manifest, data: Any, shop: Workshop) -> Manifest:
    if manifest.key:
        return upsert(manifest, incoming(data), shop, name="d")
    return append(manifest, incoming(data), shop, name="d")[0]


def minus(manifest: Manifest, keys: list[int], shop: Workshop) -> Manifest:
    places = locate(manifest, pa.table({manifest.key[0]: pa.array(keys, pa.int64())}), shop.objects)
    return delete_places(manifest, places[places.found], shop)


def merge(
    base: Manifest | None, ours: Manifest | None, theirs: Manifest | None, shop: Workshop, **options: Any
) -> Merged:
    merged = merge_manifests("d", base, ours, theirs, shop, **options)
    if merged.manifest is not None and not merged.conflicts.num_rows:
        assert_sound(merged.manifest, shop.objects)
    return merged


def content(merged: Merged, shop: Workshop) -> dict[Any, Row]:
    assert merged.conflicts.num_rows == 0, merged.conflicts.to_pylist()
    assert merged.manifest is not None
    return {row["k"]: row for row in manifest_rows(merged.manifest, shop.objects).to_pylist()}


@pytest.fixture
def base(shop: Workshop) -> Manifest:
    return made([{"k": k, "a": f"a{k}", "b": k * 10} for k in range(1, 6)], shop, "k")


# Rows and cells


def test_changes_of_different_rows_go_together(base: Manifest, shop: Workshop) -> None:
    ours = minus(plus(base, [{"k": 1, "a": "A"}, {"k": 7, "a": "new"}], shop), [2], shop)
    theirs = minus(plus(base, [{"k": 3, "b": 0}, {"k": 8, "b": 1}], shop), [5], shop)
    found = content(merge(base, ours, theirs, shop), shop)
    assert found == {
        1: {"k": 1, "a": "A", "b": 10},
        3: {"k": 3, "a": "a3", "b": 0},
        4: {"k": 4, "a": "a4", "b": 40},
        7: {"k": 7, "a": "new", "b": None},
        8: {"k": 8, "a": None, "b": 1},
    }


def test_changes_of_different_cells_of_a_row_go_together_unless_rows_are_the_unit(
    base: Manifest, shop: Workshop
) -> None:
    ours, theirs = plus(base, [{"k": 1, "a": "A"}], shop), plus(base, [{"k": 1, "b": 0}], shop)
    assert content(merge(base, ours, theirs, shop), shop)[1] == {"k": 1, "a": "A", "b": 0}
    by_rows = merge(base, ours, theirs, shop, level="rows").conflicts
    assert set(by_rows.column("column").to_pylist()) == {"a", "b"}


def test_the_same_change_on_both_sides_is_no_conflict(base: Manifest, shop: Workshop) -> None:
    change: list[Row] = [{"k": 1, "a": "A"}, {"k": 9, "a": None, "b": 3}]
    ours, theirs = plus(base, change, shop), plus(plus(base, [{"k": 1, "a": "?"}], shop), change, shop)
    ours, theirs = minus(ours, [2], shop), minus(theirs, [2, 3], shop)
    for level in ("cells", "rows"):
        merged = merge(base, ours, theirs, shop, level=level)
        assert content(merged, shop).keys() == {1, 4, 5, 9}


def test_a_cell_that_both_changed_differently_is_a_conflict(base: Manifest, shop: Workshop) -> None:
    ours, theirs = (
        plus(base, [{"k": 1, "a": "A", "b": 0}], shop),
        plus(base, [{"k": 1, "a": None, "b": 0}], shop),
    )
    merged = merge(base, ours, theirs, shop)
    assert merged.conflicts.schema == CONFLICTS
    assert merged.conflicts.to_pylist() == [
        {"dataset": "d", "key": "1", "column": "a", "base": "a1", "ours": "A", "theirs": None}
    ]
    assert content(merge(base, ours, theirs, shop, resolve="ours"), shop)[1]["a"] == "A"
    assert content(merge(base, ours, theirs, shop, resolve="theirs"), shop)[1]["a"] is None


def test_a_row_that_one_side_deleted_and_the_other_changed_is_a_conflict(
    base: Manifest, shop: Workshop
) -> None:
    gone, changed = minus(base, [1], shop), plus(base, [{"k": 1, "a": "A"}], shop)
    for ours, theirs, words in (
        (gone, changed, ("deleted", "changed")),
        (changed, gone, ("changed", "deleted")),
    ):
        (row,) = merge(base, ours, theirs, shop).conflicts.to_pylist()
        assert (row["key"], row["column"], row["ours"], row["theirs"]) == ("1", None, *words)
        for side, kept in (("ours", ours), ("theirs", theirs)):
            found = content(merge(base, ours, theirs, shop, resolve=side), shop)
            assert (1 in found) is (kept is changed)
            if kept is changed:
                assert found[1] == {"k": 1, "a": "A", "b": 10}


def test_rows_of_a_new_key_on_both_sides_are_merged_by_cell(base: Manifest, shop: Workshop) -> None:
    ours, theirs = plus(base, [{"k": 9, "a": "x"}], shop), plus(base, [{"k": 9, "b": 1}], shop)
    assert content(merge(base, ours, theirs, shop), shop)[9] == {"k": 9, "a": "x", "b": 1}
    assert merge(base, ours, plus(base, [{"k": 9, "a": "y"}], shop), shop).conflicts.num_rows == 1


CELL = st.none() | st.integers(0, 2)
MODELS = st.dictionaries(st.integers(0, 5), st.fixed_dictionaries({"a": CELL, "b": CELL}), max_size=5)


def manifest_of(model: Model, base: Manifest, shop: Workshop) -> Manifest:
    rows = [{"k": key, **row} for key, row in model.items()]
    return overwrite(base, incoming(pa.Table.from_pylist(rows, SCHEMA)), shop, name="d")[0]


SCHEMA = pa.schema([("k", pa.int64()), ("a", pa.int64()), ("b", pa.int64())])


def expected(base: Model, ours: Model, theirs: Model) -> tuple[Model, set[tuple[int, str | None]]]:
    """Merge plain dicts by cell; return the result and the cells in conflict."""
    result: Model = {}
    conflicts: set[tuple[int, str | None]] = set()
    for key in base.keys() | ours.keys() | theirs.keys():
        b, o, t = base.get(key), ours.get(key), theirs.get(key)
        if o == t or b == t:
            chosen = o
        elif b == o:
            chosen = t
        elif o is None or t is None:
            conflicts.add((key, None))
            continue
        else:
            before = b or {"a": None, "b": None}
            chosen = {}
            for name in ("a", "b"):
                if o[name] == t[name] or before[name] == t[name]:
                    chosen[name] = o[name]
                elif before[name] == o[name]:
                    chosen[name] = t[name]
                else:
                    conflicts.add((key, name))
        if chosen is not None:
            result[key] = chosen
    return result, conflicts


@given(MODELS, MODELS, MODELS, st.sampled_from([64, 1, 0]))
def test_any_merge_is_that_of_plain_dicts_and_symmetric(
    fresh: Fresh, base: Model, ours: Model, theirs: Model, bits: int
) -> None:
    shop = Workshop(Objects(Storage(fresh())), LocalExecutor(1))
    with pytest.MonkeyPatch.context() as patch:
        weaken(patch, bits)
        start = made(SCHEMA.empty_table(), shop, "k")
        b = manifest_of(base, start, shop)
        o, t = manifest_of(ours, b, shop), manifest_of(theirs, b, shop)
        merged, mirrored = (merge_manifests("d", b, x, y, shop) for x, y in ((o, t), (t, o)))
        result, conflicts = expected(base, ours, theirs)
        for found, sides in ((merged, ("ours", "theirs")), (mirrored, ("theirs", "ours"))):
            rows = found.conflicts.to_pylist()
            assert {(int(row["key"]), row["column"]) for row in rows} == conflicts
            assert len(rows) == len(conflicts)
            for row in rows:
                if row["column"]:
                    cell = ours[int(row["key"])][row["column"]]
                    assert row[sides[0]] == (None if cell is None else str(cell))
        if not conflicts:
            for found in (merged, mirrored):
                assert found.manifest is not None
                rows = manifest_rows(found.manifest, shop.objects).to_pylist()
                assert {row.pop("k"): row for row in rows} == result
        for side in ("ours", "theirs"):
            resolved = merge_manifests("d", b, o, t, shop, resolve=side)
            assert resolved.conflicts.num_rows == 0
            assert resolved.manifest is not None
            kept = {row["k"]: row for row in manifest_rows(resolved.manifest, shop.objects).to_pylist()}
            for key, column in conflicts:
                winner = (ours if side == "ours" else theirs).get(key)
                if column is None:
                    assert (key in kept) is (winner is not None)
                elif winner is not None:
                    assert kept[key][column] == winner[column]
        by_rows = merge_manifests("d", b, o, t, shop, level="rows").conflicts
        touched = {key for key in base.keys() | ours.keys() if base.get(key) != ours.get(key)}
        touched &= {key for key in base.keys() | theirs.keys() if base.get(key) != theirs.get(key)}
        assert {int(row["key"]) for row in by_rows.to_pylist()} == {
            key for key in touched if ours.get(key) != theirs.get(key)
        }


@given(MODELS, MODELS)
def test_merging_with_the_ancestor_changes_nothing(fresh: Fresh, base: Model, ours: Model) -> None:
    shop = Workshop(Objects(Storage(fresh())), LocalExecutor(1))
    b = manifest_of(base, made(SCHEMA.empty_table(), shop, "k"), shop)
    o = manifest_of(ours, b, shop)
    for one, other in ((o, b), (b, o), (o, o)):
        assert merge(b, one, other, shop).manifest in (one, other)
        assert same(merge(b, one, other, shop).manifest, o)


# Whole datasets


def test_datasets_come_and_go_with_the_side_that_says_so(base: Manifest, shop: Workshop) -> None:
    changed = plus(base, [{"k": 1, "a": "A"}], shop)
    assert merge(base, base, None, shop).manifest is None
    assert merge(base, None, base, shop).manifest is None
    assert merge(None, None, base, shop).manifest is base
    for ours, theirs in ((None, changed), (changed, None)):
        (row,) = merge(base, ours, theirs, shop).conflicts.to_pylist()
        assert (row["dataset"], row["key"]) == ("d", None)
        assert merge(base, ours, theirs, shop, resolve="ours").manifest is ours
        assert merge(base, ours, theirs, shop, resolve="theirs").manifest is theirs


@pytest.mark.parametrize("key", [(), ("k",)])
def test_a_dataset_that_both_sides_made_holds_the_rows_of_both(shop: Workshop, key: tuple[str, ...]) -> None:
    ours = made([{"k": 1, "a": "x"}, {"k": 2, "a": "y"}], shop, *key)
    theirs = made([{"k": 3, "a": "z"}], shop, *key)
    assert content(merge(None, ours, theirs, shop), shop).keys() == {1, 2, 3}


def test_columns_of_a_dataset_that_both_sides_made_are_all_kept(shop: Workshop) -> None:
    ours = made([{"k": 1, "a": "x", "mine": 1}], shop, "k")
    theirs = made([{"k": 2, "a": "z", "yours": True}, {"k": 1, "a": "x", "yours": False}], shop, "k")
    assert content(merge(None, ours, theirs, shop), shop) == {
        1: {"k": 1, "a": "x", "mine": 1, "yours": False},
        2: {"k": 2, "a": "z", "mine": None, "yours": True},
    }


def test_different_keys_cannot_go_together(base: Manifest, shop: Workshop) -> None:
    other = made({"k": [1], "a": ["x"], "b": [1]}, shop, "a")
    for before in (base, None):
        with pytest.raises(MergeConflict, match=r"has the key .*'k'.* on one side and .*'a'"):
            merge(before, plus(base, [{"k": 9}], shop), other, shop)


def test_a_key_that_both_sides_changed_alike_starts_anew(base: Manifest, shop: Workshop) -> None:
    ours, theirs = made({"b": [1], "k": [1]}, shop, "b"), made({"b": [2], "k": [1]}, shop, "b")
    merged = merge(base, ours, theirs, shop)
    assert merged.manifest is not None
    assert merged.manifest.rows == 2


# Columns


def test_columns_that_the_sides_added_are_both_there(base: Manifest, shop: Workshop) -> None:
    ours = add_columns(base, incoming({"k": [1, 2], "mine": [1, 2]}), shop, name="d")
    theirs = add_columns(base, incoming({"k": [2, 3], "yours": ["x", "y"]}), shop, name="d")
    theirs = plus(minus(theirs, [4], shop), [{"k": 1, "b": 0}, {"k": 9, "yours": "z"}], shop)
    for one, other in ((ours, theirs), (theirs, ours)):
        found = content(merge(base, one, other, shop), shop)
        assert found.keys() == {1, 2, 3, 5, 9}
        assert found[1] == {"k": 1, "a": "a1", "b": 0, "mine": 1, "yours": None}
        assert found[2] == {"k": 2, "a": "a2", "b": 20, "mine": 2, "yours": "x"}
        assert found[9] == {"k": 9, "a": None, "b": None, "mine": None, "yours": "z"}


def test_adding_a_column_writes_that_column_only(base: Manifest, shop: Workshop) -> None:
    ours = plus(base, [{"k": 1, "a": "A"}], shop)
    theirs = add_columns(base, incoming({"k": [1, 2], "yours": ["x", "y"]}), shop, name="d")
    merged = merge(base, ours, theirs, shop)
    assert merged.manifest is not None
    assert [chunk.rows for chunk in merged.manifest.chunks] == [chunk.rows for chunk in ours.chunks]


def test_a_column_that_both_sides_added_is_merged_by_cell(base: Manifest, shop: Workshop) -> None:
    ours = add_columns(base, incoming({"k": [1, 2, 3], "c": [1, 2, None]}), shop, name="d")
    theirs = add_columns(base, incoming({"k": [2, 3, 4], "c": [2, 3, 4]}), shop, name="d")
    found = content(merge(base, ours, theirs, shop), shop)
    assert {key: row["c"] for key, row in found.items()} == {1: 1, 2: 2, 3: 3, 4: 4, 5: None}
    other = add_columns(base, incoming({"k": [1], "c": [7]}), shop, name="d")
    (row,) = merge(base, ours, other, shop).conflicts.to_pylist()
    assert (row["key"], row["column"], row["base"], row["ours"], row["theirs"]) == ("1", "c", None, "1", "7")


def test_a_dropped_column_is_gone_if_nobody_wrote_it(base: Manifest, shop: Workshop) -> None:
    less, more = drop_columns(base, ["a"], shop), plus(base, [{"k": 1, "b": 0}, {"k": 9, "b": 9}], shop)
    for ours, theirs in ((less, more), (more, less)):
        found = content(merge(base, ours, theirs, shop), shop)
        assert found[1] == {"k": 1, "b": 0}
        assert found[9] == {"k": 9, "b": 9}


@pytest.mark.parametrize("change", [{"k": 1, "a": "A"}, {"k": 9, "a": "A"}])
def test_a_column_that_one_side_dropped_and_the_other_wrote_is_a_conflict(
    base: Manifest, shop: Workshop, change: Row
) -> None:
    less, wrote = drop_columns(base, ["a"], shop), plus(base, [change], shop)
    before = "a1" if change["k"] == 1 else None
    for ours, theirs in ((less, wrote), (wrote, less)):
        (row,) = merge(base, ours, theirs, shop).conflicts.to_pylist()
        assert (row["key"], row["column"], row["base"]) == (str(change["k"]), "a", before)
        assert {row["ours"], row["theirs"]} == {"dropped", "A"}
        assert (row["ours"] == "dropped") is (ours is less)
        for side, kept in (("ours", ours), ("theirs", theirs)):
            found = content(merge(base, ours, theirs, shop, resolve=side), shop)
            assert found[change["k"]].get("a") == (None if kept is less else "A")
            assert ("a" in found[2]) is (kept is wrote)
            if kept is wrote:
                assert found[2]["a"] == "a2"


def test_a_renamed_column_is_followed(base: Manifest, shop: Workshop) -> None:
    renamed = plus(rename_columns(base, {"a": "title"}, shop), [{"k": 2, "title": "T"}], shop)
    changed = plus(base, [{"k": 1, "a": "A"}, {"k": 9, "a": "new"}], shop)
    for ours, theirs in ((renamed, changed), (changed, renamed)):
        found = content(merge(base, ours, theirs, shop), shop)
        assert {key: row["title"] for key, row in found.items()} == {
            1: "A",
            2: "T",
            9: "new",
            **{key: f"a{key}" for key in (3, 4, 5)},
        }
        assert found[1].keys() == {"k", "title", "b"}
    clash = plus(base, [{"k": 2, "a": "other"}], shop)
    (row,) = merge(base, renamed, clash, shop).conflicts.to_pylist()
    assert (row["column"], row["base"], row["ours"], row["theirs"]) == ("title", "a2", "T", "other")


def test_a_renamed_key_is_followed(base: Manifest, shop: Workshop) -> None:
    renamed = rename_columns(base, {"k": "nr"}, shop)
    changed = minus(plus(base, [{"k": 1, "a": "A"}], shop), [2], shop)
    for ours, theirs in ((renamed, changed), (changed, renamed)):
        merged = merge(base, ours, theirs, shop).manifest
        assert merged is not None
        assert merged.key == ("nr",)
        assert {row["nr"] for row in manifest_rows(merged, shop.objects).to_pylist()} == {1, 3, 4, 5}


def test_renamings_that_clash_are_told(base: Manifest, shop: Workshop) -> None:
    one, other = rename_columns(base, {"a": "x"}, shop), rename_columns(base, {"a": "y"}, shop)
    with pytest.raises(MergeConflict, match=r"'a' .* is called 'x' on one side and 'y' on the other"):
        merge(base, one, other, shop)
    taken = add_columns(base, incoming({"k": [1], "x": [1]}), shop, name="d")
    with pytest.raises(MergeConflict, match="renamed a column to 'x', the other added one"):
        merge(base, one, taken, shop)
    both = plus(one, [{"k": 1, "b": 0}], shop)
    assert content(merge(base, one, both, shop), shop)[1]["b"] == 0
    dropped = drop_columns(base, ["a"], shop)
    assert "x" not in content(merge(base, one, dropped, shop), shop)[1]


def test_types_widen_from_both_sides(base: Manifest, shop: Workshop) -> None:
    narrow = made(pa.table({"k": pa.array([1], pa.int32()), "v": pa.array([1], pa.int8())}), shop, "k")
    ours = plus(narrow, pa.table({"k": pa.array([2], pa.int32()), "v": pa.array([300], pa.int16())}), shop)
    theirs = plus(narrow, pa.table({"k": pa.array([2**40], pa.int64()), "v": pa.array([2], pa.int8())}), shop)
    for one, other in ((ours, theirs), (theirs, ours)):
        merged = merge(narrow, one, other, shop)
        assert merged.manifest is not None
        assert [field.type for field in merged.manifest.schema] == [pa.int64(), pa.int16()]
        assert content(merged, shop).keys() == {1, 2, 2**40}
    assert base.rows == 5


def test_a_type_that_one_side_changed_is_followed(base: Manifest, shop: Workshop) -> None:
    text = set_types(base, base.schema.set(2, pa.field("b", pa.string())), shop)
    text = plus(text, [{"k": 2, "b": "two"}], shop)
    number = plus(base, [{"k": 1, "b": 0}], shop)
    for ours, theirs in ((text, number), (number, text)):
        found = content(merge(base, ours, theirs, shop), shop)
        assert {key: row["b"] for key, row in found.items()} == {1: "0", 2: "two", 3: "30", 4: "40", 5: "50"}
    flags = plus(drop_columns(base, ["b"], shop), [{"k": 1, "b": True}], shop)
    with pytest.raises(MergeConflict, match=r"'b' .* is string on one side and bool on the other"):
        merge(base, text, flags, shop)


# Without a key


ROWS = st.lists(st.integers(0, 3), max_size=6)


@given(ROWS, ROWS, ROWS, st.sampled_from(["cells", "rows"]))
def test_without_a_key_counts_of_rows_are_merged(
    fresh: Fresh, base: list[int], ours: list[int], theirs: list[int], level: str
) -> None:
    shop = Workshop(Objects(Storage(fresh())), LocalExecutor(1))

    def of(values: list[int]) -> Manifest:
        return made(pa.table({"v": pa.array(values, pa.int64())}), shop)

    for one, other in ((ours, theirs), (theirs, ours)):
        merged = merge(of(base), of(one), of(other), shop, level=level)
        assert merged.manifest is not None
        found = manifest_rows(merged.manifest, shop.objects).column("v").to_pylist()
        for value in range(4):
            before, mine, yours = (rows.count(value) for rows in (base, one, other))
            alike = mine == yours and level == "cells"
            assert found.count(value) == (mine if alike else max(mine + yours - before, 0))


def test_without_a_key_rows_of_both_sides_are_there(shop: Workshop) -> None:
    base = made({"v": [1, 1, 2, 3]}, shop)
    ours, theirs = made({"v": [1, 1, 2, 4]}, shop), made({"v": [1, 2, 3, 3, 5]}, shop)
    for one, other in ((ours, theirs), (theirs, ours)):
        merged = merge(base, one, other, shop).manifest
        assert merged is not None
        assert sorted(manifest_rows(merged, shop.objects).column("v").to_pylist()) == [1, 2, 3, 4, 5]


def test_without_a_key_a_further_column_stays_while_other_rows_come_and_go(shop: Workshop) -> None:
    base = made({"v": [1, 2, 3]}, shop)
    wide = add_columns(base, incoming({"w": ["a", "b", "c"]}), shop, name="d")
    moved = made({"v": [1, 3, 4]}, shop)
    for one, other in ((wide, moved), (moved, wide)):
        merged = merge(base, one, other, shop).manifest
        assert merged is not None
        assert multiset(manifest_rows(merged, shop.objects)) == multiset(
            pa.table({"v": [1, 3, 4], "w": ["a", "c", None]})
        )
        with pytest.raises(MergeConflict, match=r"the columns '\w' and '\w' that the two sides added"):
            merge(base, add_columns(base, incoming({"x": [1, 2, 3]}), shop, name="d"), wide, shop)


def test_without_a_key_no_row_is_preferred_among_those_that_a_further_column_tells_apart(
    shop: Workshop,
) -> None:
    base = made({"v": [1, 1, 2]}, shop)
    fewer = made({"v": [1, 2]}, shop)
    apart = add_columns(base, incoming({"w": ["a", "b", "c"]}), shop, name="d")
    alike = add_columns(base, incoming({"w": ["a", "a", "c"]}), shop, name="d")
    for one, other in ((apart, fewer), (fewer, apart)):
        with pytest.raises(MergeConflict, match="removed rows of which there are several"):
            merge(base, one, other, shop)
    for one, other in ((alike, fewer), (fewer, alike)):
        merged = merge(base, one, other, shop).manifest
        assert merged is not None
        assert multiset(manifest_rows(merged, shop.objects)) == multiset(
            pa.table({"v": [1, 2], "w": ["a", "c"]})
        )


def test_without_a_key_a_dropped_column_that_was_written_is_a_conflict(shop: Workshop) -> None:
    base = made({"v": [1, 2], "w": ["a", "b"]}, shop)
    less = drop_columns(base, ["w"], shop)
    more = plus(base, {"v": [3], "w": ["c"]}, shop)
    for one, other in ((less, more), (more, less)):
        (row,) = merge(base, one, other, shop).conflicts.to_pylist()
        assert (row["column"], {row["ours"], row["theirs"]}) == ("w", {"dropped", "c"})
        for side, kept in (("ours", one), ("theirs", other)):
            merged = merge(base, one, other, shop, resolve=side).manifest
            assert merged is not None
            found = manifest_rows(merged, shop.objects)
            expected = pa.table({"v": [1, 2, 3], "w": ["a", "b", "c"]})
            assert multiset(found) == multiset(expected if kept is more else expected.drop("w"))
    silent = plus(base, {"v": [3], "w": pa.nulls(1, pa.string())}, shop)
    assert merge(base, less, silent, shop).conflicts.num_rows == 0


# Documents


def said(label: str | None = None, **more: Any) -> dict[str, Any]:
    return Contract(dataset="d", label=label, **more).to_odcs()


def test_contract_and_tags_of_both_sides_are_there(base: Manifest, shop: Workshop) -> None:
    ours = plus(replace(base, contract=said("a")), [{"k": 1, "a": "A"}], shop)
    theirs = plus(replace(base, tags={"a": {"unit": "m"}}), [{"k": 2, "a": "B"}], shop)
    for one, other in ((ours, theirs), (theirs, ours)):
        merged = merge(base, one, other, shop).manifest
        assert merged is not None
        assert (merged.contract, merged.tags) == (said("a"), {"a": {"unit": "m"}})


def test_a_role_that_both_sides_gave_differently_is_a_conflict(base: Manifest, shop: Workshop) -> None:
    ours, theirs = replace(base, contract=said("a")), replace(base, contract=said("b"))
    assert merge(base, ours, theirs, shop).conflicts.to_pylist() == [
        {
            "dataset": "d",
            "key": "contract: label",
            "column": None,
            "base": None,
            "ours": '"a"',
            "theirs": '"b"',
        }
    ]
    for side, label in (("ours", "a"), ("theirs", "b")):
        merged = merge(base, ours, theirs, shop, resolve=side).manifest
        assert merged is not None
        assert merged.contract == said(label)


def test_contract_and_tags_follow_a_renamed_column(base: Manifest, shop: Workshop) -> None:
    ours = replace(base, contract=said("a"), tags={"a": {"unit": "m"}})
    theirs = rename_columns(base, {"a": "z"}, shop)
    for one, other in ((ours, theirs), (theirs, ours)):
        merged = merge(base, one, other, shop).manifest
        assert merged is not None
        assert (merged.contract, merged.tags) == (said("z"), {"z": {"unit": "m"}})


@pytest.mark.parametrize("what", [{"contract": said("b")}, {"tags": {"b": {"unit": "m"}}}])
def test_a_column_that_one_side_dropped_and_the_other_newly_named_is_a_conflict(
    base: Manifest, shop: Workshop, what: dict[str, Any]
) -> None:
    names, drops = replace(base, **what), drop_columns(base, ["b"], shop)
    for ours, theirs, dropping in ((names, drops, "theirs"), (drops, names, "ours")):
        (row,) = merge(base, ours, theirs, shop).conflicts.to_pylist()
        assert (row["column"], row[dropping]) == ("b", "dropped")
        for side in ("ours", "theirs"):
            merged = merge(base, ours, theirs, shop, resolve=side).manifest
            assert merged is not None
            kept = side != dropping
            assert ("b" in merged.schema.names) == kept
            assert named(merged.contract, ["b"]) | set(merged.tags) == ({"b"} if kept else set())
            if kept:
                assert manifest_rows(merged, shop.objects).equals(manifest_rows(base, shop.objects))


def test_rows_are_told_to_be_among_others_by_value(weak_hashes: Weaken) -> None:
    for bits in (64, 0):
        weak_hashes(bits)
        assert among(pa.table({"k": [1, 2, 3]}), pa.table({"k": [3, 1, 9]})).tolist() == [True, False, True]
        assert among(pa.table({"k": [1]}), pa.table({"k": pa.array([], pa.int64())})).tolist() == [False]
