"""Casts: right where pyarrow's own break, and otherwise the same."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.arrays import cast, rows_to_python, to_python, without_views
from headwater.core.schema import widen
from tests.strategies import arrays, types

NULLS = pa.list_(pa.null())


@pytest.mark.parametrize(
    ("values", "kind", "to"),
    [
        ([[None] * 3, None, []], NULLS, NULLS),
        ([[[None, None], None], None], pa.list_(NULLS), pa.list_(NULLS)),
        ([[None, None], None], pa.list_(pa.null(), 2), pa.list_(pa.null(), 2)),
        (
            [{"n": [None, None], "a": 1}, None],
            pa.struct([("n", NULLS), ("a", pa.int8())]),
            pa.struct([("n", NULLS), ("a", pa.int64())]),
        ),
        (
            [[{"a": [None] * 3, "b": 7}, None], None],
            pa.list_(pa.struct([("a", NULLS), ("b", pa.int8())])),
            pa.list_(pa.struct([("a", NULLS), ("b", pa.float64())])),
        ),
        ([[None, None], None], pa.list_view(pa.null()), NULLS),
        (["a", "a", None], pa.run_end_encoded(pa.int32(), pa.string()), pa.string()),
        ([[1, 2], None, []], pa.list_view(pa.int8()), pa.list_(pa.int32())),
        ([[None, None], None], pa.large_list(pa.null()), NULLS),
        ([[None, None], None], NULLS, pa.list_(pa.string())),
    ],
    ids=str,
)
def test_lists_of_nulls_and_views_are_rebuilt(values: list[Any], kind: pa.DataType, to: pa.DataType) -> None:
    array = pa.array(values, kind)
    for given_ in (
        array,
        array.slice(1),
        pa.chunked_array([array, array.slice(1)]),
        pa.chunked_array([], kind),
    ):
        found = cast(given_, to)
        found.validate(full=True)
        assert found.type == to
        assert found.to_pylist() == given_.to_pylist()


def test_fields_that_a_struct_lacks_are_null() -> None:
    array = pa.array([{"n": [None]}, None], pa.struct([("n", NULLS)]))
    found = cast(array, pa.struct([("n", NULLS), ("b", pa.int8())]))
    assert found.to_pylist() == [{"n": [None], "b": None}, None]


@given(st.data())
def test_a_wider_type_holds_the_same_values(data: st.DataObject) -> None:
    kind = data.draw(types())
    wide = widen(kind, data.draw(types()))
    if wide is not None:
        array = data.draw(arrays(kind, 5)).slice(data.draw(st.integers(0, 2)))
        found = cast(array, wide)
        found.validate(full=True)
        assert found.type == wide
        assert len(found) == len(array)
        assert found.null_count == array.null_count


def test_a_value_that_does_not_fit_is_an_error_of_arrow() -> None:
    with pytest.raises(pa.ArrowException):
        cast(pa.array([1.5]), pa.int64())


def test_list_views_keep_their_order_and_nulls() -> None:
    views = pa.array([[3], None, [1, 2], []], pa.list_view(pa.int8()))
    assert without_views(views).to_pylist() == [[3], None, [1, 2], []]
    assert without_views(views.slice(2)).to_pylist() == [[1, 2], []]


def test_values_that_python_lacks_are_text_and_the_others_are_as_ever() -> None:
    far = [2**62, None]
    table = pa.table(
        {
            "day": pa.array([2**31 - 1, None], pa.int32()).cast(pa.date32()),
            "zone": pa.array([0, None], pa.timestamp("us", "Mars/Base")),
            "span": pa.array(far).cast(pa.duration("s")),
            "inside": pa.array([{"at": far[0]}, None], pa.struct([("at", pa.timestamp("s"))])),
            "plain": pa.array([[1.5], None]),
        }
    )
    assert rows_to_python(table) == [
        {
            "day": "5881580-07-11",
            "zone": "1970-01-01T00:00:00.000000Z",
            "span": "4611686018427387904 seconds",
            "inside": "struct<at: timestamp[s]> beyond what can be shown",
            "plain": [1.5],
        },
        dict.fromkeys(table.column_names),
    ]
    assert to_python(pa.array([0, 1], pa.timestamp("s")))[1].second == 1
