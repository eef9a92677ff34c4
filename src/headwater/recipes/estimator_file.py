"""Scikit-learn estimators as bytes that hold no code, and the same bytes for the same estimator.

References
----------
skops, secure persistence of scikit-learn models. https://skops.readthedocs.io/en/stable/persistence.html
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from headwater.core.errors import InputError, UsageError
from headwater.core.extras import require
from headwater.core.ids import canonical_json, digest

__all__ = ["estimator_bytes", "read_estimator"]

_EXTRA = "ml"
_STATE = "schema.json"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_NOT_MODELS = ("sklearn.datasets", "sklearn.externals", "sklearn.utils._testing", "sklearn.utils._mocking")


def estimator_bytes(estimator: Any) -> bytes:
    """Return a fitted estimator as a file in the format of skops.

    Two estimators that are equal in all they hold give the same bytes.

    Raises
    ------
    UsageError
        If it holds what cannot be kept, such as a function made on the spot.
    """
    skops = require("skops.io", extra=_EXTRA, purpose="Keeping a model")
    try:
        data: bytes = skops.dumps(estimator)
        skops.loads(data, trusted=skops.get_untrusted_types(data=data))
    except Exception as error:
        raise UsageError(
            f"A {type(estimator).__module__}.{type(estimator).__qualname__} cannot be kept without pickle: {error}. "
            "Use estimators of scikit-learn, or others whose state is arrays, numbers and text; no lambdas."
        ) from error
    return _settled(data)


def read_estimator(data: bytes, *, trust: Sequence[str] = ()) -> Any:
    """Read an estimator.

    Parameters
    ----------
    data : bytes
        What `estimator_bytes` or ``skops.io.dumps`` gave.
    trust : sequence of str
        Types outside scikit-learn, numpy and scipy that may be made, by their full name.

    Raises
    ------
    InputError
        If the file names other types, or is no such file.
    """
    skops = require("skops.io", extra=_EXTRA, purpose="Reading a model")
    try:
        found = list(skops.get_untrusted_types(data=data))
    except Exception as error:
        raise InputError(f"This is no model file of skops: {error}.") from error
    strange = sorted(name for name in found if not _is_known(name) and name not in trust)
    if strange:
        raise InputError(
            f"The model file makes objects of {', '.join(strange)}, which are not of scikit-learn. Code of these "
            "types will run: if you trust who made the file, name them as trusted (--trust TYPE).",
            types=strange,
        )
    try:
        return skops.loads(data, trusted=found)
    except Exception as error:
        raise InputError(f"The model file cannot be read: {error}.") from error


def _is_known(name: str) -> bool:
    """Say whether a type is part of a scikit-learn model; those beside it read files or load test doubles."""
    return name == "functools.partial" or (name.startswith("sklearn.") and not name.startswith(_NOT_MODELS))


def _settled(data: bytes) -> bytes:
    """Return the file with names made from content instead of from addresses in memory, and without times."""
    with zipfile.ZipFile(io.BytesIO(data)) as given:
        files = {name: given.read(name) for name in given.namelist() if name != _STATE}
        state = json.loads(given.read(_STATE))
    hashes = {name: digest(content) for name, content in files.items()}
    kept: dict[str, bytes] = {}
    numbers: dict[str, int] = {}

    def settle(node: Any) -> Any:
        if isinstance(node, list):
            return [settle(item) for item in node]
        if not isinstance(node, dict):
            return node
        out = {name: settle(item) for name, item in node.items() if name not in ("__id__", "file")}
        if "file" in node:
            name = f"{hashes[node['file']][:32]}.{node['file'].rpartition('.')[2]}"
            kept[name] = files[node["file"]]
            out["file"] = name
        if "__id__" in node:
            out["__id__"] = numbers.setdefault(digest(canonical_json(out)), len(numbers) + 1)
        return out

    settled = json.dumps(settle(state)).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in sorted(kept):
            made.writestr(zipfile.ZipInfo(name, _LONG_AGO), kept[name])
        made.writestr(zipfile.ZipInfo(_STATE, _LONG_AGO), settled)
    return buffer.getvalue()
