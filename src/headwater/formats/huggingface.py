"""Datasets of Hugging Face's library: what `save_to_disk` writes, and folders laid out as on its hub.

Arrow, Parquet and JSON are all that is needed, so the library itself is not.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.core.text import clipped
from headwater.core.types import type_name
from headwater.formats.base import SPLIT, About, ReadOptions, Source, WriteOptions, batches_of, register
from headwater.formats.features import Columns, FeatureColumn, media_features, plainly
from headwater.formats.guard import require_no_links_out
from headwater.formats.huggingface_files import (
    INFO,
    SPLITS,
    STATE,
    Part,
    features_of_file,
    file_source,
    front_matter,
    has_paths,
    info_of,
    parts_of,
)
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["HuggingFace"]

SPLIT_COLUMN = "split"
MOST_SPLITS = 100

_SPLIT_NAME = re.compile(r"\w+(\.\w+)*")


class HuggingFace:
    """Reads all splits, or the one that ``table`` names; writes what ``datasets.load_from_disk`` loads."""

    names = ("huggingface", "hf")
    suffixes = ()

    def recognises(self, path: Path) -> bool:
        """Say whether the folder is of `save_to_disk`, of the library's cache, or laid out as on the hub."""
        if (path / SPLITS).is_file() or (path / INFO).is_file():
            return True
        readme = path / "README.md"
        return readme.is_file() and "dataset_info" in front_matter(readme)

    def makes_folder(self, target: Path) -> bool:
        """Say yes: a dataset is a folder."""
        return True

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the dataset as a source; several splits become one, with a column that says which.

        Classes are read as their names, media as their bytes.
        """
        root = Path(location)
        if root.is_dir():
            require_no_links_out(root)
        parts = parts_of(root, options.table)
        info = info_of(root, parts[0])
        sources = [[file_source(file) for file in part.files] for part in parts]
        first = sources[0][0].schema
        for source in (source for some in sources for source in some):
            if not source.schema.equals(first):
                place = Path(source.location).name
                raise input_error(place, f"its columns are not those of {parts[0].files[0].name}")
        features = info.get("features") or features_of_file(parts[0].files[0])
        _require_features(features, root)
        media = [name for name in media_features(features) if name in first.names]
        paths = [
            name for name in media if any(has_paths(file, name) for part in parts for file in part.files)
        ]
        columns = plainly(features, first, frozenset(paths))
        found, tags = columns.schema, dict(columns.tags)
        if len(parts) > 1:
            if SPLIT_COLUMN in found.names:
                raise UsageError(
                    f"{root.name} has the splits {_listed(parts)} and a column {SPLIT_COLUMN!r}, too. Say which split "
                    "to read with --table.",
                    splits=[part.split for part in parts],
                )
            found, tags[SPLIT_COLUMN] = found.append(pa.field(SPLIT_COLUMN, pa.string())), dict(SPLIT)
        schema = retyped_schema(found, options.schema, root.name)
        batches = _Batches(parts, sources, columns, found, root.name)
        notes = (
            [f"Read the splits {_listed(parts)} as one, with a column {SPLIT_COLUMN!r}."]
            if len(parts) > 1
            else []
        )
        return Source(
            location=location,
            format="huggingface",
            schema=schema,
            num_rows=_sum([source.num_rows for some in sources for source in some]),
            batches=lambda: batches_of(retyped(batches, schema, root.name)),
            notes=tuple(notes),
            about=About(name=root.name, contract=_contract(root.name, info), tags=tags),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write Arrow files of about ``shard_bytes``; a column tagged as that of splits makes a folder for each."""
        about = options.about
        split = about.split_column(schema)
        paths = {
            str(about.tags[name]["of"]): name
            for name in schema.names
            if about.tags.get(name, {}).get("role") == "path"
        }
        paths = {of: name for of, name in paths.items() if of in schema.names}
        kept = [field for field in schema if field.name != split and field.name not in paths.values()]
        columns = [
            FeatureColumn(field, about.tags.get(field.name, {}), paths.get(field.name)) for field in kept
        ]
        for field, column in zip(kept, columns, strict=True):
            if pa.types.is_map(field.type):
                options.note(
                    f"Column {field.name!r} is {type_name(field.type)}; Hugging Face datasets hold it as "
                    f"{type_name(column.type)}."
                )
        target.mkdir()
        shards: dict[str, _Shards] = {}
        if split is None:
            shards[""] = _Shards(target, columns, options.shard_bytes)
        for table in (pa.Table.from_batches([batch], schema) for batch in batches):
            for name, rows in _by_split(table, split):
                if name not in shards:
                    if len(shards) == MOST_SPLITS:
                        raise UsageError(
                            f"Column {split!r} names more than {MOST_SPLITS} splits; is it one of splits?"
                        )
                    (target / name).mkdir()
                    shards[name] = _Shards(target / name, columns, options.shard_bytes)
                shards[name].write(rows)
        for name, some in shards.items():
            some.close(about, name)
        if split is not None:
            (target / SPLITS).write_text(json.dumps({"splits": list(shards)}), encoding="utf-8")


