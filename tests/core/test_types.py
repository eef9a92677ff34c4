"""Names of types: what people may write, and that every type finds its way back from its name."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, UsageError
from headwater.core.types import parse_type, type_name

PLAIN = [
    *(pa.null(), pa.bool_(), pa.int8(), pa.int64(), pa.uint32(), pa.float16(), pa.float32(), pa.float64()),
    *(pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.date32(), pa.date64(), pa.uuid()),
    *(pa.string_view(), pa.binary_view(), pa.month_day_nano_interval(), pa.binary(16)),
    *(
        pa.timestamp("us"),
        pa.timestamp("ns", "UTC"),
        pa.timestamp("s", "Europe/Berlin"),
        pa.timestamp("ms", "+02:00"),
    ),
    *(pa.time32("s"), pa.time64("ns"), pa.duration("ms"), pa.decimal128(38, 9), pa.decimal128(5, -2)),
    *(pa.decimal32(9, 2), pa.decimal64(18, 2), pa.decimal256(76, 10)),
]


def nested(children: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(st.tuples(st.text(max_size=5), children), max_size=3, unique_by=lambda pair: pair[0])
    return st.one_of(
        children.map(pa.list_),
        children.map(pa.large_list),
        st.builds(pa.list_, children, st.integers(0, 1000)),
        fields.map(lambda pairs: pa.struct([pa.field(*pair) for pair in pairs])),
        st.builds(pa.map_, st.just(pa.string()), children),
        st.just(pa.dictionary(pa.int32(), pa.string())),
    )


@given(st.recursive(st.sampled_from(PLAIN), nested, max_leaves=6))
def test_the_name_of_a_type_gives_the_type_back(kind: pa.DataType) -> None:
    assert parse_type(type_name(kind)) == kind


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("INT", pa.int64()),
        (" text ", pa.string()),
        ("Boolean", pa.bool_()),
        ("datetime", pa.timestamp("us")),
        ("timestamp[ms,UTC]", pa.timestamp("ms", "UTC")),
        ("timestamp[us, tz=UTC]", pa.timestamp("us", "UTC")),
        ("time", pa.time64("us")),
        ("decimal(10)", pa.decimal128(10, 0)),
        ("NUMERIC( 10 , 2 )", pa.decimal128(10, 2)),
        ("list<float>[384]", pa.list_(pa.float32(), 384)),
        ("struct<a: int, b c: text>", None),
        ('struct<"b c": text>', pa.struct([("b c", pa.string())])),
    ],
)
def test_people_may_write_types_in_several_ways(written: str, kind: pa.DataType | None) -> None:
    if kind is None:
        with pytest.raises(UsageError):
            parse_type(written)
    else:
        assert parse_type(written) == kind


def test_the_names_in_the_docs_are_the_short_ones() -> None:
    assert type_name(pa.timestamp("us")) == "timestamp"
    assert type_name(pa.decimal128(10, 2)) == "decimal(10, 2)"
    assert type_name(pa.list_(pa.float32(), 384)) == "list<float>[384]"


def test_a_misspelt_type_gets_a_suggestion() -> None:
    with pytest.raises(NotFound, match="Did you mean 'int64'") as caught:
        parse_type("list<int6>")
    assert caught.value.name == "int6"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "the name of a type is missing"),
        ("list", "'<' is missing"),
        ("list<int64", "'>' is missing"),
        ("int64 not null", "goes on after the type"),
        ("decimal(x, 2)", "not a whole number"),
        ("decimal(99, 2)", "precision"),
        ("timestamp[h]", "the unit is 'h'"),
        ("timestamp[us, ]", "the zone is empty"),
        ("time[us, UTC]", "takes no zone"),
        ("list<float>[-1]", "negative"),
        ("struct<: int64>", "no name"),
        ('struct<"a', "is missing"),
        ("dictionary<string, string>", "an integer"),
        ("list<" * 5000 + "int64" + ">" * 5000, "inside each other"),
    ],
)
def test_a_malformed_type_says_where_and_why(written: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        parse_type(written)
    assert caught.value.type == written
