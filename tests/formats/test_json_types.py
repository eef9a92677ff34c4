"""How types of JSON values join."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.formats.json_types import join_types, settled, without_times

LEAVES = st.sampled_from([pa.null(), pa.int64(), pa.float64(), pa.bool_(), pa.string()])
KINDS = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        children.map(pa.list_),
        st.dictionaries(st.sampled_from("ab"), children, min_size=1).map(
            lambda found: pa.struct(list(found.items()))
        ),
    ),
    max_leaves=4,
)


@given(KINDS, KINDS)
def test_joining_does_not_depend_on_the_order_but_for_that_of_keys(
    one: pa.DataType, two: pa.DataType
) -> None:
    there, back = join_types(one, two), join_types(two, one)
    assert (there is None) == (back is None)
    if there is not None:
        assert join_types(there, one) == there
        assert join_types(there, two) == there


@given(KINDS)
def test_a_type_joins_itself_and_null(kind: pa.DataType) -> None:
    assert join_types(kind, kind) == kind
    assert join_types(kind, pa.null()) == join_types(pa.null(), kind) == kind


@pytest.mark.parametrize(
    ("one", "two", "joined"),
    [
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.int64(), pa.string(), None),
        (pa.list_(pa.int64()), pa.list_(pa.float64()), pa.list_(pa.float64())),
        (pa.list_(pa.int64()), pa.list_(pa.string()), None),
        (
            pa.struct([("a", pa.int64())]),
            pa.struct([("b", pa.null())]),
            pa.struct([("a", pa.int64()), ("b", pa.null())]),
        ),
        (pa.struct([("a", pa.int64())]), pa.struct([("a", pa.string())]), None),
    ],
)
def test_numbers_widen_and_parts_join(one: pa.DataType, two: pa.DataType, joined: pa.DataType | None) -> None:
    assert join_types(one, two) == joined


def test_what_never_had_a_value_is_text_and_objects_without_keys_cannot_be_stored() -> None:
    assert settled(pa.list_(pa.null())) == pa.list_(pa.string())
    assert settled(pa.struct([("a", pa.null())])) == pa.struct([("a", pa.string())])
    assert settled(pa.struct([])) is None
    assert settled(pa.list_(pa.struct([]))) is None


def test_times_are_text_at_any_depth() -> None:
    timed = pa.struct([("a", pa.list_(pa.timestamp("s")))])
    assert without_times(timed) == pa.struct([("a", pa.list_(pa.string()))])
