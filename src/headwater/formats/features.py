"""Features, the column types of Hugging Face's `datasets`, to and from plain columns.

Names of classes become text, and an image, sound or other medium becomes its bytes, with a column of its path
where there is one. What a feature was is kept as a tag of the column, so that writing gives the same again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError
from headwater.core.schema import plain_type
from headwater.core.types import type_name
from headwater.formats.fitting import mapped_type
from headwater.formats.text import input_error

__all__ = ["TAG", "Columns", "FeatureColumn", "feature_of", "media_features", "plainly"]

TAG = "huggingface"
"""The tag of a column that holds its feature."""

_MEDIA = ("Image", "Audio", "Video", "Pdf", "Nifti", "Mesh")
_NO_CLASS = -1


def plainly(features: Mapping[str, Any], schema: pa.Schema, with_paths: frozenset[str]) -> Columns:
    """Return how the columns of files with these features become plain ones.

    Parameters
    ----------
    features : mapping of str to Any
        The features, as ``dataset_info.json`` has them; columns that it lacks are taken as they are.
    schema : pyarrow.Schema
        Of the files.
    with_paths : frozenset of str
        The media columns of which some values have a path.
    """
    fields: list[pa.Field] = []
    tags: dict[str, dict[str, Any]] = {}
    for column in schema:
        feature = features.get(column.name)
        kind = feature.get("_type") if isinstance(feature, Mapping) else None
        if kind == "ClassLabel" and pa.types.is_integer(column.type) and _names(feature):
            fields.append(pa.field(column.name, pa.string()))
        elif kind in _MEDIA and _is_medium(column.type):
            fields.append(pa.field(column.name, pa.binary()))
            if column.name in with_paths:
                path = f"{column.name}_path"
                if path in schema.names:
                    raise UsageError(
                        f"Column {column.name!r} has paths, whose column would be {path!r}, which is there already."
                    )
                fields.append(pa.field(path, pa.string()))
                tags[path] = {"role": "path", "of": column.name}
        else:
            fields.append(pa.field(column.name, plain_type(column.type)))
        if _is_worth_keeping(feature):
            tags[column.name] = {TAG: feature}
    return Columns(pa.schema(fields), tags, dict(features))


def media_features(features: Mapping[str, Any]) -> list[str]:
    """Return the columns that are media."""
    return [
        name
        for name, feature in features.items()
        if isinstance(feature, Mapping) and feature.get("_type") in _MEDIA
    ]


@dataclass(frozen=True)
class Columns:
    """Plain columns of a dataset with features: their schema and tags, and how to get them."""

    schema: pa.Schema
    tags: Mapping[str, Mapping[str, Any]]
    features: Mapping[str, Any] = field(repr=False)

    def batch(self, batch: pa.RecordBatch, place: str) -> pa.RecordBatch:
        """Return a batch of a file as plain columns.

        Raises
        ------
        InputError
            If a class has no name.
        """
        columns: list[pa.Array] = []
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            kind = self.schema.field(name).type
            stored = _storage(values)
            if pa.types.is_string(kind) and pa.types.is_integer(stored.type):
                columns.append(_class_names(stored, _names(self.features[name]), name, place))
            elif pa.types.is_binary(kind) and pa.types.is_struct(stored.type):
                columns.append(_child(stored, "bytes").cast(pa.binary()))
                if f"{name}_path" in self.schema.names and f"{name}_path" not in batch.schema.names:
                    columns.append(_child(stored, "path").cast(pa.string()))
            else:
                columns.append(stored.cast(kind))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


class FeatureColumn:
    """How one column is written: its feature, its type in the files, and its values.

    The names of a class label are those of its tag; values that are not among them are added at the end.

    Parameters
    ----------
    column : pyarrow.Field
        The column.
    tags : mapping
        Its tags.
    path : str, optional
        The column of its paths, for media.
    """

    def __init__(self, column: pa.Field, tags: Mapping[str, Any], path: str | None) -> None:
        self.name = column.name
        self.path = path
        kept: Any = tags.get(TAG)
        self._feature: Any = None
        self._classes: list[str] = []
        kind = kept.get("_type") if isinstance(kept, Mapping) else None
        if kind == "ClassLabel" and pa.types.is_string(column.type):
            self._feature, self._classes, self.type = dict(kept), list(_names(kept)), pa.int64()
        elif kind in _MEDIA and pa.types.is_binary(column.type):
            self._feature = dict(kept)
            self.type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        else:
            found = mapped_type(column.type, _leaf, has_maps=False)
            if found is None:
                raise UsageError(
                    f"Hugging Face datasets have no type for column {self.name!r} ({type_name(column.type)}). Leave it "
                    "out with --columns, or write Parquet or Arrow instead.",
                    column=self.name,
                )
            self.type = found
            self._feature = kept if kept is not None and _storage_type(kept) == found else None

    @property
    def feature(self) -> Any:
        """The feature, with the classes of the values so far."""
        if isinstance(self._feature, Mapping) and self._feature.get("_type") == "ClassLabel":
            return {**self._feature, "names": self._classes}
        return feature_of(self.type) if self._feature is None else self._feature

    @property
    def field(self) -> pa.Field:
        """The column of the files; grids of numbers carry the name of their type, which is not Arrow's own."""
        kind = self._feature.get("_type", "") if isinstance(self._feature, Mapping) else ""
        if not str(kind).startswith("Array"):
            return pa.field(self.name, self.type)
        shape = json.dumps([self._feature["shape"], self._feature["dtype"]])
        extension = f"datasets.features.features.{kind}ExtensionType"
        return pa.field(
            self.name,
            self.type,
            metadata={"ARROW:extension:name": extension, "ARROW:extension:metadata": shape},
        )

    def values(self, batch: pa.RecordBatch) -> pa.Array:
        """Return the values of the column as the files hold them."""
        values = batch.column(self.name)
        kind = self._feature.get("_type") if isinstance(self._feature, Mapping) else None
        if kind == "ClassLabel" and pa.types.is_string(values.type):
            new = set(pc.unique(values).drop_null().to_pylist()) - set(self._classes)
            self._classes += sorted(new)
            found = pc.index_in(values, pa.array(self._classes, pa.string())).cast(pa.int64())
            return pc.if_else(pc.is_valid(values), found, pa.scalar(None, pa.int64()))
        if kind in _MEDIA:
            paths = batch.column(self.path) if self.path else pa.nulls(len(values), pa.string())
            nothing = pc.and_(pc.is_null(values), pc.is_null(paths))
            return pa.StructArray.from_arrays(
                [values, paths.cast(pa.string())], fields=list(self.type), mask=nothing
            )
        return values.cast(self.type)


