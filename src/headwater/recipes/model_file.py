"""A trained model as one file that holds no code: a zip of JSON, Arrow tables, arrays and skops files."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import InputError, StorageError, UsageError
from headwater.recipes.base import RECIPES, Fitted, Recipe
from headwater.recipes.estimator import EstimatorRecipe
from headwater.recipes.estimator_file import estimator_bytes, read_estimator
from headwater.recipes.onnx_model import OnnxModel

__all__ = ["Signature", "model_bytes", "read_model", "read_model_facts"]

_FORMAT = 1
_FACTS = "model.json"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_LARGEST = 8 << 30


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a model takes and gives.

    Parameters
    ----------
    inputs : pyarrow.Schema
        The features, by name and type.
    label : str
        What it predicts.
    classes : tuple of str
        The classes in the order of the probabilities; none for numbers.
    """

    inputs: pa.Schema
    label: str
    classes: tuple[str, ...] = field(default=())


def model_bytes(recipe: str, model: Fitted, signature: Signature) -> bytes:
    """Return a trained model as a file.

    Parameters
    ----------
    recipe : str
        Id of the recipe that it is of; ``estimator`` for one of the user's own, ``onnx`` for one from elsewhere.
    model : Fitted
        The model.
    signature : Signature
        What it takes and gives.

    Raises
    ------
    UsageError
        If it holds what cannot be kept.
    """
    if not hasattr(model, "parts"):
        raise UsageError(
            f"Models of the recipe {recipe!r} cannot be kept: they have no parts(). See headwater.recipes.base.Fitted."
        )
    files: dict[str, bytes] = {}
    parts = {}
    for number, (name, part) in enumerate(model.parts().items()):
        kind, data = _packed(part)
        parts[name] = {"kind": kind, "file": f"parts/{number}"}
        files[f"parts/{number}"] = data
    files["inputs.arrow"] = _schema_bytes(signature.inputs)
    facts = {
        "format": _FORMAT,
        "recipe": recipe,
        "label": signature.label,
        "classes": list(signature.classes),
        "parts": parts,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr(zipfile.ZipInfo(_FACTS, _LONG_AGO), json.dumps(facts))
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(info, data)
    return buffer.getvalue()


def read_model_facts(data: bytes) -> tuple[str, Signature]:
    """Return the recipe's id and the signature of a model file, without making the model."""
    with _opened(data) as files:
        facts = _facts(files)
        return facts["recipe"], _signature(files, facts)


def read_model(data: bytes, *, trust: Sequence[str] = ()) -> tuple[Fitted, Signature]:
    """Read a model file.

    Parameters
    ----------
    data : bytes
        What `model_bytes` gave.
    trust : sequence of str
        Types outside scikit-learn that may be made; see `headwater.recipes.estimator_file.read_estimator`.

    Returns
    -------
    model : Fitted
    signature : Signature

    Raises
    ------
    InputError
        If it is no model file, damaged, or names types that are not trusted.
    NotFound
        If its recipe is not there: a plug-in that is not installed.
    """
    with _opened(data) as files:
        facts = _facts(files)
        restorer = _restorer(facts["recipe"])
        try:
            parts = {
                name: _unpacked(part["kind"], files.read(part["file"]), trust)
                for name, part in facts["parts"].items()
            }
            signature = _signature(files, facts)
            return restorer.restore(parts), signature
        except (KeyError, ValueError, TypeError, zipfile.BadZipFile, pa.ArrowException) as error:
            raise InputError(f"The model file is damaged: {error!r}.") from error


def _restorer(recipe: str) -> type[Recipe] | type[OnnxModel] | Recipe:
    if recipe == EstimatorRecipe.id:
        return EstimatorRecipe
    return OnnxModel if recipe == "onnx" else RECIPES[recipe]


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        files = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise InputError(
            f"This is no model file of Headwater ({error}). Models come from `hw train --register`, or as ONNX."
        ) from error
    if sum(info.file_size for info in files.infolist()) > _LARGEST:
        raise InputError("The model file unpacks to more than 8 GiB, and is not read.")
    return files


def _facts(files: zipfile.ZipFile) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(files.read(_FACTS))
        newer = facts["format"] > _FORMAT
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"This is no model file of Headwater: {_FACTS} cannot be read.") from error
    if newer:
        raise StorageError(
            f"The model file is of format {facts['format']}, newer than this Headwater reads ({_FORMAT}). Upgrade."
        )
    return facts


def _signature(files: zipfile.ZipFile, facts: Mapping[str, Any]) -> Signature:
    with pa.ipc.open_stream(files.read("inputs.arrow")) as reader:
        return Signature(inputs=reader.schema, label=facts["label"], classes=tuple(facts["classes"]))


def _packed(part: Any) -> tuple[str, bytes]:
    if isinstance(part, pa.Schema):
        return "schema", _schema_bytes(part)
    if isinstance(part, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        return "table", bytes(sink.getvalue())
    if isinstance(part, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, part, allow_pickle=False)
        return "array", buffer.getvalue()
    if isinstance(part, bytes):
        return "bytes", part
    if part is None or isinstance(part, bool | int | float | str | list | dict):
        return "plain", json.dumps(part).encode()
    return "estimator", estimator_bytes(part)


def _unpacked(kind: str, data: bytes, trust: Sequence[str]) -> Any:
    if kind == "estimator":
        return read_estimator(data, trust=trust)
    if kind == "array":
        return np.load(io.BytesIO(data), allow_pickle=False)
    if kind == "bytes":
        return data
    if kind == "plain":
        return json.loads(data)
    with pa.ipc.open_stream(data) as reader:
        return reader.schema if kind == "schema" else reader.read_all()


def _schema_bytes(schema: pa.Schema) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema.remove_metadata()):
        pass
    return bytes(sink.getvalue())
