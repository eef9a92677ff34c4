"""Names of objects, and the JSON they are taken from: equal values, equal bytes."""

from __future__ import annotations

import json

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.core.ids import canonical_json, digest

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('aé☃"\\'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_an_object_is_named_by_the_blake3_hash_of_its_bytes() -> None:
    assert digest(b"") == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert digest(b"headwater") == blake3(b"headwater").hexdigest()


def test_big_objects_are_named_alike_in_whole_and_through_a_view() -> None:
    data = bytes(range(256)) * 8192
    assert digest(data) == digest(memoryview(data)) == blake3(data).hexdigest()


@given(JSON)
def test_canonical_json_says_the_same_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical_json({"b": 1, "a": [1, {"d": 1, "c": 2}]}) == b'{"a":[1,{"c":2,"d":1}],"b":1}'
    assert canonical_json({"é": "☃"}) == '{"é":"☃"}'.encode()


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


def test_a_text_that_is_no_unicode_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match=r"no UTF-8: '.*label.*udcff"):
        canonical_json({"message": "the label \udcff of row 7"})
