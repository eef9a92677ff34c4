"""Croissant: a folder with the rows as Parquet and a `croissant.json` that describes them for other tools.

References
----------
MLCommons (2024). Croissant format specification 1.0.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.core.types import type_name
from headwater.formats.base import BATCH_ROWS, About, ReadOptions, Source, WriteOptions, gathered, register
from headwater.formats.fitting import fitted, fitted_schema, mapped_type
from headwater.formats.guard import inside
from headwater.formats.parquet import Parquet
from headwater.formats.samples import suffix_of
from headwater.formats.text import input_error

__all__ = ["DESCRIPTION", "Croissant"]

DESCRIPTION = "croissant.json"
RECORDS = "records"
SPLITS = "splits"

_SPLIT_NAMES = {
    "train": "cr:TrainingSplit",
    "training": "cr:TrainingSplit",
    "validation": "cr:ValidationSplit",
    "valid": "cr:ValidationSplit",
    "dev": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}
_MEDIA = {"Image": "sc:ImageObject", "Audio": "sc:AudioObject", "Video": "sc:VideoObject"}
_ENDINGS = {
    "sc:ImageObject": (".png", ".jpg", ".gif", ".tif", ".webp"),
    "sc:AudioObject": (".wav", ".flac", ".ogg", ".mp3"),
}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


class Croissant:
    """Writes rows and their description; reads the Parquet files that a description names."""

    names = ("croissant",)
    suffixes = ()

    def recognises(self, path: Path) -> bool:
        """Say whether the folder has a description called ``croissant.json``."""
        return (path / DESCRIPTION).is_file()

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the rows of the Parquet file that the description names; its bytes are those it says."""
        root = Path(location)
        document = _read_document(root)
        file = _rows_of(document, root)
        source = Parquet().read(str(file), options=options)
        description, license = (str(document.get(name) or "") for name in ("description", "license"))
        description = "" if description == _description(str(document.get("name"))) else description
        contract = Contract(dataset=root.name, description=description, license=license)
        return replace(
            source,
            location=location,
            format="croissant",
            about=About(name=str(document.get("name") or root.name), contract=contract),
        )

    def makes_folder(self, target: Path) -> bool:
        """Say yes: it is a folder of two files."""
        return True

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write ``data/NAME.parquet`` and ``croissant.json``.

        Croissant's types are few: columns of structs and lists of structs that go deeper than one struct are
        written as JSON text, and durations as whole numbers.
        """
        about = options.about
        as_json = [field.name for field in schema if _is_deep(field.type)]
        for name in as_json:
            if mapped_type(schema.field(name).type, lambda kind: None if _is_bytes(kind) else kind) is None:
                raise UsageError(
                    f"Column {name!r} has bytes deep inside, and becomes JSON text, which cannot hold them. Leave it "
                    "out with --columns, or write Parquet instead.",
                    column=name,
                )
            options.note(
                f"Column {name!r} is {type_name(schema.field(name).type)}; it is written as JSON text."
            )
        flat = pa.schema(
            [field.with_type(pa.string()) if field.name in as_json else field for field in schema]
        )
        there = fitted_schema(flat, _leaf, "Croissant", options.note)
        name = re.sub(r"[^\w.+-]+", "_", about.name) or "data"
        file = target / "data" / f"{name}.parquet"
        file.parent.mkdir(parents=True)
        seen = _Seen(about.split_column(there) or _split_by_name(there), there)
        kept = there.with_metadata({"pandas": json.dumps(_for_pandas(there))})
        with pq.ParquetWriter(file, kept, compression="zstd", write_page_index=True) as writer:
            rows = fitted((_with_json(batch, as_json) for batch in batches), there, "Croissant")
            for table in gathered(seen.drawn(rows), there):
                writer.write_table(table.replace_schema_metadata(kept.metadata), row_group_size=BATCH_ROWS)
        document = _document(about, there, file, target, seen)
        (target / DESCRIPTION).write_text(
            json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8"
        )


class _Seen:
    """What is to be known of the values to describe them: the names of splits, and what bytes are."""

    def __init__(self, split: str | None, schema: pa.Schema) -> None:
        self.split = split
        self.splits: dict[str, None] = {}
        self.kinds: dict[str, str] = {}
        self._bytes = [field.name for field in schema if _is_bytes(field.type)]

    def drawn(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches, looking at them."""
        for batch in batches:
            if self.split is not None:
                names = pc.unique(batch.column(self.split)).drop_null().to_pylist()
                self.splits.update(dict.fromkeys(names))
            for name in self._bytes:
                values = batch.column(name).drop_null()
                if name not in self.kinds and len(values):
                    self.kinds[name] = suffix_of(values[0].as_py())
            yield batch


