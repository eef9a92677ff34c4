"""``embed.column``: a column of embeddings of another column, made by an encoder; only new values are encoded."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from headwater.core.errors import SchemaError, UsageError
from headwater.core.schema import require_columns
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.recipes.embedding import TAG, Embedder, embedding_of
from headwater.recipes.encoder import (
    Encoder,
    default_encoder,
    encoder_id,
    encoder_name,
    encoder_options,
    make_encoder,
    require_fit,
)
from headwater.transforms.base import TRANSFORMS, Source
from headwater.transforms.computed import ColumnTransform

__all__ = ["Embed"]

_LOOK_BACK = 10_000


@TRANSFORMS.register("embed.column")
@dataclass(frozen=True, kw_only=True)
class Embed(ColumnTransform):
    """Add a column of embeddings of a column's values, or bring one up to date.

    Only values without a vector by the same encoder, version and parameters are encoded; equal values of a chunk once.

    Parameters
    ----------
    column : str
        The column to encode: text, images as bytes, or anything that a function of your own takes.
    into : str
        The column of vectors; the name of ``column`` with ``_embedding`` by default.
    encoder : str
        ``hash``, ``words``, ``minilm``, ``image`` or ``module:function``; that of the column if there is one, else
        the best one that is installed.
    options : mapping of str to Any
        Parameters of the encoder.

    Examples
    --------
    >>> Embed(column="text", encoder="hash", options={"dimensions": 64}).parameters["options"]
    {'dimensions': 64}
    """

    id = "embed.column"
    title = "Embeddings"

    column: str
    into: str = ""
    encoder: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the column of vectors."""
        return (self.into or f"{self.column}_embedding",)

    def validate(self, source: Source) -> None:
        """Raise if the column cannot be encoded, or the target holds something else."""
        super().validate(source)
        require_columns(source.schema, [self.column], where=f"dataset {source.dataset.name!r}")
        into = self.targets(source)[0]
        if into == self.column:
            raise UsageError(
                f"The vectors of {into!r} cannot take its place. Name another column: into=, --into."
            )
        there = source.schema.field(into).type if into in source.schema.names else None
        if (
            there is not None
            and TAG not in source.dataset.manifest.tags.get(into, {})
            and not _is_null(there)
        ):
            raise SchemaError(
                f"Dataset {source.dataset.name!r} has a column {into!r} already, which is no embedding made here. "
                "Name another column: into=, --into.",
                column=into,
            )
        require_fit(self.made(source), source.schema.field(self.column).type, self.column)

    def made(self, source: Source) -> Encoder:
        """Return the encoder."""
        said = embedding_of(source.dataset, self.targets(source)[0])
        if not self.encoder and said and said["column"] == self.column and not self.options:
            return make_encoder(said["encoder"], said["options"])
        name = self.encoder or default_encoder(source.schema.field(self.column).type)
        return make_encoder(name, self.options)

    def compute(self, source: Source) -> _Work:
        """Return the work on a dataset."""
        return _Work(self, source)


class _Work:
    """The embedding of one dataset's column."""

    def __init__(self, transform: Embed, source: Source) -> None:
        self._transform, self._into = transform, transform.targets(source)[0]
        self._dataset = source.dataset
        self._encoder = transform.made(source)
        self._embedder = Embedder(
            dataset=source.dataset,
            column=transform.column,
            into=self._into,
            encoder=self._encoder,
            earlier=self._earlier(source),
            cache=source.cache,
            executor=source.executor,
            progress=source.progress,
        )
        self._begun = False

    @property
    def fields(self) -> list[pa.Field]:
        size = self._embedder.dimensions
        return [pa.field(self._into, pa.list_(pa.float32(), size))] if size else []

    @property
    def facts(self) -> Mapping[str, Any]:
        work = self._embedder
        return {
            "dataset": self._dataset.name,
            "encoder": encoder_id(self._encoder),
            "dimensions": work.dimensions,
            "encoded": work.encoded,
            "reused": work.reused,
            "broken": work.broken,
        }

    @property
    def tags(self) -> Mapping[str, Mapping[str, Any]]:
        said = {
            "column": self._transform.column,
            "encoder": encoder_name(self._encoder),
            "options": encoder_options(self._encoder),
            "id": encoder_id(self._encoder),
            "dimensions": self._embedder.dimensions,
        }
        return {self._into: {TAG: said}}

    def columns(self, chunk: DatasetChunk) -> pa.Table | None:
        work = self._embedder
        if not chunk.live_rows or work.is_right(chunk):
            return None
        if not self._begun:
            work.begin()
            self._begun = True
        return pa.table({self._into: work.vectors(chunk)})

    def close(self) -> None:
        if self._begun:
            self._embedder.finish()

    def published(self) -> None:
        self._embedder.forget()

    def _earlier(self, source: Source) -> Dataset | None:
        """Return the newest version in which every row has this encoder's vector of its value, if it is known.

        Such is what this transform committed, unless the commit was made again on top of others.
        """
        name, wanted = self._dataset.name, encoder_id(self._encoder)
        said = embedding_of(self._dataset, self._into)
        if said is None or said["id"] != wanted:
            return None
        for commit in itertools.islice(source.history(), _LOOK_BACK):
            done = commit.provenance
            if (
                done.id == self._transform.id
                and done.record.get("dataset") == name
                and done.record.get("encoder") == wanted
                and done.parameters.get("column") == self._transform.column
                and self._into in (done.parameters.get("into"), f"{self._transform.column}_embedding")
                and done.inputs == commit.parents
                and name in commit.datasets
            ):
                then = self._dataset.at(commit.id)
                if self._into in then.schema.names and self._transform.column in then.schema.names:
                    return then
        return None


def _is_null(kind: pa.DataType) -> bool:
    return bool(pa.types.is_null(kind))
