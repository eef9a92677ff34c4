"""The row index: sorted key hashes with positions, and row hashes, as bytes that stay the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headwater.store.rowindex import KEY_BYTES, ROW_BYTES, Keys, decode_rows, encode_rows

HASHES = hnp.arrays(np.uint64, st.integers(0, 30), elements=st.integers(0, 5) | st.integers(0, 2**64 - 1))


@given(HASHES)
def test_keys_come_back_from_their_bytes(hashes: np.ndarray) -> None:
    keys = Keys.of(hashes)
    data = keys.encode()
    again = Keys.decode(pa.py_buffer(data))
    assert len(data) == KEY_BYTES * len(hashes)
    assert (again.hashes == np.sort(hashes)).all()
    assert (again.by_position() == hashes).all()
    assert sorted(again.positions.tolist()) == list(range(len(hashes)))


@given(HASHES)
def test_rows_come_back_from_their_bytes(hashes: np.ndarray) -> None:
    data = encode_rows(hashes)
    assert len(data) == ROW_BYTES * len(hashes)
    assert (decode_rows(pa.py_buffer(data)) == hashes).all()


def test_the_bytes_are_those_of_format_1() -> None:
    assert Keys.of(np.array([3, 1, 258], np.uint64)).encode().hex() == (
        "010000000000000003000000000000000201000000000000010000000000000002000000"
    )
    assert encode_rows(np.array([1, 258], np.uint64)).hex() == "01000000000000000201000000000000"


def test_equal_hashes_keep_the_order_of_the_rows() -> None:
    assert Keys.of(np.array([7, 7, 1, 7], np.uint64)).positions.tolist() == [2, 0, 1, 3]