def _document(about: About, schema: pa.Schema, file: Path, root: Path, seen: _Seen) -> dict[str, Any]:
    contract = about.contract or Contract(dataset=about.name)
    content = {
        "@type": "cr:FileObject",
        "@id": "rows",
        "name": file.name,
        "contentUrl": file.relative_to(root).as_posix(),
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": _sha256(file),
    }
    described = {column.name: column.description for column in contract.columns}
    splits = list(seen.splits) if all(isinstance(name, str) for name in seen.splits) else []
    is_split = bool(splits) and (
        about.split_column(schema) is not None or all(name.lower() in _SPLIT_NAMES for name in splits)
    )
    fields = []
    for column in schema:
        field = _field(column, _data_type(column, about.tags.get(column.name, {}), seen.kinds))
        if described.get(column.name):
            field["description"] = described[column.name]
        if column.name == contract.label:
            field["dataType"] = [field["dataType"], "cr:Label"] if "dataType" in field else "cr:Label"
        if is_split and column.name == seen.split:
            field["references"] = {"field": {"@id": f"{SPLITS}/name"}}
        fields.append(field)
    records: dict[str, Any] = {"@type": "cr:RecordSet", "@id": RECORDS, "name": RECORDS, "field": fields}
    key = [name for name in contract.key if name in schema.names]
    if key and len(key) == len(contract.key):
        ids = [{"@id": _id(name)} for name in key]
        records["key"] = ids[0] if len(ids) == 1 else ids
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about.name,
        "description": contract.description or _description(about.name),
        "version": contract.version,
    }
    if about.published:
        document["datePublished"] = about.published
    if contract.license:
        document["license"] = contract.license
    if contract.owner:
        document["creator"] = {"@type": "sc:Person", "name": contract.owner}
    document["distribution"] = [content]
    document["recordSet"] = [*([_splits(splits)] if is_split else []), records]
    return document


def _description(name: str) -> str:
    """Return what is said of a dataset that nobody has described; the standard wants something."""
    return f"The dataset {name}."


def _field(column: pa.Field, kind: str) -> dict[str, Any]:
    """Return the description of a column; the parts of a struct are fields of their own."""
    field: dict[str, Any] = {"@type": "cr:Field", "@id": _id(column.name), "name": column.name}
    if pa.types.is_struct(column.type):
        field["subField"] = [_part(column.name, part) for part in column.type]
        return field
    field |= {"dataType": kind, "source": _source(column.name)}
    if _is_list(column.type):
        field["repeated"] = True
    return field


def _part(column: str, part: pa.Field) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{_id(column)}/{quote(part.name, safe='')}",
        "name": part.name,
        "dataType": _data_type(part, {}, {}),
        "source": {**_source(column), "transform": {"jsonPath": json.dumps(part.name, ensure_ascii=False)}},
    }
    if _is_list(part.type):
        field["repeated"] = True
    return field


