"""The hash is part of the repository format: pinned values, and what it may not depend on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core import hashing
from headwater.core.hashing import ValueHash, hash_array, hash_columns, hash_keys, is_one_to_one, mix
from tests.strategies import arrays, tables, types

LONG = "river" * 40

CASES: dict[str, pa.Array] = {
    "null": pa.nulls(2),
    "bool": pa.array([False, True, None]),
    "int64": pa.array([0, 1, -1, 2**63 - 1, -(2**63), None], pa.int64()),
    "uint64": pa.array([0, 1, 2**64 - 1, None], pa.uint64()),
    "float64": pa.array([0.0, 1.0, -1.0, 0.5, float("nan"), float("inf"), 1e300, None], pa.float64()),
    "string": pa.array(["", "a", "naïve ☃", "12345678", "123456789", LONG, None]),
    "binary": pa.array([b"", b"\0", b"\0\0", b"a", None]),
    "uuid": pa.array([bytes(range(16)), None], pa.binary(16)),
    "date": pa.array([date(1970, 1, 1), date(2026, 11, 23), date(1900, 1, 1), None]),
    "time": pa.array([time(0), time(23, 59, 59, 999_999), None], pa.time64("us")),
    "timestamp": pa.array([1_795_417_501_250_000, -86_400_000_000, None], pa.timestamp("us")),
    "duration": pa.array([timedelta(0), timedelta(seconds=-1, milliseconds=5), None], pa.duration("ms")),
    "decimal": pa.array([Decimal(0), Decimal("-1.50"), Decimal("1e-9"), None], pa.decimal128(20, 9)),
    "list": pa.array([[], [1], [1, None], [None, 1], None], pa.list_(pa.int32())),
    "fixed list": pa.array([[1.0, 2.5], [2.5, 1.0], None], pa.list_(pa.float32(), 2)),
    "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None]),
    "map": pa.array([[("a", 1), ("b", None)], [], None], pa.map_(pa.string(), pa.int8())),
}
"""Values of every kind of type, for the pinned hashes below."""

GOLDEN: dict[str, list[int]] = {
    "null": [0x0, 0x0],
    "bool": [0xE220A8397B1DCDAF, 0x910A2DEC89025CC1, 0x0],
    "int64": [
        0xE220A8397B1DCDAF,
        0x910A2DEC89025CC1,
        0xE4D971771B652C20,
        0x2A67D7552E039EA7,
        0x481EC0A212A9F3DB,
        0x0,
    ],
    "uint64": [0xE220A8397B1DCDAF, 0x910A2DEC89025CC1, 0xE4D971771B652C20, 0x0],
    "float64": [
        0xE220A8397B1DCDAF,
        0x910A2DEC89025CC1,
        0xE4D971771B652C20,
        0xF456984DD1D8CE6D,
        0xC72971D82E15BB46,
        0x249E5410C2F97D99,
        0xFF5A832A738C19A6,
        0x0,
    ],
    "string": [
        0xE220A8397B1DCDAF,
        0x185935605C3DAB4D,
        0x4E0699520494D478,
        0x8A2DC0C8CFF6ACD2,
        0x711563FE723E5D70,
        0x5586B23F2D12D556,
        0x0,
    ],
    "binary": [0xE220A8397B1DCDAF, 0x5E76DDBE2073F2C4, 0x3DF8642E5E337091, 0x185935605C3DAB4D, 0x0],
    "uuid": [0x677FD2F8CE1B1C0E, 0x0],
    "date": [0xA706DD2F4D197E6F, 0xD2000B68E11A0F71, 0xEA1D6C559D2B9140, 0x0],
    "time": [0xA706DD2F4D197E6F, 0xB6927D45C7B4ED41, 0x0],
    "timestamp": [0xC559AB3E50BA4F61, 0x5509C03B2CE4C9FD, 0x0],
    "duration": [0xA706DD2F4D197E6F, 0x89A1EC2D0D94008C, 0x0],
    "decimal": [0x24FE0CF5ED5ECFB1, 0xC450E579B92ED3D1, 0x40E3A833A6F4371E, 0x0],
    "list": [0xE220A8397B1DCDAF, 0x18C0350C5F49CDD6, 0x2E3B4D4F4FCB7EE2, 0xE8E6A83644B226C, 0x0],
    "fixed list": [0x75E04198DD28F7ED, 0xA51D85EC0AFB3A32, 0x0],
    "struct": [0xEF6A81468BC978B, 0x9E3779B97F4A7C15, 0x0],
    "map": [0x6A205AC342FE7BF4, 0xE220A8397B1DCDAF, 0x0],
}
ROWS = [0xD8CB99CCF48E2A43, 0x596E92D4866CF395]
KEYS = [0xE9FD6049D65AF21E, 0xE06DD043328BD285]
COMPOSITE_KEYS = [0xEDDC9511EBE64E7F, 0xE06DD043328BD285]


@pytest.mark.parametrize("name", CASES)
def test_hashes_are_those_of_format_1(name: str) -> None:
    assert hash_array(CASES[name]).tolist() == GOLDEN[name]


def test_every_kind_of_type_has_a_pinned_hash() -> None:
    assert GOLDEN.keys() == CASES.keys()


def test_row_and_key_hashes_are_those_of_format_1() -> None:
    table = pa.table({"id": [1, 2], "name": ["Ada", None]})
    assert hash_columns(table).tolist() == ROWS
    assert hash_keys(table, ["id"]).tolist() == KEYS
    assert hash_keys(table, ["id", "name"]).tolist() == COMPOSITE_KEYS


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (pa.int8(), pa.int64()),
        (pa.uint8(), pa.int16()),
        (pa.uint32(), pa.uint64()),
        (pa.int32(), pa.float64()),
        (pa.uint8(), pa.float32()),
        (pa.float32(), pa.float64()),
        (pa.date32(), pa.timestamp("s")),
        (pa.date32(), pa.date64()),
        (pa.timestamp("s"), pa.timestamp("ns")),
        (pa.timestamp("ms", "UTC"), pa.timestamp("us", "UTC")),
        (pa.time32("s"), pa.time64("ns")),
        (pa.duration("s"), pa.duration("us")),
        (pa.string(), pa.large_string()),
        (pa.string(), pa.string_view()),
        (pa.binary(3), pa.binary()),
        (pa.binary(), pa.large_binary()),
        (pa.binary(), pa.binary_view()),
        (pa.decimal32(6, 2), pa.decimal128(20, 2)),
        (pa.decimal128(6, 2), pa.decimal256(40, 9)),
        (pa.decimal128(6, 0), pa.decimal128(20, 12)),
        (pa.list_(pa.int8()), pa.large_list(pa.int64())),
        (pa.list_(pa.int8()), pa.list_(pa.float64())),
        (pa.list_(pa.int8(), 2), pa.list_(pa.int32())),
        (pa.list_(pa.null()), pa.list_(pa.string())),
    ],
    ids=str,
)
def test_equal_values_hash_equally_whatever_their_width(narrow: pa.DataType, wide: pa.DataType) -> None:
    values = sample(narrow)
    assert hash_array(values).tolist() == hash_array(values.cast(wide)).tolist()


def sample(kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array(["", "a", "long enough to need many words", None])
    if pa.types.is_binary(kind):
        return pa.array([b"", b"abc", b"\0\0\0", None])
    if pa.types.is_fixed_size_binary(kind):
        return pa.array([b"abc", b"\0\0\0", None], kind)
    if pa.types.is_decimal(kind):
        return pa.array([Decimal(1), Decimal(100), Decimal(0), Decimal(-70), None], kind)
    if pa.types.is_fixed_size_list(kind):
        return pa.array([[1, None], [2, 3], None], kind)
    if pa.types.is_list(kind):
        null = pa.types.is_null(kind.value_type)
        return pa.array([[], [None, None], None] if null else [[], [1, None], [2, 3], None], kind)
    return pa.array([0, 1, 100, None], kind)


def test_no_value_but_null_hashes_to_0() -> None:
    # The one integer that the mixing function takes to 0.
    unlucky = pa.array([7046029254386353131, 1], pa.int64())
    assert int(mix(np.array([7046029254386353131], np.uint64))[0]) == 0
    assert hash_array(unlucky)[0] != 0
    alone = hash_columns(pa.table({"x": unlucky.slice(0, 1)}))[0]
    beside_null = hash_columns(pa.table({"x": pa.array([7046029254386353131, None])}))[0]
    assert alone == beside_null != 0


def test_both_zeros_and_all_nans_are_one_value() -> None:
    negative_nan = np.array([0xFFF8000000000001], np.uint64).view(np.float64)[0]
    hashes = hash_array(pa.array([0.0, -0.0, float("nan"), negative_nan]))
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]


def test_a_null_adds_nothing_to_its_row() -> None:
    table = pa.table({"a": [1, 2], "b": pa.array([None, None], pa.string())})
    assert hash_columns(table).tolist() == hash_columns(table, ["a"]).tolist()


def test_nulls_in_a_dictionary_are_nulls() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["a", None]))
    plain = pa.array(["a", None, None])
    assert hash_array(coded).tolist() == hash_array(plain).tolist()
    assert hash_columns(pa.table({"x": coded})).tolist() == hash_columns(pa.table({"x": plain})).tolist()


def test_a_dictionary_without_values_holds_nulls() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.string()))
    assert hash_array(coded).tolist() == [0, 0]


@given(st.data())
def test_hashes_do_not_depend_on_slices_chunks_or_dictionaries(data: st.DataObject) -> None:
    kind = data.draw(types())
    array = data.draw(arrays(kind, 9))
    whole = hash_array(array)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    assert hash_array(array.slice(start, stop - start)).tolist() == whole[start:stop].tolist()
    chunked = pa.chunked_array([array.slice(0, start), array.slice(start)], kind)
    assert hash_array(chunked).tolist() == whole.tolist()
    taken = array.take(pa.array(range(9)))
    assert hash_array(taken).tolist() == whole.tolist()
    assert ((whole == 0) == np.asarray(array.is_null())).all() or pa.types.is_null(kind)


@given(st.lists(st.none() | st.text(max_size=5), max_size=12))
def test_encodings_hash_as_their_values(texts: list[str | None]) -> None:
    plain = pa.array(texts, pa.string())
    whole = hash_array(plain).tolist()
    assert hash_array(plain.dictionary_encode()).tolist() == whole
    assert hash_array(plain.cast(pa.string_view())).tolist() == whole
    if texts:
        ends = pa.array(range(1, len(texts) + 1), pa.int32())
        assert hash_array(pa.RunEndEncodedArray.from_arrays(ends, plain)).tolist() == whole


def test_maps_of_lists_of_nulls_hash_alike_in_slices() -> None:
    # Arrow breaks these when it casts them to lists of structs.
    values = [*[None] * 7, [("", [None])], [("", [None, None])]]
    array = pa.array(values, pa.map_(pa.string(), pa.list_(pa.null())))
    hashes = hash_array(array)
    assert len(np.unique(hashes)) == 3
    assert np.array_equal(hash_array(array[8:]), hashes[8:])


def test_list_views_hash_as_lists() -> None:
    values = [[1, 2], None, [], [3]]
    views = pa.array(values, pa.list_view(pa.int8()))
    assert hash_array(views).tolist() == hash_array(pa.array(values, pa.list_(pa.int8()))).tolist()
    assert hash_array(views.slice(1)).tolist() == hash_array(views)[1:].tolist()


@given(tables(min_columns=2, max_columns=4, flat=True))
def test_a_row_hashes_alike_in_any_order_of_columns(table: pa.Table) -> None:
    turned = table.select(table.schema.names[::-1])
    assert hash_columns(table).tolist() == hash_columns(turned).tolist()


@given(tables(min_columns=2, max_columns=4, flat=True))
def test_columns_can_be_added_to_and_taken_from_row_hashes(table: pa.Table) -> None:
    first, rest = table.schema.names[:1], table.schema.names[1:]
    assert (hash_columns(table, first) + hash_columns(table, rest)).tolist() == hash_columns(table).tolist()


def test_values_that_change_places_change_the_row_and_the_key() -> None:
    table = pa.table({"a": [1, 2], "b": [2, 1]})
    rows, keys = hash_columns(table), hash_keys(table, ["a", "b"])
    assert rows[0] != rows[1]
    assert keys[0] != keys[1]
    assert hash_keys(table, ["a", "b"])[0] == hash_keys(table.rename_columns(["x", "y"]), ["x", "y"])[0]


def test_many_strings_of_every_length_do_not_collide() -> None:
    texts = [stem + "x" * count for count in range(400) for stem in ("", "y", "\0")]
    assert len(np.unique(hash_array(pa.array(texts)))) == len(set(texts))


def test_long_strings_hash_alike_alone_and_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a" * 97, "b" * 5000, "", "c" * 96, "d" * 1_000_000, "e" * 333]
    together = hash_array(pa.array(texts)).tolist()
    assert [int(hash_array(pa.array([text]))[0]) for text in texts] == together
    monkeypatch.setattr(hashing, "_SLICE_WORDS", 16)
    assert hash_array(pa.array(texts)).tolist() == together


@pytest.mark.parametrize(
    "make",
    [
        lambda: pa.array([], pa.string()),
        lambda: pa.chunked_array([], pa.int64()),
        lambda: pa.array([], pa.list_(pa.int8())),
        lambda: pa.array([], pa.list_(pa.int8(), 3)),
        lambda: pa.array([], pa.struct([("a", pa.int8())])),
        lambda: pa.array([], pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_no_values_have_no_hashes(make: Callable[[], pa.Array]) -> None:
    assert hash_array(make()).tolist() == []


def test_rows_of_no_columns_hash_to_0() -> None:
    assert hash_columns(pa.table({"a": [1, 2]}), []).tolist() == [0, 0]


def test_extension_values_hash_as_what_they_store() -> None:
    raw = pa.array([bytes(range(16)), None], pa.binary(16))
    assert hash_array(pa.ExtensionArray.from_storage(pa.uuid(), raw)).tolist() == hash_array(raw).tolist()


def test_values_that_cannot_be_hashed_are_refused() -> None:
    with pytest.raises(TypeError, match="month_day_nano"):
        hash_array(pa.nulls(1, pa.month_day_nano_interval()))


def test_mixing_keeps_distinct_values_distinct() -> None:
    assert len(np.unique(mix(np.arange(100_000, dtype=np.uint64)))) == 100_000


def test_whole_numbers_as_keys_are_told_apart_by_their_hash_but_for_one_pair() -> None:
    def unmixed(value: int) -> int:
        """Return what `mix` makes ``value`` of."""
        for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
            shifted = value
            for _ in range(3):
                value = shifted ^ (value >> shift)
            value = value * pow(factor, -1, 1 << 64) % (1 << 64)
        return (value - 0x9E3779B97F4A7C15) % (1 << 64)

    assert mix(np.array([unmixed(77)], np.uint64)) == 77
    hashes = hash_keys(pa.table({"k": pa.array([unmixed(0), unmixed(1), 5], pa.uint64())}), ["k"])
    assert hashes[0] == hashes[1]
    assert not is_one_to_one([pa.uint64()], hashes)
    assert is_one_to_one([pa.uint64()], hashes[2:])
    assert not is_one_to_one([pa.uint64()], hash_keys(pa.table({"k": pa.nulls(1, pa.uint64())}), ["k"]))
    assert not is_one_to_one([pa.float64()], hashes[2:])
    assert not is_one_to_one([pa.uint64(), pa.uint64()], hashes[2:])


@given(st.binary(max_size=5000), st.lists(st.integers(0, 5000), max_size=6), st.integers(1, 40))
def test_a_value_that_comes_in_pieces_hashes_as_the_whole(data: bytes, cuts: list[int], times: int) -> None:
    whole = data * times
    hasher = ValueHash()
    start = 0
    for cut in [*sorted(cuts), len(whole)]:
        hasher.update(memoryview(whole)[start:cut])
        hasher.value()
        start = max(start, cut)
    assert hasher.value() == int(hash_array(pa.array([whole]))[0])


def test_long_values_hash_as_they_always_did() -> None:
    sizes = [0, 1, 95, 96, 97, 2047, 2048, 2049, 2056, 300_000]
    values = [bytes(np.random.default_rng(size).integers(0, 256, size, np.uint8)) for size in sizes]
    hashes = hash_array(pa.array(values, pa.binary()))
    assert int(hashes.sum(dtype=np.uint64)) == 17681427898175655198
    assert np.array_equal(hashes, [hash_array(pa.array([value], pa.large_binary()))[0] for value in values])
