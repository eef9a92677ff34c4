from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.recipes.encoder import (
    ENCODERS,
    default_encoder,
    encode,
    encoder_id,
    make_encoder,
    require_fit,
)

TEXTS = pa.array(["one", "two words", "three"])


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        ("flat", r"an array of shape \(3, d\), not one of shape \(3,\)"),
        ("too_few", r"one vector for each value.*not one of shape \(2, 4\)"),
        ("empty_rows", r"not one of shape \(3, 0\)"),
        ("with_nan", "NaN or infinity for 1 of 3 values, the first of them 'three'"),
        ("words", "must return an array of numbers"),
        ("ragged", "must return an array of numbers"),
    ],
)
def test_a_function_that_breaks_its_promise_is_told_how(function: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        encode(make_encoder(f"tests.recipes.encoders:{function}"), TEXTS)
    assert function in caught.value.message


def test_vectors_of_another_length_than_those_before_are_refused() -> None:
    with pytest.raises(UsageError, match="vectors of 3 numbers where others have 5"):
        encode(make_encoder("tests.recipes.encoders:by_batch"), TEXTS, 5)


def test_every_encoder_says_what_it_is() -> None:
    assert set(ENCODERS) >= {"hash", "words", "minilm", "image"}
    for name in ENCODERS:
        kind = ENCODERS[name]
        assert kind.id == name
        assert kind.title
        assert kind.reads in ("text", "image", "any")
        assert kind.__doc__


def test_the_id_names_version_and_parameters() -> None:
    ids = {encoder_id(make_encoder("hash", options)) for options in ({}, {"dimensions": 64}, {"seed": 1})}
    assert len(ids) == 3
    assert all(name.startswith("hash@1:") for name in ids)
    assert encoder_id(make_encoder("hash")) == encoder_id(make_encoder("hash", {"dimensions": 512}))


def test_what_is_unknown_is_named() -> None:
    with pytest.raises(NotFound, match="Did you mean 'hash'"):
        make_encoder("hsah")
    with pytest.raises(NotFound, match="dimensions"):
        make_encoder("hash", {"dimension": 3})
    with pytest.raises(UsageError, match="takes no parameters"):
        make_encoder("tests.recipes.encoders:lengths", {"a": 1})


def test_an_encoder_fits_the_type_of_a_column() -> None:
    require_fit(make_encoder("hash"), pa.string(), "text")
    require_fit(make_encoder("image"), pa.binary(), "bytes")
    require_fit(make_encoder("tests.recipes.encoders:lengths"), pa.int64(), "age")
    with pytest.raises(SchemaError, match="'age' is int64, and the encoder 'hash' takes text"):
        require_fit(make_encoder("hash"), pa.int64(), "age")
    with pytest.raises(SchemaError, match="images as bytes"):
        require_fit(make_encoder("image"), pa.string(), "text")


def test_the_default_is_what_fits_and_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_encoder(pa.binary()) == "image"
    with pytest.raises(SchemaError, match=r"type int64.*MODULE:FUNCTION"):
        default_encoder(pa.int64())
    for module, name in (("minilm:MiniLM", "minilm"), ("word_vectors:WordVectors", "words")):
        path = f"headwater.recipes.{module.replace(':', '.')}.is_installed"
        monkeypatch.setattr(path, lambda: True)
        assert default_encoder(pa.string()) == name
        monkeypatch.setattr(path, lambda: False)
    assert default_encoder(pa.string()) == "hash"


def test_what_an_encoder_returns_becomes_float32() -> None:
    said = encode(make_encoder("tests.recipes.encoders:as_lists"), TEXTS)
    assert said.vectors.dtype == np.float32
    assert said.vectors.tolist() == [[3, 1], [9, 1], [5, 1]]
    assert not said.broken.any()
