from __future__ import annotations

import math

import numpy as np
import pytest

from headwater.methods.transformer import encode_sentences, gelu

HIDDEN, INNER, HEADS, LAYERS, WORDS = 8, 16, 2, 2, 30


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(scale=0.5, size=shape).astype(np.float32)

    out = {
        "embeddings.word_embeddings.weight": drawn(WORDS, HIDDEN),
        "embeddings.position_embeddings.weight": drawn(20, HIDDEN),
        "embeddings.token_type_embeddings.weight": drawn(2, HIDDEN),
    }
    shapes = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (INNER, HIDDEN),
        "output.dense": (HIDDEN, INNER),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        for name, shape in shapes.items():
            out[f"{at}{name}.weight"], out[f"{at}{name}.bias"] = drawn(*shape), drawn(shape[0])
        norms += [f"{at}attention.output.LayerNorm", f"{at}output.LayerNorm"]
    for name in norms:
        out[f"{name}.weight"], out[f"{name}.bias"] = 1 + drawn(HIDDEN), drawn(HIDDEN)
    return out


def by_the_book(tokens: list[int], w: dict[str, np.ndarray]) -> np.ndarray:
    """Compute one sentence token by token and head by head, in float64."""

    def normed(x: np.ndarray, name: str) -> np.ndarray:
        centred = (x - x.mean()) / math.sqrt(x.var() + 1e-12)
        return np.asarray(centred * w[f"{name}.weight"] + w[f"{name}.bias"])

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return np.asarray(w[f"{name}.weight"].astype(np.float64) @ x + w[f"{name}.bias"])

    kind = w["embeddings.token_type_embeddings.weight"][0].astype(np.float64)
    places = w["embeddings.position_embeddings.weight"]
    words = w["embeddings.word_embeddings.weight"]
    xs = [normed(words[t] + places[n] + kind, "embeddings.LayerNorm") for n, t in enumerate(tokens)]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        q, k, v = (
            [linear(x, f"{at}attention.self.{part}") for x in xs] for part in ("query", "key", "value")
        )
        fresh = []
        for n, x in enumerate(xs):
            seen = np.zeros(HIDDEN)
            for head in range(HEADS):
                part = slice(head * HIDDEN // HEADS, (head + 1) * HIDDEN // HEADS)
                near = np.array([q[n][part] @ other[part] / math.sqrt(HIDDEN / HEADS) for other in k])
                share = np.exp(near) / np.exp(near).sum()
                seen[part] = sum(s * other[part] for s, other in zip(share, v, strict=True))
            x = normed(x + linear(seen, f"{at}attention.output.dense"), f"{at}attention.output.LayerNorm")
            inner = linear(x, f"{at}intermediate.dense")
            inner = np.array([i * (1 + math.erf(i / math.sqrt(2))) / 2 for i in inner])
            fresh.append(normed(x + linear(inner, f"{at}output.dense"), f"{at}output.LayerNorm"))
        xs = fresh
    mean = np.mean(xs, axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def test_agrees_with_the_formulas_taken_token_by_token() -> None:
    w = weights()
    sentences = [[1, 5, 7, 2], [1, 2], [1, 5, 7, 2, 9], [3, 3, 3, 3]]
    made = encode_sentences([np.array(s) for s in sentences], w, layers=LAYERS, heads=HEADS)
    for row, sentence in zip(made, sentences, strict=True):
        assert row == pytest.approx(by_the_book(sentence, w), abs=2e-5)


def test_a_sentence_has_the_same_vector_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    w = weights(1)
    sentences = [np.array([n % WORDS, 4, (n * 7) % WORDS]) for n in range(40)]
    together = encode_sentences(sentences, w, layers=LAYERS, heads=HEADS)
    monkeypatch.setattr("headwater.methods.transformer._TOGETHER", 6)
    apart = encode_sentences(sentences, w, layers=LAYERS, heads=HEADS)
    assert together == pytest.approx(apart, abs=1e-5)


def test_no_sentences_have_no_vectors() -> None:
    assert encode_sentences([], weights(), layers=LAYERS, heads=HEADS).shape == (0, HIDDEN)


def test_gelu_is_that_of_its_formula() -> None:
    x = np.linspace(-8, 8, 2001).astype(np.float32)
    wanted = [float(i) * (1 + math.erf(float(i) / math.sqrt(2))) / 2 for i in x]
    assert gelu(x) == pytest.approx(np.array(wanted), abs=2e-6)
