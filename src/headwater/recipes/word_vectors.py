"""The encoder ``words``: the mean of the vectors of a text's tokens, from a table that comes with a package."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import MissingExtra
from headwater.core.extras import require
from headwater.methods.projection import unit_rows
from headwater.recipes.encoder import ENCODERS, F32, Encoder

__all__ = ["WordVectors"]

_PACKAGE = "wordllama"
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENS = "tokenizers/l2_supercat_tokenizer_config.json"
_PURPOSE = "The encoder 'words'"


@ENCODERS.register("words")
@dataclass(frozen=True, kw_only=True)
class WordVectors(Encoder):
    """WordLlama: 256 numbers a text, the mean of the vectors of its tokens, which were learnt on pairs of sentences.

    Texts are near when their words mean the same; word order does not count. The weights come with the package
    ``wordllama`` of the extra ``embeddings``.
    """

    id = "words"
    title = "WordLlama, the mean of token vectors"
    reads = "text"
    batch_rows: ClassVar[int] = 1024

    @staticmethod
    def is_installed() -> bool:
        """Say whether the weights and what reads them are there."""
        return all(importlib.util.find_spec(name) for name in (_PACKAGE, "tokenizers", "safetensors"))

    @property
    def fingerprint(self) -> str:
        """The version of the package with the weights."""
        return metadata.version(_PACKAGE) if importlib.util.find_spec(_PACKAGE) else ""

    def encode(self, values: pa.Array) -> F32:
        """Return vectors of unit length; zeros for a text without tokens.

        Raises
        ------
        MissingExtra
            If the weights, or what reads them, are not installed.
        """
        tokenizer, table = _model()
        found = tokenizer.encode_batch(values.to_pylist(), add_special_tokens=False)
        lengths = np.array([len(one) for one in found], np.int64)
        out = np.zeros((len(found), table.shape[1]), np.float32)
        some = np.flatnonzero(lengths)
        if len(some):
            tokens = np.concatenate([np.array(one.ids, np.int64) for one in found])
            starts = (np.cumsum(lengths) - lengths)[some]
            sums = np.add.reduceat(table[np.minimum(tokens, len(table) - 1)], starts, axis=0)
            out[some] = unit_rows(sums)
        return out


@lru_cache(maxsize=1)
def _model() -> tuple[Any, NDArray[np.float32]]:
    tokenizers = require("tokenizers", extra="embeddings", purpose=_PURPOSE)
    safetensors = require("safetensors.numpy", extra="embeddings", purpose=_PURPOSE)
    # Looked up, not imported: only its files are wanted.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra.for_package(_PACKAGE, "embeddings", _PURPOSE)
    folder = Path(next(iter(spec.submodule_search_locations)))
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / _TOKENS))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    table = next(iter(safetensors.load_file(folder / _WEIGHTS).values()))
    return tokenizer, table.astype(np.float32)
