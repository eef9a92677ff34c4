"""Batch scoring: what a model predicts for each row of a dataset, as columns of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import SchemaError
from headwater.core.ids import digest
from headwater.core.schema import require_columns
from headwater.engine.base import Held
from headwater.models.registered import ModelVersion
from headwater.models.registry import Models
from headwater.reading.chunks import DatasetChunk
from headwater.recipes.base import Fitted
from headwater.recipes.model_file import Signature, read_model
from headwater.transforms.base import Source
from headwater.transforms.computed import ColumnTransform

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Score"]

TAG = "prediction"
"""The tag of a column that a model made."""


@dataclass(frozen=True, kw_only=True)
class Score(ColumnTransform):
    """Add what a model predicts, or bring it up to date: only chunks that changed are predicted again.

    The columns begin with ``_``, so that no recipe takes them for features.

    Parameters
    ----------
    model : str
        Name and version, as ``spam@3``.
    into : str
        The column of classes or numbers. That of the probabilities, a list of as many numbers as there are classes,
        has ``_probability`` behind.
    file : bytes
        The model's file.
    trust : tuple of str
        Types outside scikit-learn that it may make.
    signature : Signature
        What it takes and gives.
    """

    id = "model.predict"
    title = "Predictions"

    model: str
    into: str
    file: bytes = field(repr=False)
    trust: tuple[str, ...] = ()
    signature: Signature = field(repr=False)

    @classmethod
    def of(cls, repo: Repo, name: str, *, into: str = "") -> Score:
        """Return the scoring by a model of a registry.

        Raises
        ------
        NotFound
            If there is no such model.
        """
        version: ModelVersion = Models(repo)[name]
        data = Models(repo).file(version.id)
        _, signature = read_model(data, trust=version.trust)
        return cls(
            model=version.id,
            into=into or f"_{version.name}",
            file=data,
            trust=tuple(version.trust),
            signature=signature,
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The model by name and content."""
        return {"model": self.model, "into": self.into, "file_hash": digest(self.file)}

    @property
    def probability(self) -> str:
        """The column of the probabilities."""
        return f"{self.into}_probability"

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns that it makes."""
        return (self.into, self.probability) if self.signature.classes else (self.into,)

    def validate(self, source: Source) -> None:
        """Raise if the dataset lacks a feature, or has something else under the names of the new columns.

        Raises
        ------
        NotFound
            If a feature is missing.
        SchemaError
            If a feature cannot be read as the model's type, or a column is there that no model made.
        """
        super().validate(source)
        dataset = source.dataset
        require_columns(source.schema, self.signature.inputs.names, where=f"dataset {dataset.name!r}")
        for one in self.signature.inputs:
            kind = source.schema.field(one.name).type
            try:
                source.schema.field(one.name).with_type(kind)
                pa.nulls(0, kind).cast(one.type)
            except pa.ArrowException as error:
                raise SchemaError(
                    f"Column {one.name!r} of {dataset.name!r} is {kind}, and model {self.model} takes {one.type}.",
                    column=one.name,
                ) from error
        for name in self.targets(source):
            if name in source.schema.names and TAG not in dataset.manifest.tags.get(name, {}):
                raise SchemaError(
                    f"Dataset {dataset.name!r} has a column {name!r} already, which no model made. Name another: "
                    "into=, --into.",
                    column=name,
                )

    def compute(self, source: Source) -> _Work:
        """Return the work on a dataset."""
        return _Work(self, source)


class _Work:
    """The scoring of one dataset."""

    def __init__(self, score: Score, source: Source) -> None:
        self._score, self._source = score, source
        self._inputs = score.signature.inputs.names
        self._folder = f"scores/models/{digest(score.file)[:24]}"
        self._todo = [chunk for _, chunk in source.chunks() if self._kept(chunk) is None]
        self._answers: Iterator[pa.Table] | None = None
        self._reused = 0

    @property
    def fields(self) -> list[pa.Field]:
        return list(_columns(self._score.signature, self._score.into, self._score.probability))

    @property
    def facts(self) -> Mapping[str, Any]:
        return {
            "dataset": self._source.dataset.name,
            "model": self._score.model,
            "chunks_reused": self._reused,
        }

    @property
    def tags(self) -> Mapping[str, Mapping[str, Any]]:
        said = {"model": self._score.model, "classes": list(self._score.signature.classes)}
        return {field.name: {TAG: said} for field in self.fields}

    def columns(self, chunk: DatasetChunk) -> pa.Table | None:
        kept = self._kept(chunk)
        if kept is not None:
            self._reused += 1
            with pa.ipc.open_file(io.BytesIO(kept)) as reader:
                return reader.read_all().rename_columns([one.name for one in self.fields])
        if self._answers is None:
            self._source.progress.start(self._label, len(self._todo))
            score = self._score
            held = Held(
                partial(_loaded, score.file, score.trust),
                partial(_predicted, names=self._inputs, into=score.into, probability=score.probability),
            )
            self._answers = iter(self._source.executor.map(held, self._todo))
        table = next(self._answers)
        self._source.progress.advance(self._label, 1)
        if self._source.cache is not None:
            sink = io.BytesIO()
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            self._source.cache.put(self._path(chunk), sink.getvalue())
        return table

    def close(self) -> None:
        if self._answers is not None:
            self._source.progress.finish(self._label)

    def published(self) -> None:
        return None

    @property
    def _label(self) -> str:
        return f"predict by {self._score.model}"

    def _path(self, chunk: DatasetChunk) -> str:
        return f"{self._folder}/{digest(chunk.identity(self._inputs).encode())}"

    def _kept(self, chunk: DatasetChunk) -> bytes | None:
        return self._source.cache.get(self._path(chunk)) if self._source.cache is not None else None


def _columns(signature: Signature, into: str, probability: str) -> pa.Schema:
    if not signature.classes:
        return pa.schema([(into, pa.float64())])
    return pa.schema([(into, pa.string()), (probability, pa.list_(pa.float32(), len(signature.classes)))])


def _loaded(data: bytes, trust: Sequence[str]) -> tuple[Fitted, Signature]:
    return read_model(data, trust=trust)


def _predicted(
    loaded: tuple[Fitted, Signature],
    chunk: DatasetChunk,
    *,
    names: Sequence[str],
    into: str,
    probability: str,
) -> pa.Table:
    model, signature = loaded
    said = np.asarray(model.predict(chunk.read(list(names))), np.float64)
    schema = _columns(signature, into, probability)
    if not signature.classes:
        return pa.table([pa.array(said[:, 0])], schema=schema)
    best = pa.array(signature.classes, pa.string()).take(pa.array(said.argmax(axis=1)))
    flat = pa.array(said.astype(np.float32).ravel())
    return pa.table([best, pa.FixedSizeListArray.from_arrays(flat, said.shape[1])], schema=schema)
