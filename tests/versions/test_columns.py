"""Edits of columns: only those columns are written, and the rows say what they said."""

from __future__ import annotations

import itertools
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import InvalidKeys, NotFound, SchemaError
from headwater.engine.local import LocalExecutor
from headwater.store.lookup import locate
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop
from headwater.versions.columns import add_columns, compute_columns, drop_columns, rename_columns, set_types
from headwater.versions.edit import append, delete_places
from headwater.versions.incoming import incoming
from tests.contents import assert_sound, manifest_rows, multiset
from tests.places import Fresh
from tests.strategies import tables


def made(data: Any, shop: Workshop, *key: str) -> Manifest:
    return append(Manifest(schema=pa.schema([]), key=key), incoming(data), shop, name="d")[0]


def added(manifest: Manifest, data: Any, shop: Workshop) -> Manifest:
    return add_columns(manifest, incoming(data), shop, name="d")


@pytest.fixture
def people(shop: Workshop) -> Manifest:
    """Return people 1 to 6 in two chunks, of whom 2 is deleted, with a column that the first chunk lacks."""
    first = made({"id": [4, 5, 6], "name": [None, "Eve", "Fay"]}, shop, "id")
    more = incoming({"id": [1, 2, 3], "name": ["Ada", "Bo", "Cy"], "x": [1, 2, None]})
    both = append(first, more, shop, name="d")[0]
    return delete_places(both, locate(both, pa.table({"id": [2]}), shop.objects), shop)


def by_id(manifest: Manifest, shop: Workshop) -> dict[int, dict[str, Any]]:
    assert_sound(manifest, shop.objects)
    return {row["id"]: row for row in manifest_rows(manifest, shop.objects).to_pylist()}


# Add


def test_columns_are_added_to_the_rows_of_their_keys(people: Manifest, shop: Workshop) -> None:
    after = added(people, {"id": [6, 1, 4], "age": [60, None, 40]}, shop)
    assert {key: row["age"] for key, row in by_id(after, shop).items()} == {
        1: None,
        3: None,
        4: 40,
        5: None,
        6: 60,
    }
    old, new = ({group.object for chunk in m.chunks for group in chunk.groups} for m in (people, after))
    assert old < new
    assert after.fingerprint == made(manifest_rows(after, shop.objects), shop, "id").fingerprint


def test_columns_can_be_added_with_no_values(people: Manifest, shop: Workshop) -> None:
    after = added(
        people, pa.table({"id": pa.array([], pa.int64()), "l": pa.array([], pa.list_(pa.int8()))}), shop
    )
    assert {row["l"] for row in by_id(after, shop).values()} == {None}
    assert after.fingerprint == people.fingerprint