@dataclass(frozen=True)
class _Batches:
    """The rows of all parts, drawn anew at each iteration."""

    parts: Sequence[Part]
    sources: Sequence[Sequence[Source]]
    columns: Columns
    schema: pa.Schema
    place: str

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        has_split = len(self.parts) > 1
        for part, some in zip(self.parts, self.sources, strict=True):
            for source in some:
                for batch in source.batches():
                    plain = self.columns.batch(batch, Path(source.location).name)
                    split = [pa.repeat(pa.scalar(part.split, pa.string()), len(batch))] if has_split else []
                    yield pa.RecordBatch.from_arrays([*plain.columns, *split], schema=self.schema)


class _Shards:
    """Arrow files of one split, a new one when the last is full."""

    def __init__(self, folder: Path, columns: Sequence[FeatureColumn], most_bytes: int) -> None:
        self.folder = folder
        self.columns = columns
        self.schema = pa.schema([column.field for column in columns])
        self.most_bytes = most_bytes
        self.files: list[Path] = []
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._bytes = 0

    def write(self, rows: pa.Table) -> None:
        for batch in rows.to_batches():
            values = [column.values(batch) for column in self.columns]
            self._open()
            assert self._writer is not None
            self._writer.write_batch(pa.RecordBatch.from_arrays(values, schema=self.schema))
            self._bytes += batch.nbytes
            if self._bytes >= self.most_bytes:
                self._close()

    def close(self, about: About, split: str) -> None:
        """Give the files their names, which say how many there are, and describe them."""
        if not self.files:
            self._open()
        self._close()
        names = [f"data-{at:05d}-of-{len(self.files):05d}.arrow" for at in range(len(self.files))]
        for file, name in zip(self.files, names, strict=True):
            file.rename(self.folder / name)
        contract = about.contract
        info = {
            "citation": "",
            "description": contract.description if contract else "",
            "features": {column.name: column.feature for column in self.columns},
            "homepage": "",
            "license": contract.license if contract else "",
        }
        state: dict[str, Any] = {
            "_data_files": [{"filename": name} for name in names],
            "_fingerprint": secrets.token_hex(8),
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": split or None,
        }
        for name, value in ((INFO, info), (STATE, state)):
            (self.folder / name).write_text(json.dumps(value, indent=2), encoding="utf-8")

    def _open(self) -> None:
        if self._writer is None:
            self.files.append(self.folder / f"{len(self.files)}.partial")
            self._writer = pa.ipc.new_stream(str(self.files[-1]), self.schema)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer, self._bytes = None, 0


def _require_features(features: Any, root: Path) -> None:
    if not isinstance(features, Mapping):
        raise input_error(
            f"{root.name}/{INFO}", f"its features are {clipped(str(features))}, not a mapping of columns"
        )


def _contract(name: str, info: Mapping[str, Any]) -> Contract | None:
    description, license = (str(info.get(key) or "") for key in ("description", "license"))
    is_said = bool(description or license)
    return Contract(dataset=name, description=description, license=license) if is_said else None


def _by_split(table: pa.Table, split: str | None) -> Iterator[tuple[str, pa.Table]]:
    if split is None:
        yield "", table
        return
    column = table.column(split)
    for name in column.unique().to_pylist():
        if not isinstance(name, str) or not _SPLIT_NAME.fullmatch(name):
            raise UsageError(
                f"Column {split!r} says which split a row is in, and one says {name!r}; a split has a name of letters, "
                "digits, '_' and '.'.",
                column=split,
            )
        yield name, table.filter(pa.compute.equal(column, name))


def _listed(parts: Sequence[Part]) -> str:
    return ", ".join(str(part.split) for part in parts)


def _sum(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(count for count in counts if count is not None)


register(reader=HuggingFace(), writer=HuggingFace())
