from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import MissingExtra
from headwater.recipes import word_vectors
from headwater.recipes.encoder import encode, make_encoder

needs_weights = pytest.mark.skipif(
    not word_vectors.WordVectors.is_installed(), reason="the extra 'embeddings' is not installed"
)


@needs_weights
def test_texts_with_words_of_one_meaning_are_near() -> None:
    texts = ["the dog barks", "a puppy is barking", "interest rates rise", ""]
    made = encode(make_encoder("words"), pa.array(texts)).vectors
    assert made.shape == (4, 256)
    assert made[0] @ made[1] > 0.4 > made[0] @ made[2] + 0.1
    assert np.linalg.norm(made, axis=1) == pytest.approx([1, 1, 1, 0])


@needs_weights
def test_a_text_has_the_same_vector_in_any_batch() -> None:
    texts = [f"text {n} " * (1 + n % 5) for n in range(50)]
    encoder = make_encoder("words")
    together = encoder.encode(pa.array(texts))
    assert together[7:8] == pytest.approx(encoder.encode(pa.array(texts[7:8])), abs=1e-6)


def test_without_the_weights_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    word_vectors._model.cache_clear()
    monkeypatch.setattr(word_vectors, "_PACKAGE", "no_such_package_here")
    assert not word_vectors.WordVectors.is_installed()
    with pytest.raises(MissingExtra, match=r"headwater\[embeddings\]"):
        make_encoder("words").encode(pa.array(["a"]))
