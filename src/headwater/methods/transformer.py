"""A BERT encoder in numpy: what a sentence transformer computes, from its weights and token numbers.

Nothing is trained here; the weights come from a file. Without a deep learning framework a small model reads some
hundred sentences a second, which is enough for the rows that a commit changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from headwater.methods.projection import unit_rows

__all__ = ["encode_sentences", "gelu"]

F32 = NDArray[np.float32]
Weights = Mapping[str, F32]

_TOGETHER = 4096
_ROOT_HALF = np.float32(np.sqrt(0.5))


def encode_sentences(
    sentences: Sequence[NDArray[np.int64]], weights: Weights, *, layers: int, heads: int
) -> F32:
    """Return the mean of each sentence's token vectors after all layers, at unit length.

    Parameters
    ----------
    sentences : sequence of numpy.ndarray of int64
        The token numbers of each of n sentences, the special ones included; at least one each.
    weights : mapping of str to numpy.ndarray of float32
        The tensors of a BERT model under their usual names, ``embeddings.word_embeddings.weight`` and so on.
    layers, heads : int
        How many there are.

    Returns
    -------
    numpy.ndarray of float32, shape (n, hidden size)

    Notes
    -----
    Sentences of one length go together, so nothing is padded or masked. A token's cost is linear in the sentence's
    length, and memory is bounded by 4,096 tokens (or the longest sentence).

    References
    ----------
    Vaswani et al. (2017). Attention is all you need. NeurIPS. arXiv:1706.03762
    Devlin et al. (2019). BERT. NAACL. doi:10.18653/v1/N19-1423
    Reimers, Gurevych (2019). Sentence-BERT. EMNLP. doi:10.18653/v1/D19-1410 (the mean of token vectors)
    """
    hidden = weights["embeddings.word_embeddings.weight"].shape[1]
    out = np.zeros((len(sentences), hidden), np.float32)
    lengths = np.array([len(sentence) for sentence in sentences], np.int64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        size = max(1, _TOGETHER // int(length))
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            tokens = np.stack([sentences[row] for row in some])
            out[some] = _states(tokens, weights, layers, heads).mean(axis=1)
    return np.asarray(unit_rows(out), np.float32)


def gelu(x: F32) -> F32:
    """Return x Φ(x), Φ being the normal distribution, to within 2e-7 of x.

    References
    ----------
    Hendrycks, Gimpel (2016). Gaussian error linear units. arXiv:1606.08415
    Abramowitz, Stegun (1964). Handbook of mathematical functions, 7.1.26 (the error function).
    """
    size: F32 = np.abs(x) * _ROOT_HALF
    t: F32 = np.reciprocal(1 + np.float32(0.3275911) * size)
    series: F32 = np.full_like(x, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series *= t
        series += np.float32(factor)
    erf = np.copysign(1 - series * t * np.exp(-size * size), x)
    return np.asarray(x * (1 + erf) * np.float32(0.5), np.float32)


def _states(tokens: NDArray[np.int64], weights: Weights, layers: int, heads: int) -> F32:
    """Return the vectors of the tokens of n sentences of one length, shape (n, length, hidden)."""
    count, length = tokens.shape
    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][:length]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = _normed(x.reshape(count * length, -1), weights, "embeddings.LayerNorm")
    for number in range(layers):
        at = f"encoder.layer.{number}"
        seen = _attention(x, weights, f"{at}.attention.self", (count, length, heads))
        seen = _linear(seen, weights, f"{at}.attention.output.dense")
        x = _normed(x + seen, weights, f"{at}.attention.output.LayerNorm")
        inner = gelu(_linear(x, weights, f"{at}.intermediate.dense"))
        x = _normed(x + _linear(inner, weights, f"{at}.output.dense"), weights, f"{at}.output.LayerNorm")
    return x.reshape(count, length, -1)


def _attention(x: F32, weights: Weights, at: str, shape: tuple[int, int, int]) -> F32:
    """Return what each token takes from the others of its sentence: softmax(Q Kᵀ / √width) V, head by head."""
    query, key, value = (
        _linear(x, weights, f"{at}.{part}").reshape(*shape, -1).transpose(0, 2, 1, 3)
        for part in ("query", "key", "value")
    )
    near = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(query.shape[-1]))
    near = np.exp(near - near.max(axis=-1, keepdims=True))
    near /= near.sum(axis=-1, keepdims=True)
    return np.asarray((near @ value).transpose(0, 2, 1, 3).reshape(len(x), -1), np.float32)


def _linear(x: F32, weights: Weights, at: str) -> F32:
    return np.asarray(x @ weights[f"{at}.weight"].T + weights[f"{at}.bias"], np.float32)


def _normed(x: F32, weights: Weights, at: str) -> F32:
    centred = x - x.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + np.float32(1e-12))
    return np.asarray(centred / spread * weights[f"{at}.weight"] + weights[f"{at}.bias"], np.float32)
