"""What an encoder is: a fixed function from values to vectors, and the registry of all encoders.

An encoder learns nothing from the dataset: a value has the same vector in every row, batch and commit, so that only
values that are new need encoding. To add one, write one file in this folder with a frozen dataclass whose fields are
its parameters, and register it::

    @ENCODERS.register("length")
    @dataclass(frozen=True, kw_only=True)
    class Length(Encoder):
        id = "length"
        title = "Length of a text"
        reads = "text"

        def encode(self, values: pa.Array) -> NDArray[np.float32]:
            return np.asarray(pc.utf8_length(values), np.float32).reshape(-1, 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.core.ids import canonical_json, digest
from headwater.core.registry import Registry
from headwater.engine.base import Resources

__all__ = [
    "ENCODERS",
    "Encoded",
    "Encoder",
    "Reads",
    "default_encoder",
    "encode",
    "encoder_id",
    "make_encoder",
]

F32 = NDArray[np.float32]
Reads = Literal["text", "image", "any"]


class Encoder(Protocol):
    """A fixed function from values to vectors. Implementations are frozen dataclasses.

    Attributes
    ----------
    id : str
        The name it is registered under.
    version : str
        Raised when the same value and parameters may give another vector.
    title : str
        A few words that say what it does.
    reads : {"text", "image", "any"}
        What it takes: text, the bytes of image files, or values of any type.
    passes_over : bool
        Whether a row of NaN says that a value cannot be encoded, such as a broken image, and gets no vector.
    resources : Resources
        What encoding one batch needs.
    batch_rows : int
        How many values to encode at once.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    reads: ClassVar[Reads]
    version: ClassVar[str] = "1"
    passes_over: ClassVar[bool] = False
    resources: ClassVar[Resources] = Resources()
    batch_rows: ClassVar[int] = 1024

    @property
    def fingerprint(self) -> str:
        """What besides version and parameters the vectors depend on: weights, the code of a function."""
        return ""

    def encode(self, values: pa.Array) -> F32:
        """Return one vector a value.

        Parameters
        ----------
        values : pyarrow.Array
            n values without nulls, no two equal.

        Returns
        -------
        numpy.ndarray of float32, shape (n, d)
            With the same d whatever the values.
        """
        ...


ENCODERS: Registry[type[Encoder]] = Registry("encoder", "headwater.recipes")
"""Every kind of encoder, by id."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Vectors of some values, and which of the values have none: broken ones, which an encoder passes over."""

    vectors: F32
    broken: NDArray[np.bool_]


def make_encoder(name: str, parameters: Mapping[str, Any] | None = None) -> Encoder:
    """Return the encoder of that name with its parameters, or the one of a user's ``module:function``.

    Raises
    ------
    NotFound
        If there is no such encoder, module, function or parameter.
    UsageError
        If a parameter has no meaning.
    """
    given = dict(parameters or {})
    if ":" in name:
        from headwater.recipes.function_encoder import FunctionEncoder

        if given:
            raise UsageError(f"The function {name!r} takes no parameters here; write them into the function.")
        return FunctionEncoder(name=name)
    kind = ENCODERS[name]
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for parameter in given:
        if parameter not in known:
            raise NotFound.among("parameter", parameter, known, where=f"encoder {name!r}")
    try:
        return kind(**given)
    except TypeError as error:
        raise UsageError(f"Encoder {name!r}: {error}.", encoder=name) from error


def default_encoder(kind: pa.DataType) -> str:
    """Return the encoder for values of a type: the best one that is installed.

    Raises
    ------
    SchemaError
        If none that is built in takes such values.
    """
    if _is_bytes(kind):
        return "image"
    if not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
        raise SchemaError(
            f"No encoder that is built in takes values of type {kind}: they take text, and images as bytes. Name a "
            "function of your own: --encoder MODULE:FUNCTION."
        )
    from headwater.recipes.minilm import MiniLM
    from headwater.recipes.word_vectors import WordVectors

    return MiniLM.id if MiniLM.is_installed() else WordVectors.id if WordVectors.is_installed() else "hash"


def encoder_id(encoder: Encoder) -> str:
    """Return a name for an encoder: equal names, equal vectors."""
    facts = [encoder_name(encoder), encoder_options(encoder), encoder.fingerprint]
    return f"{encoder.id}@{encoder.version}:{digest(canonical_json(facts))[:12]}"


def require_fit(encoder: Encoder, kind: pa.DataType, column: str) -> None:
    """Raise unless an encoder takes values of a column's type.

    Raises
    ------
    SchemaError
        If it does not.
    """
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if (encoder.reads == "text" and not text) or (encoder.reads == "image" and not _is_bytes(kind)):
        wanted = "text" if encoder.reads == "text" else "images as bytes"
        raise SchemaError(
            f"Column {column!r} is {kind}, and the encoder {encoder.id!r} takes {wanted}. Name another encoder, or a "
            "function of your own: --encoder MODULE:FUNCTION.",
            column=column,
        )


def encode(encoder: Encoder, values: pa.Array, dimensions: int | None = None) -> Encoded:
    """Encode values and hold the encoder to its promise.

    Parameters
    ----------
    encoder : Encoder
        The encoder.
    values : pyarrow.Array
        n values without nulls.
    dimensions : int, optional
        The length that vectors must have.

    Returns
    -------
    Encoded

    Raises
    ------
    UsageError
        If the encoder returns no n vectors of numbers of one length, or NaN or infinity.
    """
    said: Any = encoder.encode(values)
    who = (
        f"Encoder {encoder.id!r}"
        if ":" not in encoder_name(encoder)
        else f"Encoder {encoder_name(encoder)!r}"
    )
    try:
        vectors = np.asarray(said, np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{who} must return an array of numbers of shape ({len(values)}, d), not {_shape(said)}: {error}."
        ) from error
    if vectors.ndim != 2 or len(vectors) != len(values) or vectors.shape[1] == 0:
        raise UsageError(
            f"{who} must return one vector for each value it is given: an array of shape ({len(values)}, d), not "
            f"{_shape(vectors)}."
        )
    if dimensions is not None and vectors.shape[1] != dimensions:
        raise UsageError(
            f"{who} returned vectors of {vectors.shape[1]} numbers where others have {dimensions}. All need one length."
        )
    finite = np.isfinite(vectors).all(axis=1)
    broken = np.zeros(len(values), np.bool_)
    if encoder.passes_over:
        broken |= np.isnan(vectors).all(axis=1)
    bad = np.flatnonzero(~finite & ~broken)
    if len(bad):
        shown = repr(values[int(bad[0])].as_py())
        raise UsageError(
            f"{who} returned NaN or infinity for {len(bad)} of {len(values)} values, the first of them "
            f"{shown[:60]}{'…' if len(shown) > 60 else ''}. Return finite numbers, for example zeros."
        )
    return Encoded(np.ascontiguousarray(vectors), broken)


def encoder_name(encoder: Encoder) -> str:
    """Return the name that `make_encoder` takes."""
    return str(getattr(encoder, "name", encoder.id))


def encoder_options(encoder: Encoder) -> dict[str, Any]:
    """Return all parameters that `make_encoder` takes, those with their defaults included."""
    return {item.name: getattr(encoder, item.name) for item in fields(encoder) if item.name != "name"}  # type: ignore[arg-type]


def _shape(said: Any) -> str:
    shape = getattr(said, "shape", None)
    return f"one of shape {shape}" if shape is not None else f"a {type(said).__name__}"


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )
