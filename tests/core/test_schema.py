"""Which schemas can be stored, which changes lose nothing, and what the rules say when one is refused."""

from __future__ import annotations

import functools

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.arrays import cast
from headwater.core.errors import NotFound, SchemaError
from headwater.core.hashing import hash_array
from headwater.core.schema import SchemaChange, evolve, plain_schema, plain_type, require_columns, widen
from tests.strategies import arrays, types


@pytest.mark.parametrize(
    ("incoming", "stored"),
    [
        (pa.dictionary(pa.int8(), pa.large_string()), pa.string()),
        (pa.run_end_encoded(pa.int32(), pa.float16()), pa.float32()),
        (pa.large_string(), pa.string()),
        (pa.string_view(), pa.string()),
        (pa.large_binary(), pa.binary()),
        (pa.binary_view(), pa.binary()),
        (pa.uuid(), pa.binary(16)),
        (pa.date64(), pa.date32()),
        (pa.large_list(pa.large_string()), pa.list_(pa.string())),
        (pa.list_view(pa.float16()), pa.list_(pa.float32())),
        (pa.list_(pa.field("element", pa.int8(), nullable=False)), pa.list_(pa.int8())),
        (pa.list_(pa.large_string(), 3), pa.list_(pa.string(), 3)),
        (pa.struct([pa.field("a", pa.date64(), nullable=False)]), pa.struct([("a", pa.date32())])),
        (
            pa.map_(pa.large_string(), pa.dictionary(pa.int8(), pa.string())),
            pa.map_(pa.string(), pa.string()),
        ),
        (pa.decimal128(5, -2), pa.decimal128(7, 0)),
        (pa.decimal32(5, 2), pa.decimal128(5, 2)),
        (pa.list_(pa.decimal64(12, 0)), pa.list_(pa.decimal128(12, 0))),
        (pa.int32(), pa.int32()),
        (pa.timestamp("ns", "UTC"), pa.timestamp("ns", "UTC")),
    ],
    ids=str,
)
def test_types_are_stored_in_their_plain_form(incoming: pa.DataType, stored: pa.DataType) -> None:
    assert plain_type(incoming) == stored
    assert plain_type(stored) == stored


def test_a_plain_schema_is_nullable_and_without_metadata() -> None:
    schema = pa.schema([pa.field("a", pa.int8(), nullable=False, metadata={"x": "y"})], metadata={"p": "q"})
    assert plain_schema(schema).equals(pa.schema([("a", pa.int8())]), check_metadata=True)


@pytest.mark.parametrize(
    "kind",
    [
        pa.month_day_nano_interval(),
        pa.dense_union([pa.field("a", pa.int8())]),
        pa.struct([]),
        pa.list_(pa.struct([("inner", pa.struct([]))])),
        pa.list_(pa.int8(), 0),
        pa.map_(pa.string(), pa.list_(pa.null(), 2)),
        pa.binary(0),
        pa.map_(pa.string(), pa.binary(0)),
        functools.reduce(lambda kind, _: pa.list_(kind), range(33), pa.int8()),
    ],
    ids=lambda kind: str(kind)[:40],
)
def test_types_that_cannot_be_stored_are_refused_by_column(kind: pa.DataType) -> None:
    with pytest.raises(SchemaError, match=r"Column 'odd' is .* cannot be stored") as caught:
        plain_schema(pa.schema([("fine", pa.int8()), ("odd", kind)]))
    assert caught.value.column == "odd"


@pytest.mark.parametrize(
    ("names", "match"), [(["a", "b", "a"], "twice: a"), (["a", ""], "Column 2 has no name")]
)
def test_columns_need_names_of_their_own(names: list[str], match: str) -> None:
    with pytest.raises(SchemaError, match=match):
        plain_schema(pa.schema([(name, pa.int8()) for name in names]))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pa.int8(), pa.int64(), pa.int64()),
        (pa.uint8(), pa.uint32(), pa.uint32()),
        (pa.uint8(), pa.int8(), pa.int16()),
        (pa.uint32(), pa.int8(), pa.int64()),
        (pa.uint64(), pa.int64(), None),
        (pa.int32(), pa.float32(), pa.float64()),
        (pa.int64(), pa.float64(), None),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.null(), pa.string(), pa.string()),
        (pa.date32(), pa.timestamp("us"), pa.timestamp("us")),
        (pa.date32(), pa.timestamp("us", "UTC"), None),
        (pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("ns")),
        (pa.timestamp("s", "UTC"), pa.timestamp("s"), None),
        (pa.time32("s"), pa.time64("us"), pa.time64("us")),
        (pa.duration("s"), pa.duration("ms"), pa.duration("ms")),
        (pa.decimal128(5, 2), pa.decimal128(9, 2), pa.decimal128(9, 2)),
        (pa.decimal128(5, 2), pa.decimal256(5, 2), pa.decimal256(5, 2)),
        (pa.decimal128(5, 2), pa.decimal128(5, 3), None),
        (pa.string(), pa.int64(), None),
        (pa.string(), pa.binary(), None),
        (pa.bool_(), pa.int8(), None),
        (pa.list_(pa.null()), pa.list_(pa.string()), pa.list_(pa.string())),
        (pa.list_(pa.int8()), pa.list_(pa.int32()), pa.list_(pa.int32())),
        (pa.list_(pa.int8()), pa.list_(pa.string()), None),
        (pa.list_(pa.int8(), 2), pa.list_(pa.int16(), 2), pa.list_(pa.int16(), 2)),
        (pa.list_(pa.int8(), 2), pa.list_(pa.int8(), 3), pa.list_(pa.int8())),
        (pa.list_(pa.int8(), 2), pa.list_(pa.int16()), pa.list_(pa.int16())),
        (pa.struct([("a", pa.int8())]), pa.struct([("a", pa.string())]), None),
    ],
    ids=str,
)
def test_widening_is_lossless_and_works_both_ways(
    one: pa.DataType, other: pa.DataType, both: pa.DataType | None
) -> None:
    assert widen(one, other) == both
    assert widen(other, one) == both


