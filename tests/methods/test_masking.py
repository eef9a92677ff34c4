"""Masking hides what it should, keeps what it says, and treats equal values alike."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.masking import mask_part, mask_spans, pseudonymise, redact
from headwater.methods.pii import find_spans

KEY = bytes(range(32))
TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["ann", "bob"])), max_size=20)


@given(TEXTS)
def test_pseudonyms_are_hmacs_equal_for_equal_values_only(texts: list[str | None]) -> None:
    out = pseudonymise(pa.array(texts, pa.string()), key=KEY, length=32).to_pylist()
    assert [value is None for value in out] == [text is None for text in texts]
    assert len(set(out)) == len(set(texts))
    for text, value in zip(texts, out, strict=True):
        if text is not None:
            assert value == hmac.new(KEY, b"0::" + text.encode(), hashlib.sha256).hexdigest()[:32]


def test_pseudonyms_depend_on_key_and_domain_and_not_on_type_or_chunks() -> None:
    values = pa.array(["1", "2"])
    tokens = pseudonymise(values, key=KEY, domain="id")
    assert pseudonymise(pa.chunked_array([[1], [2]]), key=KEY, domain="id").equals(tokens)
    assert pseudonymise(values.dictionary_encode(), key=KEY, domain="id").equals(tokens)
    others = [pseudonymise(values, key=KEY, domain="i"), pseudonymise(values, key=KEY[::-1], domain="id")]
    assert all(set(other.to_pylist()).isdisjoint(tokens.to_pylist()) for other in others)


@given(TEXTS, st.integers(0, 4), st.integers(0, 4))
def test_only_the_ends_of_long_values_stay_readable(texts: list[str | None], start: int, end: int) -> None:
    out = mask_part(pa.array(texts, pa.string()), keep_start=start, keep_end=end).to_pylist()
    for text, masked in zip(texts, out, strict=True):
        if text is None:
            assert masked is None
            continue
        assert len(masked) == len(text)
        hidden = masked[start : len(masked) - end] if len(text) > start + end else masked
        assert not any(character.isalnum() for character in hidden)
        if len(text) > start + end:
            assert (masked[:start], masked[len(masked) - end :]) == (text[:start], text[len(text) - end :])


def test_masks_of_cards_mails_and_numbers() -> None:
    values = pa.array(["4111-1111-1111-1234", "ann@mail.example", "Jürgen Ł", None, ""])
    assert mask_part(values, keep_start=1, keep_end=2).to_pylist() == [
        "4***-****-****-**34",
        "a**@****.*****le",
        "J***** Ł",
        None,
        "",
    ]
    assert mask_part(pa.array([123456]), mask="\\").to_pylist() == ["\\\\3456"]


def test_redaction_replaces_every_value_and_keeps_nulls() -> None:
    assert redact(pa.array([1, None])).to_pylist() == ["[redacted]", None]
    assert redact(pa.chunked_array([[date(2026, 1, 1)], [None]]), replacement=None).to_pylist() == [
        None,
        None,
    ]


def test_found_spans_are_replaced_and_nothing_else() -> None:
    texts = pa.array(["Write a@b.de or call 212-555-0123!", None, "no data", "ä c@d.fr"])
    spans = find_spans(texts)
    assert mask_spans(texts, spans).to_pylist() == [
        "Write <email> or call <phone>!",
        None,
        "no data",
        "ä <email>",
    ]
    stars = ["*" * len(value) for value in spans["value"].to_pylist()]
    assert mask_spans(texts, spans, stars)[3].as_py() == "ä ******"
    assert find_spans(mask_spans(texts, spans)).num_rows == 0


@pytest.mark.parametrize(
    "values", [pa.nulls(2), pa.array([], pa.string()), pa.chunked_array([], pa.string())]
)
def test_empty_and_all_null_columns_stay_so(values: pa.Array) -> None:
    nothing = [None] * len(values)
    assert redact(values).to_pylist() == nothing
    assert mask_part(values).to_pylist() == nothing
    assert pseudonymise(values, key=KEY).to_pylist() == nothing
    assert mask_spans(values, find_spans(values)).to_pylist() == nothing


def test_weak_keys_and_wrong_arguments_are_refused() -> None:
    values = pa.array(["a"])
    with pytest.raises(UsageError, match="at least 16"):
        pseudonymise(values, key=b"short")
    with pytest.raises(UsageError, match="8 to 64"):
        pseudonymise(values, key=KEY, length=4)
    with pytest.raises(UsageError, match="one character"):
        mask_part(values, mask="**")
    with pytest.raises(UsageError, match="as many replacements"):
        mask_spans(values, find_spans(values), ["x"])