def _source(column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": "rows"}, "extract": {"column": column}}


def _splits(names: Iterable[str]) -> dict[str, Any]:
    fields = [
        {"@type": "cr:Field", "@id": f"{SPLITS}/name", "name": "name", "dataType": "sc:Text"},
        {"@type": "cr:Field", "@id": f"{SPLITS}/url", "name": "url", "dataType": ["sc:URL", "cr:Split"]},
    ]
    data = [
        {f"{SPLITS}/name": name, f"{SPLITS}/url": _SPLIT_NAMES.get(name.lower(), "cr:Split")}
        for name in names
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": SPLITS,
        "name": SPLITS,
        "key": {"@id": f"{SPLITS}/name"},
        "dataType": "cr:Split",
        "field": fields,
        "data": data,
    }


def _data_type(column: pa.Field, tags: Mapping[str, Any], endings: Mapping[str, str]) -> str:
    kind = column.type
    while _is_list(kind):
        kind = kind.value_type
    feature = tags.get("huggingface")
    medium = feature.get("_type") if isinstance(feature, Mapping) else None
    if _is_bytes(kind):
        ending = endings.get(column.name, "")
        found = (name for name, known in _ENDINGS.items() if ending in known)
        return _MEDIA.get(str(medium)) or next(found, "sc:Text")
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return f"cr:{'U' if pa.types.is_unsigned_integer(kind) else ''}Int{kind.bit_width}"
    if pa.types.is_floating(kind):
        return f"cr:Float{kind.bit_width}"
    if pa.types.is_decimal(kind):
        return "sc:Float"
    if pa.types.is_date(kind):
        return "sc:Date"
    if pa.types.is_timestamp(kind):
        return "sc:DateTime"
    return "sc:Time" if pa.types.is_time(kind) else "sc:Text"


def _leaf(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_null(kind):
        return pa.string()
    return None if pa.types.is_interval(kind) else kind


def _is_deep(kind: pa.DataType, *, is_inside: bool = False) -> bool:
    """Say whether a type has structs that are not the column itself, which Croissant cannot describe."""
    if pa.types.is_map(kind):
        return True
    if pa.types.is_struct(kind):
        return (
            is_inside or kind.num_fields == 0 or any(_is_deep(field.type, is_inside=True) for field in kind)
        )
    return _is_list(kind) and _is_deep(kind.value_type, is_inside=True)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )


def _with_json(batch: pa.RecordBatch, names: Iterable[str]) -> pa.RecordBatch:
    for name in names:
        at = batch.schema.get_field_index(name)
        text = (
            duckdb.from_arrow(pa.table({"c": batch.column(at)}))
            .project("to_json(c)::VARCHAR AS c")
            .to_arrow_table()
        )
        batch = batch.set_column(
            at, pa.field(name, pa.string()), text.column("c").combine_chunks().cast(pa.string())
        )
    return batch


def _split_by_name(schema: pa.Schema) -> str | None:
    """Return the column called ``split``, if it is text."""
    return "split" if "split" in schema.names and pa.types.is_string(schema.field("split").type) else None


def _id(column: str) -> str:
    return f"{RECORDS}/{quote(column, safe='')}"


def _read_document(root: Path) -> dict[str, Any]:
    place = f"{root.name}/{DESCRIPTION}"
    try:
        found = json.loads((root / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise input_error(place, "it is missing") from error
    except (ValueError, RecursionError) as error:
        raise input_error(place, f"it is not whole JSON ({error})", mend="fetch the folder again") from error
    if not isinstance(found, dict):
        raise input_error(place, "it is no JSON object")
    return found


def _rows_of(document: Mapping[str, Any], root: Path) -> Path:
    """Return the one file of rows that lies in the folder, having compared its hash."""
    place = f"{root.name}/{DESCRIPTION}"
    listed = document.get("distribution")
    files = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    urls = [str(item.get("contentUrl") or "") for item in files]
    if len(files) != 1 or not urls[0].endswith(".parquet") or "://" in urls[0]:
        raise input_error(
            place,
            "its rows are not in one Parquet file in the same folder",
            mend="fetch the files that it names, and import them",
        )
    file = inside(urls[0], root, place)
    if not file.is_file():
        raise input_error(place, f"the file {urls[0]} is missing, which it names", mend="fetch it again")
    wanted = files[0].get("sha256")
    if wanted is not None and _sha256(file) != wanted:
        raise input_error(
            place, f"the file {urls[0]} is not the one it describes: its hash differs", mend="fetch it again"
        )
    return file


def _for_pandas(schema: pa.Schema) -> dict[str, Any]:
    """Return the metadata by which pandas, which readers of Croissant go through, keeps whole numbers beside nulls."""
    columns = []
    for column in schema:
        if pa.types.is_integer(column.type):
            name = f"{'UI' if pa.types.is_unsigned_integer(column.type) else 'I'}nt{column.type.bit_width}"
            facts = {"name": column.name, "field_name": column.name, "metadata": None}
            columns.append({**facts, "pandas_type": name.lower(), "numpy_type": name})
    return {"index_columns": [], "column_indexes": [], "columns": columns}


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


register(reader=Croissant(), writer=Croissant())
