"""Edits of rows: append, upsert, delete and overwrite do what a plain dict would, and write only what differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import InvalidKeys, NotFound, SchemaError, UsageError
from headwater.engine.local import LocalExecutor
from headwater.store.lookup import Places, locate
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop
from headwater.versions.edit import append, delete_places, overwrite, upsert
from headwater.versions.incoming import incoming
from tests.contents import assert_sound, manifest_rows, multiset
from tests.places import Fresh
from tests.strategies import KEY_TYPES, keyed_tables, tables, values

Weaken = Callable[[int], None]


def workshop(fresh: Fresh) -> Workshop:
    return Workshop(Objects(Storage(fresh())), LocalExecutor(1))


def empty(*key: str) -> Manifest:
    return Manifest(schema=pa.schema([]), key=key)


def appended(manifest: Manifest, data: Any, shop: Workshop, **options: Any) -> Manifest:
    return append(manifest, incoming(data), shop, name="d", **options)[0]


def upserted(manifest: Manifest, data: Any, shop: Workshop, **options: Any) -> Manifest:
    return upsert(manifest, incoming(data), shop, name="d", **options)


def overwritten(manifest: Manifest, data: Any, shop: Workshop, **options: Any) -> Manifest:
    return overwrite(manifest, incoming(data), shop, name="d", **options)[0]


def rows(manifest: Manifest, shop: Workshop) -> list[dict[str, Any]]:
    assert_sound(manifest, shop.objects)
    found: list[dict[str, Any]] = manifest_rows(manifest, shop.objects).to_pylist()
    return found


# Append


def test_appended_rows_come_last_and_keep_their_order(shop: Workshop) -> None:
    one = appended(empty("k"), {"k": [3, 1]}, shop)
    two = appended(one, {"k": [2, 0]}, shop)
    assert [row["k"] for row in rows(two, shop)] == [3, 1, 2, 0]
    assert two.chunks[0] == one.chunks[0]


@given(tables(max_rows=8), st.integers(0, 8))
def test_a_fingerprint_does_not_depend_on_how_the_rows_came(fresh: Fresh, table: pa.Table, cut: int) -> None:
    shop = workshop(fresh)
    whole = appended(empty(), table, shop)
    parts = appended(appended(empty(), table.slice(cut), shop), table.slice(0, cut), shop)
    assert parts.fingerprint == whole.fingerprint
    assert multiset(manifest_rows(parts, shop.objects)) == multiset(table)
    assert_sound(parts, shop.objects)


def test_rows_with_a_null_in_the_key_are_refused_and_all_listed(shop: Workshop) -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    batches = [
        pa.record_batch([[1, None], ["x", "y"]], schema=schema),
        pa.record_batch([[2], ["z"]], schema=schema),
        pa.record_batch([[3, 4], [None, "w"]], schema=schema),
    ]
    with pytest.raises(
        InvalidKeys, match=r"2 row\(s\) of dataset 'd' have no value in the key 'a', 'b': row 1, 3 "
    ):
        appended(empty("a", "b"), batches, shop)
    with pytest.raises(InvalidKeys) as caught:
        upserted(appended(empty("a", "b"), [{"a": 9, "b": "q"}], shop), batches, shop)
    assert (caught.value.rows, caught.value.count, caught.value.key) == ([1, 3], 2, ("a", "b"))


def test_repeated_keys_are_refused_and_all_listed(shop: Workshop) -> None:
    base = appended(empty("k"), {"k": [1, 2]}, shop)
    with pytest.raises(
        InvalidKeys, match=r"3 row\(s\) .* repeat a key 'k' that is there already: 2, 7"
    ) as caught:
        appended(base, {"k": [5, 2, 7, 7, 7, 6]}, shop)
    assert caught.value.rows == [1, 3, 4]
    assert caught.value.values == [(2,), (7,), (7,)]


def test_long_keys_are_cut_short_in_the_message_and_whole_in_the_error(shop: Workshop) -> None:
    with pytest.raises(InvalidKeys, match=r"there already: 'x{78}… \(row 1,") as caught:
        appended(empty("k"), {"k": ["x" * 5000] * 2}, shop)
    assert caught.value.values == [("x" * 5000,)]


def test_bad_rows_can_be_diverted_with_the_reason(shop: Workshop) -> None:
    base = appended(empty("k"), {"k": [1], "v": ["old"]}, shop)
    data = {"k": [1, 2, None, 2, 3], "v": list("abcde")}
    after, diverted = append(base, incoming(data), shop, name="d", divert=True)
    assert [row["v"] for row in rows(after, shop)] == ["old", "b", "e"]
    assert diverted.sort_by("v").to_pylist() == [
        {"k": 1, "v": "a", "_reason": "duplicate key"},
        {"k": None, "v": "c", "_reason": "null in key"},
        {"k": 2, "v": "d", "_reason": "duplicate key"},
    ]


def test_if_all_rows_are_bad_nothing_is_added(shop: Workshop) -> None:
    after, diverted = append(empty("k"), incoming({"k": pa.nulls(3, pa.int8())}), shop, name="d", divert=True)
    assert rows(after, shop) == []
    assert diverted.num_rows == 3


def test_equal_rows_stay_distinct_without_a_key(shop: Workshop) -> None:
    twice = appended(appended(empty(), {"v": [1, 1]}, shop), {"v": [1]}, shop)
    assert twice.rows == 3
    assert rows(twice, shop) == [{"v": 1}] * 3


def test_a_key_that_is_not_among_the_columns_is_told(shop: Workshop) -> None:
    for change in (appended, overwritten):
        with pytest.raises(NotFound, match=r"Column 'k' not found in .*'d'"):
            change(empty("k"), {"v": [1]}, shop)


def test_more_rows_than_a_chunk_holds_become_chunks(shop: Workshop) -> None:
    count = 131_072 + 5
    base = appended(empty("k"), {"k": np.arange(count)}, shop)
    assert [chunk.rows for chunk in base.chunks] == [131_072, 5]
    with pytest.raises(InvalidKeys) as caught:
        appended(base, {"k": [count, 131_073, 4]}, shop)
    assert caught.value.rows == [1, 2]
    after = upserted(base, {"k": [131_074, 3, count], "v": ["a", "b", "c"]}, shop)
    assert after.rows == count + 1
    assert_sound(after, shop.objects)
    same = overwritten(after, manifest_rows(after, shop.objects), shop)
    assert same == after


# Upsert


@given(keyed_tables(key_columns=2), st.data())
def test_upserted_rows_replace_those_of_their_key(fresh: Fresh, table: pa.Table, data: st.DataObject) -> None:
    shop, key = workshop(fresh), ["k0", "k1"]
    base = appended(empty(*key), table, shop)
    picked = data.draw(
        st.lists(st.integers(0, max(table.num_rows - 1, 0)), unique=True, max_size=table.num_rows)
    )
    other = table.take(pa.array(picked, pa.int64()))
    shuffled = pa.table(
        [
            *other.columns[:2],
            *(column.take(pa.array(picked[::-1], pa.int64())) for column in table.columns[2:]),
        ],
        schema=table.schema,
    )
    after = upserted(base, shuffled, shop)
    assert_sound(after, shop.objects)
    expected: dict[str, Any] = {}
    for row in [*table.to_pylist(), *shuffled.to_pylist()]:
        expected[repr((row["k0"], row["k1"]))] = row
    whole = pa.Table.from_pylist(list(expected.values()), schema=table.schema)
    assert multiset(manifest_rows(after, shop.objects)) == multiset(whole)
    assert after.fingerprint == appended(empty(*key), whole, shop).fingerprint
    assert upserted(after, shuffled, shop) == after


def test_cells_that_an_upsert_lacks_stay(shop: Workshop) -> None:
    base = appended(empty("k"), [{"k": 1, "a": "x", "b": 1.5}, {"k": 2, "a": "y", "b": None}], shop)
    after = upserted(base, [{"k": 2, "b": 7}, {"k": 3, "b": 8}, {"k": 1, "b": None}], shop)
    assert sorted(rows(after, shop), key=lambda row: row["k"]) == [
        {"k": 1, "a": "x", "b": None},
        {"k": 2, "a": "y", "b": 7.0},
        {"k": 3, "a": None, "b": 8.0},
    ]


def test_an_upsert_of_what_is_there_writes_nothing(shop: Workshop) -> None:
    base = appended(empty("k"), {"k": [1, 2], "v": [0.0, float("nan")], "w": ["x", None]}, shop)
    samples: list[Any] = [
        {"k": [2, 1]},
        {"k": [1, 2], "v": [-0.0, float("nan")]},
        {"k": [2], "w": [None]},
        {"k": []},
    ]
    for same in samples:
        assert upserted(base, same, shop).chunks == base.chunks


def test_only_changed_rows_are_written(shop: Workshop) -> None:
    base = appended(empty("k"), {"k": list(range(1000)), "v": [0] * 1000}, shop)
    after = upserted(base, {"k": list(range(1000)), "v": [0] * 500 + [1] + [0] * 499}, shop)
    assert [chunk.rows for chunk in after.chunks] == [1000, 1]
    assert after.chunks[0].deleted_rows == 1


def test_an_upsert_refuses_a_key_that_comes_twice(shop: Workshop) -> None:
    base = appended(empty("_row", "key0"), [{"_row": 1, "key0": 1}], shop)
    with pytest.raises(InvalidKeys) as caught:
        upserted(base, [{"_row": 1, "key0": 2}, {"_row": 2, "key0": 1}, {"_row": 1, "key0": 2}], shop)
    assert caught.value.rows == [2]


def test_without_a_key_there_is_nothing_to_upsert_by(shop: Workshop) -> None:
    with pytest.raises(UsageError, match="Dataset 'd' has no key"):
        upserted(appended(empty(), {"v": [1]}, shop), {"v": [1]}, shop)


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.int64(), pa.uint64()])
def test_keys_that_come_as_reals_stay_whole(shop: Workshop, kind: pa.DataType) -> None:
    base = appended(empty("k"), pa.table({"k": pa.array([1, 2], kind), "v": [1, 1]}), shop)
    after = upserted(base, {"k": [2.0, 3.0], "v": [5, 6]}, shop)
    assert after.schema.field("k").type == kind
    assert {row["k"]: row["v"] for row in rows(after, shop)} == {1: 1, 2: 5, 3: 6}
    with pytest.raises(SchemaError, match="'k'"):
        upserted(base, {"k": [1.5], "v": [1]}, shop)


# Delete


@given(st.integers(1, 10), st.data())
def test_deleted_rows_are_gone_and_their_hashes_taken_away(
    fresh: Fresh, count: int, data: st.DataObject
) -> None:
    shop = workshop(fresh)
    base = appended(empty("k"), {"k": list(range(count)), "v": ["x"] * count}, shop)
    left = set(range(count))
    for _ in range(2):
        gone = data.draw(st.sets(st.sampled_from(sorted(left)))) if left else set()
        places = locate(base, pa.table({"k": pa.array(sorted(gone), pa.int64())}), shop.objects)
        base, left = delete_places(base, places, shop), left - gone
        assert {row["k"] for row in rows(base, shop)} == left
    assert base.fingerprint == appended(empty("k"), base_table(left), shop).fingerprint
    assert len(base.chunks) == bool(left)


def base_table(keys: set[int]) -> pa.Table:
    return pa.table({"k": pa.array(sorted(keys), pa.int64()), "v": pa.array(["x"] * len(keys), pa.string())})


def test_deleting_nothing_changes_nothing(shop: Workshop) -> None:
    base = appended(empty("k"), {"k": [1]}, shop)
    assert delete_places(base, Places.join([]), shop) is base


# Overwrite


@given(keyed_tables(), st.data())
def test_an_overwrite_leaves_exactly_the_new_rows(fresh: Fresh, table: pa.Table, data: st.DataObject) -> None:
    shop = workshop(fresh)
    base = appended(empty("k0"), table, shop)
    picked = data.draw(
        st.lists(st.integers(0, max(table.num_rows - 1, 0)), unique=True, max_size=table.num_rows)
    )
    values = data.draw(st.permutations(picked))
    new = pa.table(
        [table.column(0).take(pa.array(picked, pa.int64()))]
        + [column.take(pa.array(values, pa.int64())) for column in table.columns[1:]],
        schema=table.schema,
    )
    after = overwritten(base, new, shop)
    assert_sound(after, shop.objects)
    assert multiset(manifest_rows(after, shop.objects)) == multiset(new)
    assert after.fingerprint == appended(empty("k0"), new, shop).fingerprint
    assert overwritten(after, new, shop).chunks == after.chunks
    written = sum(chunk.rows for chunk in after.chunks if chunk not in base.chunks and not chunk.deleted)
    unchanged = multiset(table) & multiset(new)
    assert written <= new.num_rows - unchanged.total() or not base.chunks


@given(st.lists(st.integers(0, 3), max_size=10), st.lists(st.integers(0, 3), max_size=10), st.integers(1, 4))
def test_without_a_key_an_overwrite_counts_equal_rows(
    fresh: Fresh, old: list[int], new: list[int], size: int
) -> None:
    shop = workshop(fresh)
    base = appended(empty(), pa.table({"v": pa.array(old, pa.int64())}), shop)
    table = pa.table({"v": pa.array(new, pa.int64())})
    after = overwritten(base, table.to_batches(max_chunksize=size) or table, shop)
    assert_sound(after, shop.objects)
    assert multiset(manifest_rows(after, shop.objects)) == multiset(table)
    kept = (multiset(manifest_rows(base, shop.objects)) & multiset(table)).total()
    assert sum(chunk.rows for chunk in after.chunks[len(base.chunks) if kept else 0 :]) == len(new) - kept


def test_an_overwrite_with_the_same_rows_in_another_order_writes_nothing(shop: Workshop) -> None:
    data = pa.table({"k": [1, 2, 3], "v": ["a", None, "c"]})
    for key in ((), ("k",)):
        base = appended(empty(*key), data, shop)
        assert overwritten(base, data.take(pa.array([2, 0, 1])), shop) == base


def test_an_overwrite_drops_columns_that_the_rows_lack_and_adds_new_ones(shop: Workshop) -> None:
    base = appended(empty("k"), {"k": [1, 2], "old": ["x", "y"], "v": [1, 2]}, shop)
    after = overwritten(base, {"v": [1, 3], "k": [1, 2], "new": [None, True]}, shop)
    assert after.schema.names == ["k", "v", "new"]
    assert sorted(rows(after, shop), key=lambda row: row["k"]) == [
        {"k": 1, "v": 1, "new": None},
        {"k": 2, "v": 3, "new": True},
    ]
    with pytest.raises(SchemaError, match="have no column 'old'"):
        overwritten(base, {"v": [1], "k": [1]}, shop, schema_change="none")


def test_an_overwrite_lists_every_repeated_key(shop: Workshop) -> None:
    base = appended(empty("k"), {"k": [1, 2, 3], "v": [0, 0, 0]}, shop)
    # Known and equal, known and changed, new: each repeated, in several batches.
    data = pa.table({"k": [1, 2, 9, 1, 9, 2, 2, 4], "v": [0, 5, 0, 0, 0, 0, 5, 0]})
    for size in (1, 3, 8):
        with pytest.raises(InvalidKeys, match=r"4 row\(s\) .*: 1, 9, 2 \(row 3, 4, 5, 6,") as caught:
            overwritten(base, data.to_batches(max_chunksize=size), shop)
        assert caught.value.rows == [3, 4, 5, 6]


@pytest.mark.parametrize("size", [1, 2, 9])
def test_an_overwrite_diverts_all_but_the_first_row_of_a_key(shop: Workshop, size: int) -> None:
    base = appended(empty("k"), {"k": [1, 2, 3], "v": ["a", "b", "c"]}, shop)
    data = pa.table({"k": [1, 2, None, 1, 2, 9, 9, 1, 4], "v": ["a", "B", "n", "A", "b", "x", "y", "a", "d"]})
    after, diverted = overwrite(
        base, incoming(data.to_batches(max_chunksize=size)), shop, name="d", divert=True
    )
    assert {row["k"]: row["v"] for row in rows(after, shop)} == {1: "a", 2: "B", 9: "x", 4: "d"}
    assert sorted((row["k"] or 0, row["v"], row["_reason"]) for row in diverted.to_pylist()) == [
        (0, "n", "null in key"),
        (1, "A", "duplicate key"),
        (1, "a", "duplicate key"),
        (2, "b", "duplicate key"),
        (9, "y", "duplicate key"),
    ]


@pytest.mark.parametrize("change", [appended, overwritten])
@pytest.mark.parametrize("kind", KEY_TYPES, ids=str)
def test_keys_of_every_type_are_held_unique(
    kind: pa.DataType, change: Callable[..., Manifest], shop: Workshop, weak_hashes: Weaken
) -> None:
    @given(st.lists(values(kind), min_size=2, max_size=2, unique=True))
    @settings(max_examples=5)
    def check(keys: list[Any]) -> None:
        one, two = keys
        table = pa.table({"k": pa.array([one, two], kind), "j": [1, 1]})
        for bits in (64, 0):
            weak_hashes(bits)
            base = appended(empty("j", "k"), table, shop)
            assert upserted(base, table, shop) == base
            with pytest.raises(InvalidKeys):
                change(empty("j", "k"), table.take(pa.array([0, 1, 0])), shop)
            with pytest.raises(InvalidKeys):
                appended(base, table.slice(1), shop)

    check()


# Equal hashes of different keys


@pytest.mark.parametrize("bits", [0, 1, 2])
def test_edits_are_right_when_hashes_of_keys_collide(weak_hashes: Weaken, shop: Workshop, bits: int) -> None:
    weak_hashes(bits)
    base = appended(empty("k"), {"k": list(range(8)), "v": list("abcdefgh")}, shop)
    base = appended(base, {"k": [8, 9], "v": ["i", "j"]}, shop)
    with pytest.raises(InvalidKeys) as caught:
        appended(base, {"k": [20, 3, 21, 9, 21], "v": list("01234")}, shop)
    assert caught.value.rows == [1, 3, 4]
    after = upserted(base, {"k": [3, 30, 9, 0], "v": ["D", "new", "J", "a"]}, shop)
    found = {row["k"]: row["v"] for row in manifest_rows(after, shop.objects).to_pylist()}
    assert found == {**dict(zip(range(10), "abcDefghiJ", strict=True)), 30: "new"}
    new = pa.table({"k": [9, 0, 50, 3], "v": ["J", "changed", "x", "D"]})
    for size in (1, 4):
        last = overwritten(after, new.to_batches(max_chunksize=size), shop)
        assert multiset(manifest_rows(last, shop.objects)) == multiset(new)
    with pytest.raises(InvalidKeys) as caught:
        overwritten(after, {"k": [9, 60, 9, 60], "v": list("abcd")}, shop)
    assert caught.value.rows == [2, 3]
    with pytest.raises(InvalidKeys):
        upserted(after, {"k": [1, 2, 1], "v": list("abc")}, shop)


# Schemas


@pytest.mark.parametrize("change", [appended, upserted, overwritten])
def test_new_columns_and_wider_types_are_taken_in(change: Callable[..., Manifest], shop: Workshop) -> None:
    base = appended(
        empty("k"), pa.table({"k": pa.array([1], pa.int32()), "v": pa.array([1], pa.int8())}), shop
    )
    table = pa.table({"k": [2], "v": pa.array([300], pa.int16()), "tags": [["a"]]})
    after = change(base, table, shop)
    assert after.schema == pa.schema([("k", pa.int64()), ("v", pa.int16()), ("tags", pa.list_(pa.string()))])
    found = {row["k"]: (row["v"], row["tags"]) for row in rows(after, shop)}
    assert found[2] == (300, ["a"])
    assert found.get(1, (1, None)) == (1, None)


@pytest.mark.parametrize("change", [appended, upserted, overwritten])
def test_changes_that_may_lose_values_are_refused_unless_asked_for(
    change: Callable[..., Manifest], shop: Workshop
) -> None:
    base = appended(empty("k"), {"k": [1], "v": [1]}, shop)
    data = {"k": [2], "v": ["many"]}
    with pytest.raises(SchemaError, match="is int64, the incoming rows have string"):
        change(base, data, shop)
    after = change(base, data, shop, schema_change="any")
    assert {row["k"]: row["v"] for row in rows(after, shop)}.items() <= {1: "1", 2: "many"}.items()
    with pytest.raises(SchemaError, match="The type of the key 'k' cannot change"):
        change(base, {"k": ["x"], "v": [1]}, shop, schema_change="any")


def test_a_finer_unit_of_time_is_refused_where_stored_times_would_not_fit(shop: Workshop) -> None:
    far = pa.table({"k": [1], "t": pa.array([253_402_300_799], pa.timestamp("s"))})
    base = appended(empty("k"), far, shop)
    fine = pa.table({"k": [2], "t": pa.array([1], pa.timestamp("ns"))})
    with pytest.raises(SchemaError, match=r"Column 't' is timestamp\[s\] and holds times that do not fit"):
        appended(base, fine, shop)
    near = appended(empty("k"), pa.table({"k": [1], "t": pa.array([7], pa.timestamp("s"))}), shop)
    after = appended(near, fine, shop)
    assert after.schema.field("t").type == pa.timestamp("ns")
    assert_sound(after, shop.objects)


def test_columns_of_nothing_take_the_type_of_what_comes(shop: Workshop) -> None:
    base = appended(empty("k"), [{"k": 1, "v": None, "l": []}], shop)
    assert base.schema.field("v").type == pa.null()
    after = upserted(base, [{"k": 1, "v": "x"}], shop)
    after = upserted(after, [{"k": 2, "l": [{"a": 1}]}], shop)
    assert sorted(rows(after, shop), key=lambda row: row["k"]) == [
        {"k": 1, "v": "x", "l": []},
        {"k": 2, "v": None, "l": [{"a": 1}]},
    ]


@pytest.mark.parametrize("key", [(), ("k",)])
def test_an_empty_dataset_has_columns_and_takes_rows(shop: Workshop, key: tuple[str, ...]) -> None:
    schema = pa.schema([("k", pa.int32()), ("v", pa.string())])
    base = appended(empty(*key), schema.empty_table(), shop)
    assert (base.schema, len(base.chunks), base.rows) == (schema, 0, 0)
    assert overwritten(base, schema.empty_table(), shop) == base
    one = appended(base, [{"k": 1, "v": "x"}], shop)
    assert one.schema.names == ["k", "v"]
    assert overwritten(one, schema.empty_table(), shop).rows == 0


def test_rows_without_columns_are_counted(shop: Workshop) -> None:
    nothing = pa.table({"x": pa.nulls(3)}).select([])
    base = appended(empty(), nothing, shop)
    assert base.rows == 3
    assert appended(base, nothing, shop).rows == 6
    assert overwritten(base, pa.table({"x": pa.nulls(2)}).select([]), shop).rows == 2
