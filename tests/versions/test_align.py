"""Sides of a merge get the same names and types of columns; renamed columns are known by their bytes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import MergeConflict
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop
from headwater.versions.align import align, renames
from headwater.versions.columns import add_columns, drop_columns, rename_columns
from headwater.versions.compact import compact
from headwater.versions.edit import append, upsert
from headwater.versions.incoming import incoming


def made(data: Any, shop: Workshop) -> Manifest:
    return append(Manifest(schema=pa.schema([]), key=("k",)), incoming(data), shop, name="d")[0]


@pytest.fixture
def base(shop: Workshop) -> Manifest:
    return made({"k": [1, 2], "a": [1, 2], "b": ["x", "y"]}, shop)


def test_a_column_that_shows_the_same_bytes_is_the_same_column(base: Manifest, shop: Workshop) -> None:
    assert renames(base, base) == {}
    assert renames(base, rename_columns(base, {"a": "z", "b": "y"}, shop)) == {"a": "z", "b": "y"}
    later = upsert(rename_columns(base, {"a": "z"}, shop), incoming([{"k": 3, "z": 7}]), shop, name="d")
    assert renames(base, later) == {"a": "z"}


def test_a_column_of_other_bytes_is_another_column(base: Manifest, shop: Workshop) -> None:
    replaced = add_columns(drop_columns(base, ["a"], shop), incoming({"k": [1], "z": [1]}), shop, name="d")
    assert renames(base, replaced) == {}
    assert renames(base, drop_columns(base, ["a"], shop)) == {}
    assert renames(made({"k": [], "a": []}, shop), made({"k": [], "z": []}, shop)) == {}


def test_names_handed_on_from_column_to_column_are_not_guessed_at(base: Manifest, shop: Workshop) -> None:
    assert renames(base, rename_columns(base, {"a": "b", "b": "c"}, shop)) == {}
    assert renames(base, rename_columns(base, {"a": "b", "b": "a"}, shop)) == {}


def test_sides_come_out_with_one_name_and_one_type_a_column(base: Manifest, shop: Workshop) -> None:
    ours = rename_columns(base, {"a": "z"}, shop)
    theirs = upsert(base, incoming({"k": [9.0], "a": [2], "c": [True]}), shop, name="d")
    ours = add_columns(ours, incoming({"k": [1], "c": [False]}), shop, name="d")
    sides = align("d", base, ours, theirs, shop)
    assert sides.base.schema.names == ["k", "z", "b", "c"]
    assert sides.ours.schema.names == ["k", "z", "b", "c"]
    assert sides.theirs.schema.names == ["k", "z", "b", "c"]
    assert align("d", None, ours, theirs, shop).base.schema.names == ["k", "b", "c"]


def test_without_shared_bytes_a_renaming_is_a_column_less_and_one_more(
    base: Manifest, shop: Workshop
) -> None:
    renamed = rename_columns(base, {"a": "z"}, shop)
    for number in range(8):
        renamed = append(renamed, incoming({"k": [10 + number], "z": [0]}), shop, name="d")[0]
    packed = compact(renamed, shop)
    assert len(packed.chunks) == 1
    assert renames(base, packed) == {}
    assert align("d", base, packed, base, shop).theirs.schema.names == ["k", "a", "b"]


def test_keys_that_differ_cannot_be_aligned(base: Manifest, shop: Workshop) -> None:
    other = append(Manifest(schema=pa.schema([]), key=()), incoming({"k": [1]}), shop, name="d")[0]
    with pytest.raises(MergeConflict, match="Give both the same key first"):
        align("d", base, base, other, shop)
