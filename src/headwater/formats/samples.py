"""Samples of WebDataset shards as batches of rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import HeadwaterError
from headwater.core.text import clipped
from headwater.core.types import parse_type
from headwater.formats.base import READERS, ReadOptions, Source
from headwater.formats.locate import TemporaryFolder
from headwater.formats.tar_members import Member, members
from headwater.formats.text import input_error

__all__ = ["CLASS", "JSON", "KEY", "SCHEMA", "Samples", "is_apart", "is_text", "suffix_of"]

KEY = "__key__"
JSON = "json"
CLASS = "cls"
SCHEMA = "__headwater__/schema.json"

SAMPLE_ROWS = 8192
BATCH_BYTES = 64 << 20
MOST_TEXT_BYTES = 64 << 20

_TEXTS = ("txt", "text", "transcript")
_FACTS = re.compile(r"__[^/]*__($|/)")  # what WebDataset's own readers pass over
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"ID3": ".mp3",
}


def is_apart(name: str, kind: pa.DataType) -> bool:
    """Say whether a column becomes a file of its own in each sample."""
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return True
    return (pa.types.is_string(kind) and is_text(name)) or (name == CLASS and pa.types.is_integer(kind))


def is_text(name: str) -> bool:
    """Say whether files of this kind, or a column of this name, are text in a file of its own."""
    return name.rpartition(".")[2] in _TEXTS


def suffix_of(value: bytes) -> str:
    """Return the usual ending of a medium by its first bytes, ``.bin`` where they say nothing."""
    found = next((ending for magic, ending in _MAGIC.items() if value.startswith(magic)), ".bin")
    if value[:4] == b"RIFF":
        found = {b"WEBP": ".webp", b"WAVE": ".wav"}.get(value[8:12], ".bin")
    return found


class Samples:
    """The samples of some shards, gone through once to find their columns.

    Parameters
    ----------
    shards : sequence of Path
        The archives, in order.
    place : str
        What to call them in messages.
    """

    def __init__(self, shards: Sequence[Path], place: str) -> None:
        self.shards = shards
        self.place = place
        self.rows = 0
        self.tags: dict[str, dict[str, Any]] = {}
        self._facts: dict[str, pa.DataType] = {}
        self._classes_are_numbers = True
        self._json_are_objects = True
        self._json_have_keys = False
        self._beside = 0
        self._folder = TemporaryFolder()  # of the JSON of all samples
        self._texts = self._folder.path / f"the json of {place}"
        kinds = self._look()
        if self._json_are_objects and not self._json_have_keys:
            kinds = [kind for kind in kinds if kind != JSON]  # they say nothing
        self._json = self._json_source() if JSON in kinds and self._json_are_objects else None
        self._columns = self._files_columns(kinds)
        self.schema = self._schema()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may want to know."""
        left = f"Left out {self._beside:,} files whose names have no dot, so that they are of no sample."
        return (left,) if self._beside else ()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the samples as rows, some megabytes at a time."""
        waiting: list[tuple[str, dict[str, bytes | None]]] = []
        size = 0
        inner = _Rows(self._json.batches()) if self._json is not None else None
        expanded = {JSON} if self._json is not None else set()
        for key, found in self._samples(lambda kind: kind not in expanded):
            waiting.append((key, found))
            size += sum(len(data) for data in found.values() if data is not None)
            if size >= BATCH_BYTES or len(waiting) >= SAMPLE_ROWS:
                yield self._batch(waiting, inner)
                waiting, size = [], 0
        if waiting:
            yield self._batch(waiting, inner)

    def _look(self) -> list[str]:
        """Go through the archives; return the kinds of files, and keep the JSON where it can be read again."""
        kinds: dict[str, None] = {}
        with self._texts.open("wb") as texts:
            for _, files in self._samples(lambda kind: kind in (JSON, CLASS), is_first=True):
                self.rows += 1
                line = b"{}"
                kinds.update(dict.fromkeys(files))
                if (text := files.get(JSON)) is not None:
                    # Between its values JSON may have line ends; inside texts it has none.
                    line = text.translate(_ONE_LINE).strip()
                    self._json_are_objects &= line.startswith(b"{")
                    self._json_have_keys |= b":" in line
                if (number := files.get(CLASS)) is not None:
                    self._classes_are_numbers &= re.fullmatch(rb"\s*-?\d{1,18}\s*", number) is not None
                texts.write(line + b"\n")
        return list(kinds)

    def _samples(
        self, wanted: Callable[[str], bool], *, is_first: bool = False
    ) -> Iterator[tuple[str, dict[str, bytes | None]]]:
        """Yield key and files of each sample, by kind; of kinds that are not wanted, without their bytes."""
        for shard in self.shards:
            key: str | None = None
            files: dict[str, bytes | None] = {}
            for file in members(shard):
                if _FACTS.match(file.name):
                    if is_first and file.name == SCHEMA:
                        self._learn(self._small(file), shard)
                    continue
                path = PurePosixPath(file.name)
                stem, _, kind = path.name.partition(".")
                if not stem or not kind:
                    self._beside += is_first
                    continue
                here = str(path.with_name(stem))
                if key is not None and here != key:
                    yield key, files
                    files = {}
                key = here
                if kind in files:
                    raise input_error(
                        shard.name,
                        f"sample {clipped(key)!r} has two files {clipped(kind)!r}",
                        mend="give each sample a name of its own",
                    )
                data = (
                    self._small(file) if is_first and wanted(kind) else file.data() if wanted(kind) else None
                )
                files[kind] = data
            if key is not None:
                yield key, files

    def _learn(self, data: bytes, shard: Path) -> None:
        """Take names and types of columns from what our writer left."""
        try:
            facts = json.loads(data)
            columns = {str(item["name"]): parse_type(item["type"]) for item in facts["columns"]}
            tags = {str(name): dict(tag) for name, tag in facts.get("tags", {}).items() if name in columns}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, HeadwaterError) as error:
            raise input_error(
                f"{shard.name}, {SCHEMA}", f"it does not say columns and types ({error})"
            ) from error
        if self._facts and columns != self._facts:
            raise input_error(
                shard.name, "its columns are not those of the shards before it", mend="read them apart"
            )
        self._facts, self.tags = columns, tags

    def _small(self, file: Member) -> bytes:
        if file.size > MOST_TEXT_BYTES:
            raise input_error(
                self.place,
                f"{clipped(file.name)!r} has {file.size:,} bytes, which is too much for text or JSON",
            )
        return file.data()

    def _json_source(self) -> Source:
        inner = {name: kind for name, kind in self._facts.items() if not is_apart(name, kind) and name != KEY}
        source = READERS["jsonl"].read(str(self._texts), options=ReadOptions())
        there = source.schema.names
        wanted = {name: kind for name, kind in inner.items() if name in there and not pa.types.is_null(kind)}
        return (
            READERS["jsonl"].read(str(self._texts), options=ReadOptions(schema=wanted)) if wanted else source
        )

    def _files_columns(self, kinds: Sequence[str]) -> dict[str, list[str]]:
        """Return the columns that are files, each with its kinds of file."""
        columns: dict[str, list[str]] = {
            name: [] for name, kind in self._facts.items() if is_apart(name, kind)
        }
        for kind in kinds:
            if kind == JSON and self._json is not None:
                continue
            stem = kind.rpartition(".")[0]
            column = kind if kind in columns or stem not in columns else stem
            columns.setdefault(column, []).append(kind)
        return columns

    def _schema(self) -> pa.Schema:
        fields = [pa.field(KEY, pa.string())] if KEY in self._facts or not self._facts else []
        fields += [pa.field(name, self._type(name, kinds)) for name, kinds in self._columns.items()]
        taken = {field.name for field in fields}
        self._inner = {
            name: f"{JSON}.{name}" if name in taken else name
            for name in (self._json.schema.names if self._json else ())
        }
        if self._json is not None:
            fields += [pa.field(self._inner[field.name], field.type) for field in self._json.schema]
        there = {field.name for field in fields}
        fields += [pa.field(name, kind) for name, kind in self._facts.items() if name not in there]
        fields = [pa.field(field.name, self._facts.get(field.name, field.type)) for field in fields]
        order = {name: at for at, name in enumerate(self._facts)}
        return pa.schema(sorted(fields, key=lambda field: order.get(field.name, len(order))))

    def _type(self, name: str, kinds: Sequence[str]) -> pa.DataType:
        if name in self._facts:
            return self._facts[name]
        if name == CLASS:
            return pa.int64() if self._classes_are_numbers else pa.string()
        return pa.string() if is_text(name) or name.rpartition(".")[2] == JSON else pa.binary()

    def _batch(
        self, samples: Sequence[tuple[str, Mapping[str, bytes | None]]], inner: _Rows | None
    ) -> pa.RecordBatch:
        table = inner.take(len(samples)) if inner is not None else None
        renamed = {new: old for old, new in self._inner.items()}
        columns = []
        for field in self.schema:
            if field.name == KEY and field.name not in renamed:
                columns.append(pa.array([key for key, _ in samples], pa.string()))
            elif field.name in self._columns:
                columns.append(self._files_values(field, samples))
            elif field.name in renamed and table is not None and not pa.types.is_null(field.type):
                columns.append(table.column(renamed[field.name]).combine_chunks())
            else:
                columns.append(pa.nulls(len(samples), field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _files_values(
        self, field: pa.Field, samples: Sequence[tuple[str, Mapping[str, bytes | None]]]
    ) -> pa.Array:
        kinds = self._columns[field.name]
        found = [next((files[kind] for kind in kinds if kind in files), None) for _, files in samples]
        values = pa.array(found, pa.binary())
        if pa.types.is_binary(field.type):
            return values
        try:
            text = values.cast(pa.string())
            return text if pa.types.is_string(field.type) else pc.utf8_trim_whitespace(text).cast(field.type)
        except pa.ArrowInvalid as error:
            raise input_error(
                self.place,
                f"a file '.{kinds[0]}' is no {field.type} ({error})",
                mend="mend it, or write the shard again",
            ) from error


class _Rows:
    """Rows drawn from batches, as many as are asked for."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._left: list[pa.RecordBatch] = []

    def take(self, count: int) -> pa.Table:
        taken: list[pa.RecordBatch] = []
        while count:
            batch = self._left.pop() if self._left else next(self._batches)
            taken.append(batch.slice(0, count))
            if len(batch) > count:
                self._left.append(batch.slice(count))
            count -= len(taken[-1])
        return pa.Table.from_batches(taken)


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
