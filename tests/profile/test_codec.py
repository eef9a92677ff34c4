"""States as bytes: what goes in comes out, and damage is noticed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import CorruptObject
from headwater.profile.codec import decode, encode

FIELDS = {
    "count": 3,
    "name": "ü",
    "none": None,
    "infinite": float("inf"),
    "list": [1, "a"],
    "numbers": np.array([1.5, float("nan")]),
    "matrix": np.arange(6).reshape(2, 3),
    "empty": np.zeros(0, np.uint64),
    "texts": pa.array(["a", None, "é"]),
}


def test_fields_come_back() -> None:
    data = encode("kind", 2, FIELDS)
    found = decode("kind", 2, data)
    assert found.keys() == FIELDS.keys()
    for name, value in FIELDS.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype == value.dtype
        else:
            assert found[name] == value
    assert encode("kind", 2, FIELDS) == data


@pytest.mark.parametrize(
    ("kind", "version", "cut"),
    [("other", 2, None), ("kind", 1, None), ("kind", 2, -3), ("kind", 2, 20), ("kind", 2, 2)],
)
def test_other_kinds_versions_and_damage_are_refused(kind: str, version: int, cut: int | None) -> None:
    with pytest.raises(CorruptObject, match="are not a state"):
        decode(kind, version, encode("kind", 2, FIELDS)[:cut])
