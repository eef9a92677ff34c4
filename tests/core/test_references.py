"""References to large values: what stands for a value has its hash, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.hashing import hash_array, hash_columns
from headwater.core.ids import ObjectId, digest
from headwater.core.references import (
    MARK,
    Reference,
    can_refer,
    has_mark,
    hash_rows,
    hash_values,
    real_bytes,
    references,
    sizes,
)

KINDS = [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()]


def reference_to(value: bytes) -> Reference:
    return Reference(digest(value), int(hash_array(pa.array([value]))[0]), len(value))


def column(values: list[bytes | None], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.binary()).cast(kind)


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 63) - 1), st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read(hashed: int, size: int, name: bytes) -> None:
    reference = Reference(ObjectId(name.hex()), hashed, size)
    assert Reference.decode(reference.encode()) == reference
    assert Reference.decode(reference.encode().decode()) == reference
    for kind in KINDS:
        array = column([None, reference.encode(), b"x"], kind)
        assert references(array) == {1: reference}
        assert hash_values(array)[1] == hashed
        assert sizes(array).tolist() == [0, size, 0]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_value_and_what_stands_for_it_have_the_same_hash(kind: pa.DataType) -> None:
    values: list[bytes | None] = [b"a" * 5000, b"", None, b"b"]
    apart = [reference_to(values[0]).encode(), *values[1:]]  # type: ignore[arg-type]
    rows = pa.table({"v": column(apart, kind), "n": [1, 2, 3, 4]})
    whole = pa.table({"v": column(values, kind), "n": [1, 2, 3, 4]})
    assert np.array_equal(hash_rows(rows), hash_columns(whole))
    assert np.array_equal(hash_rows(rows, ["v"]), hash_columns(whole, ["v"]))
    chunked = pa.chunked_array([column(apart[:1], kind), column(apart[1:], kind)])
    assert np.array_equal(hash_values(chunked), hash_array(column(values, kind)))
    assert real_bytes(rows).tolist() == [5000, 0, 0, 0]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_only_the_whole_form_is_a_reference(kind: pa.DataType) -> None:
    good = reference_to(b"x").encode()
    odd = [MARK, good[:-1], good + b"0", b" " + good, None, b""]
    array = column(odd, kind)
    assert references(array) == {}
    assert has_mark(array).tolist() == [True, True, True, False, False, False]
    assert np.array_equal(hash_values(array), hash_array(array))
    assert len(hash_values(column([], kind))) == 0


def test_other_types_cannot_refer() -> None:
    assert not any(map(can_refer, [pa.int64(), pa.binary(8), pa.list_(pa.string()), pa.null()]))
    assert references(pa.array([1, 2])) == {}
    assert sizes(pa.array([1, 2])).tolist() == [0, 0]


def test_what_is_no_hexadecimal_number_is_no_reference() -> None:
    text = Reference(ObjectId("z" * 64), 1, 2).encode()
    broken = text[:-1] + b"g"
    assert Reference.decode(broken) is None
    assert Reference.decode(text) is None
    assert references(pa.array([broken, text], pa.binary())) == {}
