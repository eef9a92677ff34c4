"""WebDataset shards: tar archives in which the files that share a name up to the first dot are one sample.

What is in files of its own stays so: bytes, and text called ``txt``. All other columns go into the sample's
``json``. A small file that other tools pass over, ``__headwater__/schema.json``, keeps names and types of columns.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.core.text import clipped
from headwater.core.types import type_name
from headwater.formats.base import About, ReadOptions, Source, WriteOptions, batches_of, register
from headwater.formats.copying import copy_json
from headwater.formats.fitting import fitted, fitted_schema, mapped_type
from headwater.formats.guard import require_no_links_out
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.samples import CLASS, JSON, KEY, SCHEMA, Samples, is_apart, is_text, suffix_of
from headwater.formats.text import input_error

__all__ = ["WebDataset"]

SUFFIXES = (".tar", ".tgz")

_KEY = re.compile(r"(?:[^/\0]+/)*[^./\0]+")
_BESIDE = (".json", ".txt", ".md")


class WebDataset:
    """Reads a shard or a folder of them; writes shards of about ``shard_bytes``, or one file ``NAME.tar``."""

    names = ("webdataset", "wds")
    suffixes = SUFFIXES

    def recognises(self, path: Path) -> bool:
        """Say whether there are shards in the folder, and nothing else but notes on them."""
        if not path.is_dir():
            return False
        files = [file for file in path.iterdir() if not file.name.startswith(".")]
        shards = [file for file in files if _is_shard(file)]
        return bool(shards) and all(file in shards or file.suffix in _BESIDE for file in files)

    def makes_folder(self, target: Path) -> bool:
        """Say whether the target is a folder of shards: all but ``NAME.tar`` are."""
        return target.suffix.lower() not in SUFFIXES

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the samples as rows: their ``__key__``, a column for each kind of file, and those of their JSON.

        The archives are gone through once before this returns, to find kinds and types.
        """
        root = Path(location)
        if root.is_dir():
            require_no_links_out(root)
        shards = sorted(file for file in root.rglob("*") if _is_shard(file)) if root.is_dir() else [root]
        if not shards:
            raise input_error(location, "there are no .tar files in it")
        samples = Samples(shards, root.name)
        schema = retyped_schema(samples.schema, options.schema, root.name)
        return Source(
            location=location,
            format="webdataset",
            schema=schema,
            num_rows=samples.rows,
            batches=lambda: batches_of(retyped(samples.batches(), schema, root.name)),
            notes=samples.notes,
            about=About(name=root.name.partition(".")[0], tags=samples.tags),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write one sample a row; its name is that of column ``__key__``, or the number of the row."""
        there = fitted_schema(schema, _leaf, "WebDataset", options.note, has_maps=False)
        layout = _Layout(there, options.about.tags)
        name = re.sub(r"[^\w+-]+", "_", options.about.name) or "data"
        if self.makes_folder(target):
            target.mkdir()
            shards = _Shards(target, f"{name}-{{:06d}}.tar", options.shard_bytes, layout)
        else:
            shards = _Shards(target.parent, target.name, None, layout)
        with tempfile.TemporaryDirectory(prefix="headwater-") as folder:
            try:
                row = 0
                for batch in fitted(batches, layout.schema, "WebDataset"):
                    for key, files in layout.samples(batch, row, Path(folder)):
                        shards.write(key, files)
                    row += len(batch)
            finally:
                shards.close()


class _Layout:
    """Which column goes into which file of a sample."""

    def __init__(self, schema: pa.Schema, tags: Mapping[str, Mapping[str, Any]]) -> None:
        self.schema = schema
        self.apart = [field.name for field in self.schema if is_apart(field.name, field.type)]
        others = [field for field in self.schema if field.name not in self.apart and field.name != KEY]
        self.inner = pa.schema(others)
        self.has_key = KEY in self.schema.names
        for field in self.inner:
            if mapped_type(field.type, lambda kind: None if _is_bytes(kind) else kind) is None:
                raise UsageError(
                    f"Column {field.name!r} has bytes inside a list or struct, which JSON cannot hold. Leave it out "
                    "with --columns, or write Parquet or Arrow instead.",
                    column=field.name,
                )
        if self.has_key and not pa.types.is_string(self.schema.field(KEY).type):
            raise UsageError(
                f"Column {KEY!r} names the samples, and is {self.schema.field(KEY).type}, not text."
            )
        for name in self.apart:
            if not name or "/" in name or "\0" in name or name == JSON:
                raise UsageError(
                    f"Column {name!r} cannot name a file of a sample; rename it, or leave it out with --columns.",
                    column=name,
                )
        columns = [{"name": field.name, "type": type_name(field.type)} for field in self.schema]
        kept = {name: dict(tags[name]) for name in self.schema.names if tags.get(name)}
        self.facts = json.dumps({"columns": columns, "tags": kept}, ensure_ascii=False).encode()

    def samples(
        self, batch: pa.RecordBatch, row: int, folder: Path
    ) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
        """Yield key and files of each row; ``row`` is the number of the first."""
        texts = self._json(batch, folder)
        keys = batch.column(KEY).to_pylist() if self.has_key else None
        values = [(name, batch.column(name)) for name in self.apart]
        for at in range(len(batch)):  # some files each
            key = f"{row + at:09d}" if keys is None else self._key(keys[at], row + at)
            files = [(JSON, texts[at])] if texts is not None else []
            for name, column in values:
                value = column[at].as_py()
                if value is not None:
                    files.append(self._file(name, value if isinstance(value, bytes) else str(value).encode()))
            yield key, files or [(JSON, b"{}")]

    def _json(self, batch: pa.RecordBatch, folder: Path) -> list[bytes] | None:
        if not self.inner.names:
            return None
        file = folder / "batch.jsonl"
        copy_json([batch.select(self.inner.names)], self.inner, file)
        lines = file.read_bytes().splitlines()
        file.unlink()
        assert len(lines) == len(batch), "JSON Lines have one line a row"
        return lines

    def _file(self, name: str, value: bytes) -> tuple[str, bytes]:
        if is_text(name) or name == CLASS or PurePosixPath(f"x.{name}").suffix == suffix_of(value):
            return name, value
        ending = suffix_of(value)
        ending = ".bin" if ending == ".txt" or f"{name}{ending}" in self.schema.names else ending
        return f"{name}{ending}", value

    def _key(self, key: Any, row: int) -> str:
        parts = str(key).split("/")
        if not isinstance(key, str) or not _KEY.fullmatch(key) or ".." in parts or "." in parts:
            raise UsageError(
                f"Row {row + 1} has {clipped(repr(key))} in column {KEY!r}, which cannot name a sample: it needs a "
                "path without dots in its last part. Leave the column out, and the samples are numbered.",
                row=row + 1,
            )
        return key


class _Shards:
    """Tar files, a new one when the last is full; ``most_bytes`` None is one file only."""

    def __init__(self, folder: Path, name: str, most_bytes: int | None, layout: _Layout) -> None:
        self.folder = folder
        self.name = name
        self.most_bytes = most_bytes
        self.facts = layout.facts
        self.count = 0
        self._archive: tarfile.TarFile | None = None
        self._key: str | None = None

    def write(self, key: str, files: Sequence[tuple[str, bytes]]) -> None:
        size = sum(len(data) + 2 * tarfile.BLOCKSIZE for _, data in files)
        archive = self._open()
        is_full = self.most_bytes is not None and archive.offset + size > self.most_bytes
        if is_full and self._key is not None:
            self.close()
            archive = self._open()
        if key == self._key:
            raise UsageError(f"Two rows on end have {key!r} in column {KEY!r}, and would become one sample.")
        self._key = key
        for ending, data in files:
            self._add(archive, f"{key}.{ending}", data)

    def close(self) -> None:
        """Finish the last file; where nothing was written, there is one shard that says the columns."""
        if self._archive is None and self.count == 0:
            self._open()
        if self._archive is not None:
            self._archive.close()
            self._archive = None
            self._key = None

    def _open(self) -> tarfile.TarFile:
        if self._archive is None:
            path = self.folder / self.name.format(self.count)
            mode: Any = "w:gz" if path.suffix == ".tgz" else "w"
            self._archive = tarfile.open(  # noqa: SIM115 - closed by close
                path, mode, format=tarfile.PAX_FORMAT, encoding="utf-8"
            )
            self._add(self._archive, SCHEMA, self.facts)
            self.count += 1
        return self._archive

    def _add(self, archive: tarfile.TarFile, name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(name)  # of no time or user, so that equal rows give equal bytes
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
        archive.members.clear()  # type: ignore[attr-defined] # it would grow with the archive


def _is_shard(file: Path) -> bool:
    name = file.name.lower()
    return name.endswith((*SUFFIXES, ".tar.gz")) and not name.startswith(".") and file.is_file()


def _leaf(kind: pa.DataType) -> pa.DataType | None:
    return None if pa.types.is_interval(kind) else kind


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind))


register(reader=WebDataset(), writer=WebDataset())