def test_structs_widen_field_by_field() -> None:
    one = pa.struct([("a", pa.int8()), ("b", pa.string())])
    other = pa.struct([("c", pa.bool_()), ("a", pa.int32())])
    assert widen(one, other) == pa.struct([("a", pa.int32()), ("b", pa.string()), ("c", pa.bool_())])


@given(st.data())
def test_a_widened_value_keeps_its_hash(data: st.DataObject) -> None:
    old, new = data.draw(types()), data.draw(types())
    wide = widen(old, new)
    if wide is not None:
        for kind in (old, new):
            array = data.draw(arrays(kind, 4))
            assert hash_array(cast(array, wide)).tolist() == hash_array(array).tolist()


@given(types())
def test_a_type_widened_by_itself_or_by_null_stays(kind: pa.DataType) -> None:
    assert widen(kind, kind) == kind
    assert widen(kind, pa.null()) == kind
    assert widen(pa.null(), kind) == kind


def evolved(old: pa.DataType, new: pa.DataType, change: SchemaChange = "safe") -> pa.DataType:
    schema = evolve(pa.schema([("x", old)]), pa.schema([("x", new)]), change=change, dataset="d")
    return schema.field("x").type


def test_new_columns_come_last_and_missing_ones_stay() -> None:
    old = pa.schema([("a", pa.int8()), ("b", pa.int8())])
    new = pa.schema([("c", pa.int8()), ("b", pa.int16())])
    found = evolve(old, new, change="safe", dataset="d")
    assert found == pa.schema([("a", pa.int8()), ("b", pa.int16()), ("c", pa.int8())])


def test_whole_numbers_may_come_as_reals_and_the_other_way_round() -> None:
    # Each value is checked when it is cast: 1.0 fits a column of whole numbers, 1.5 does not.
    assert evolved(pa.int64(), pa.float64()) == pa.int64()
    assert evolved(pa.float64(), pa.int64()) == pa.float64()
    assert evolved(pa.float64(), pa.int64(), "none") == pa.float64()


@pytest.mark.parametrize("change", ["none", "safe"])
def test_a_change_of_type_that_may_lose_values_is_refused(change: SchemaChange) -> None:
    with pytest.raises(SchemaError, match="is int64, the incoming rows have string") as caught:
        evolved(pa.int64(), pa.string(), change)
    assert (caught.value.column, caught.value.expected, caught.value.found) == ("x", "int64", "string")


def test_any_change_turns_a_column_to_text() -> None:
    assert evolved(pa.int64(), pa.bool_(), "any") == pa.string()


def test_any_change_of_numbers_turns_a_column_to_double() -> None:
    for old, new in ((pa.int64(), pa.float64()), (pa.float64(), pa.int64())):
        assert evolved(old, new, "safe") == old
        assert evolved(old, new, "any") == pa.float64()


def test_without_changes_neither_wider_types_nor_new_columns_pass() -> None:
    with pytest.raises(SchemaError, match="'x'"):
        evolved(pa.int8(), pa.int16(), "none")
    with pytest.raises(SchemaError, match="no column 'new'"):
        evolve(pa.schema([]), pa.schema([("new", pa.int8())]), change="none", dataset="d")
    assert evolved(pa.int16(), pa.int8(), "none") == pa.int16()


def test_a_missing_column_is_named_with_its_neighbours() -> None:
    schema = pa.schema([("age", pa.int8())])
    require_columns(schema, ["age"], where="here")
    with pytest.raises(NotFound, match=r"'agee' not found in dataset 'people'\. Did you mean 'age'"):
        require_columns(schema, ["agee"], where="dataset 'people'")