def test_without_a_key_columns_are_added_in_order(shop: Workshop) -> None:
    base = made({"v": [1, 1, 2]}, shop)
    after = added(base, {"w": ["a", "b", "c"]}, shop)
    assert manifest_rows(after, shop.objects).to_pydict() == {"v": [1, 1, 2], "w": ["a", "b", "c"]}
    with pytest.raises(SchemaError, match="has no key and 3 rows"):
        added(base, {"w": ["a"]}, shop)


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        ({"id": [1], "name": ["x"]}, SchemaError, "already has the column 'name'"),
        ({"id": [1]}, SchemaError, "have no column to add"),
        ({"age": [1]}, NotFound, "Column 'id' not found"),
        (
            {"id": [1, 2, 9], "age": [1, 2, 3]},
            InvalidKeys,
            r"2 row\(s\) have a key that dataset 'd' lacks.* row 1",
        ),
        ({"id": [1, None], "age": [1, 2]}, InvalidKeys, r"1 row\(s\) have a key that dataset 'd' lacks"),
        ({"id": [1, 3, 1], "age": [1, 2, 3]}, InvalidKeys, r"1 row\(s\) .* repeat a key, the first in row 2"),
        ({"id": ["x"], "age": [1]}, SchemaError, "'id'"),
    ],
)
def test_columns_that_do_not_match_are_refused(
    people: Manifest, shop: Workshop, data: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        added(people, data, shop)


def test_columns_can_be_computed_chunk_by_chunk(people: Manifest, shop: Workshop) -> None:
    fields = [pa.field("name", pa.string()), pa.field("number", pa.int64())]

    def number_them(number: int, chunk: Any) -> pa.Table:
        return pa.table(
            {"name": [str(number)] * chunk.rows, "number": pa.array(range(chunk.rows), pa.int32())}
        )

    after = compute_columns(people, fields, number_them, shop)
    found = by_id(after, shop)
    assert found[3] == {"id": 3, "name": "1", "x": None, "number": 2}
    assert found[4] == {"id": 4, "name": "0", "x": None, "number": 0}


# Drop


def test_dropped_columns_are_gone_and_nothing_else_is_written(people: Manifest, shop: Workshop) -> None:
    after = drop_columns(people, ["x", "x"], shop)
    assert after.schema.names == ["id", "name"]
    assert by_id(after, shop)[1] == {"id": 1, "name": "Ada"}
    assert [chunk.groups[0].object for chunk in after.chunks] == [
        chunk.groups[0].object for chunk in people.chunks
    ]
    assert after.chunks[0] == people.chunks[0]
    assert after.fingerprint == made(manifest_rows(after, shop.objects), shop, "id").fingerprint


def test_a_dropped_column_can_come_back_with_other_values(people: Manifest, shop: Workshop) -> None:
    after = added(drop_columns(people, ["name"], shop), {"id": [1], "name": [7]}, shop)
    assert by_id(after, shop)[1]["name"] == 7
    assert by_id(after, shop)[3]["name"] is None


def test_all_columns_can_be_dropped_where_there_is_no_key(shop: Workshop) -> None:
    after = drop_columns(made({"a": [1, 2], "b": [3, 4]}, shop), ["a", "b"], shop)
    assert (after.rows, after.schema.names) == (2, [])
    assert_sound(after, shop.objects)


def test_the_key_cannot_be_dropped(people: Manifest, shop: Workshop) -> None:
    with pytest.raises(SchemaError, match="Column 'id' is part of the key"):
        drop_columns(people, ["x", "id"], shop)
    with pytest.raises(NotFound, match=r"'nam' not found.* Did you mean 'name'"):
        drop_columns(people, ["nam"], shop)


# Rename


def test_renaming_writes_no_data(people: Manifest, shop: Workshop) -> None:
    after = rename_columns(people, {"name": "called", "id": "id"}, shop)
    assert after.schema.names == ["id", "called", "x"]
    assert by_id(after, shop)[5] == {"id": 5, "called": "Eve", "x": None}
    assert [[g.object for g in c.groups] for c in after.chunks] == [
        [g.object for g in c.groups] for c in people.chunks
    ]
    assert rename_columns(after, {"called": "name"}, shop).fingerprint == people.fingerprint


def test_names_can_be_exchanged_and_taken_anew(people: Manifest, shop: Workshop) -> None:
    swapped = rename_columns(people, {"name": "x", "x": "name"}, shop)
    assert by_id(swapped, shop)[1] == {"id": 1, "name": 1, "x": "Ada"}
    assert swapped.chunks[1].statistics["name"] == people.chunks[1].statistics["x"]
    again = added(rename_columns(people, {"name": "old"}, shop), {"id": [1], "name": ["new"]}, shop)
    assert by_id(again, shop)[1] == {"id": 1, "old": "Ada", "x": 1, "name": "new"}


def test_the_key_keeps_its_rows_when_it_is_renamed(people: Manifest, shop: Workshop) -> None:
    after = rename_columns(people, {"id": "nr"}, shop)
    assert after.key == ("nr",)
    assert_sound(after, shop.objects)
    assert locate(after, pa.table({"nr": [5, 2]}), shop.objects).found.tolist() == [True, False]


@pytest.mark.parametrize(
    ("names", "error", "match"),
    [
        ({"name": "x"}, SchemaError, "two columns would have the name 'x'"),
        ({"name": "y", "x": "y"}, SchemaError, "two columns would have the name 'y'"),
        ({"name": ""}, SchemaError, "A column needs a name"),
        ({"none": "y"}, NotFound, "Column 'none' not found"),
    ],
)
def test_names_that_clash_are_refused(
    people: Manifest, shop: Workshop, names: dict[str, str], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        rename_columns(people, names, shop)


# Types


def test_widening_writes_nothing(people: Manifest, shop: Workshop) -> None:
    narrow = set_types(
        made(pa.table({"x": pa.array([1, None], pa.int32())}), shop), pa.schema([("x", pa.float64())]), shop
    )
    assert narrow.fingerprint == made(pa.table({"x": [1.0, None]}), shop).fingerprint
    assert_sound(narrow, shop.objects)
    wide = people.schema.append(pa.field("new", pa.date32()))
    assert set_types(people, wide, shop).chunks == people.chunks


def test_other_changes_of_type_rewrite_that_column(people: Manifest, shop: Workshop) -> None:
    schema = people.schema.set(2, pa.field("x", pa.string()))
    after = set_types(people, schema, shop)
    assert [by_id(after, shop)[key]["x"] for key in (1, 3, 4)] == ["1", None, None]
    narrower = set_types(people, people.schema.set(2, pa.field("x", pa.int8())), shop)
    assert by_id(narrower, shop)[1]["x"] == 1


def test_a_change_that_a_value_does_not_fit_is_refused(shop: Workshop) -> None:
    base = made({"k": [1], "l": [[1]], "b": [b"\xff"], "big": [1000]}, shop, "k")
    for name, kind in (("l", pa.string()), ("b", pa.string()), ("big", pa.int8())):
        schema = base.schema.set(base.schema.get_field_index(name), pa.field(name, kind))
        with pytest.raises(SchemaError, match=f"Column '{name}' is"):
            set_types(base, schema, shop)
    with pytest.raises(SchemaError, match="type of the key 'k' cannot change"):
        set_types(base, base.schema.set(0, pa.field("k", pa.string())), shop)


@given(tables(min_columns=2, max_columns=4, flat=True), st.data())
def test_any_walk_of_column_edits_equals_a_fresh_import(
    fresh: Fresh, table: pa.Table, data: st.DataObject
) -> None:
    shop = Workshop(Objects(Storage(fresh())), LocalExecutor(1))
    names = [f"c{number}" for number in range(table.num_columns)]
    table = table.rename_columns(names)
    manifest, model = made(table, shop), table
    fresh_names = (f"z{number}" for number in itertools.count())
    for step in data.draw(st.lists(st.sampled_from(["drop", "rename", "add"]), max_size=4)):
        present = model.schema.names
        if step == "drop" and present:
            name = data.draw(st.sampled_from(present))
            manifest, model = drop_columns(manifest, [name], shop), model.drop(name)
        elif step == "rename" and present:
            drawn = data.draw(st.permutations([*present, next(fresh_names)]))[: len(present)]
            renaming = dict(zip(present, drawn, strict=True))
            manifest, model = rename_columns(manifest, renaming, shop), model.rename_columns(drawn)
        elif step == "add" and table.num_rows:
            name = f"new{len(present)}"
            if name not in present:
                column = table.column(data.draw(st.sampled_from(names)))
                manifest = added(manifest, pa.table({name: column}), shop)
                model = model.append_column(name, column)
    assert_sound(manifest, shop.objects)
    if model.num_columns:
        assert multiset(manifest_rows(manifest, shop.objects)) == multiset(model)
        assert manifest.fingerprint == made(model, shop).fingerprint