def feature_of(kind: pa.DataType) -> Any:
    """Return the feature of a plain type."""
    if pa.types.is_struct(kind):
        return {column.name: feature_of(column.type) for column in kind}
    if pa.types.is_fixed_size_list(kind):
        return {"feature": feature_of(kind.value_type), "length": kind.list_size, "_type": "List"}
    if pa.types.is_list(kind):
        return {"feature": feature_of(kind.value_type), "_type": "List"}
    return {"dtype": _dtype(kind), "_type": "Value"}


_DTYPES = {pa.float16(): "float16", pa.float32(): "float32", pa.float64(): "float64"}


def _dtype(kind: pa.DataType) -> str:
    if kind in _DTYPES:
        return _DTYPES[kind]
    return str(kind).removesuffix("[day]")  # Arrow's names, but for these


def _leaf(kind: pa.DataType) -> pa.DataType | None:
    return None if pa.types.is_interval(kind) else kind


def _storage_type(feature: Any) -> pa.DataType | None:
    """Return the type that values of a feature have in files, None for those not known here."""
    if not isinstance(feature, Mapping):
        return None
    kind = feature.get("_type")
    if not isinstance(kind, str):
        inner = {name: _storage_type(child) for name, child in feature.items()}
        return None if None in inner.values() else pa.struct(list(inner.items()))
    if kind == "Value":
        return _DTYPE_NAMES.get(str(feature.get("dtype")))
    if kind == "ClassLabel":
        return pa.int64()
    if kind in ("List", "LargeList") and (child := _storage_type(feature.get("feature"))) is not None:
        return pa.list_(
            child, feature.get("length", -1) if isinstance(feature.get("length", -1), int) else -1
        )
    if kind in ("Array2D", "Array3D", "Array4D", "Array5D") and str(feature.get("dtype")) in _DTYPE_NAMES:
        found = _DTYPE_NAMES[str(feature["dtype"])]
        for _ in feature.get("shape", ()):
            found = pa.list_(found)
        return found
    return None


_DTYPE_NAMES = {
    _dtype(kind): kind
    for kind in (
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()),
        *(pa.uint64(), pa.float32(), pa.float64(), pa.string(), pa.binary(), pa.date32()),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
    )
}


def _names(feature: Any) -> Sequence[str]:
    names = feature.get("names") if isinstance(feature, Mapping) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _is_worth_keeping(feature: Any) -> bool:
    """Say whether a feature is more than the type of its column."""
    if not isinstance(feature, Mapping):
        return False
    kind = feature.get("_type")
    if kind == "Value":
        return False
    if kind in ("List", "LargeList", "Sequence"):
        return _is_worth_keeping(feature.get("feature"))
    return isinstance(kind, str) or any(_is_worth_keeping(child) for child in feature.values())


def _is_medium(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {column.name for column in kind} == {"bytes", "path"}


def _storage(values: pa.Array) -> pa.Array:
    return values.storage if isinstance(values, pa.ExtensionArray) else values


def _child(values: pa.StructArray, name: str) -> pa.Array:
    """Return a child of structs, null where the struct is."""
    return pc.struct_field(values, name)


def _class_names(values: pa.Array, names: Sequence[str], column: str, place: str) -> pa.Array:
    numbers = pc.if_else(pc.equal(values, _NO_CLASS), None, values)
    if len(numbers) > numbers.null_count:
        least, most = pc.min_max(numbers).as_py().values()
        if least < 0 or most >= len(names):
            wrong = least if least < 0 else most
            raise input_error(
                place,
                f"column {column!r} has the class {wrong}, and there are names of {len(names)} classes only",
                mend="write the dataset again with the names of all classes",
                column=column,
            )
    return pa.array(names, pa.string()).take(numbers.cast(pa.int64()))
