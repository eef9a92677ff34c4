"""What a recipe is: a fixed training procedure. The data may change, the recipe does not."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import NotFound, UsageError
from headwater.core.ids import canonical_json, digest
from headwater.core.registry import Registry
from headwater.core.schema import require_columns
from headwater.reading.splits import AUGMENTED_FROM
from headwater.recipes.parameters import split_name, with_parameters

__all__ = [
    "AUGMENTED_FROM",
    "RECIPES",
    "Fitted",
    "Labels",
    "Recipe",
    "Task",
    "choose",
    "encode_labels",
    "feature_columns",
    "load",
    "task_of",
]

Task = Literal["classification", "regression"]
F64 = NDArray[np.float64]

_CLASSES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Labels as numbers: class codes and the classes, or the values of a regression (no classes)."""

    values: F64
    classes: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """Whether classes or numbers are predicted."""
        return "classification" if self.classes else "regression"


class Fitted(Protocol):
    """A trained model."""

    def predict(self, features: pa.Table) -> F64:
        """Return class probabilities, shape (n, k), or the predicted numbers, shape (n, 1)."""
        ...

    def parts(self) -> dict[str, Any]:
        """Return what the model is made of, by name, so that it can be kept without its code.

        Each part is a `pyarrow.Table` or `pyarrow.Schema`, an array, bytes, plain values, or a fitted estimator.
        """
        ...


class Recipe(Protocol):
    """A fixed training procedure. Implementations are frozen dataclasses: equal recipes are equal.

    Attributes
    ----------
    id : str
        The name it is registered under.
    version : str
        Raised when the same data and seed may give another model.
    """

    id: ClassVar[str]
    version: ClassVar[str]

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train on rows whose label is known.

        Parameters
        ----------
        features : pyarrow.Table
            The feature columns, n rows.
        labels : Labels
            Their labels, shape (n,).
        weights : numpy.ndarray of float, shape (n,), optional
            Weight of each row.
        seed : int
            Seed of all randomness: the same seed gives the same model.

        Returns
        -------
        Fitted
        """
        ...

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> Fitted:
        """Make a model again of its `Fitted.parts`."""
        ...


RECIPES: Registry[Recipe] = Registry("recipe", "headwater.recipes")
"""Every recipe, by id."""


def identity(recipe: Recipe) -> str:
    """Return a name for a recipe: its version, its parameters, and the version of the library that trains it.

    The same name stands for the same models on the same data, so caches and records may rely on it.
    """
    facts = [repr(recipe), getattr(recipe, "fingerprint", ""), _version("scikit-learn")]
    return f"{recipe.id}@{recipe.version}:{digest(canonical_json(facts))[:12]}"


def load(name: str) -> Recipe:
    """Return the recipe of that name, or the one that ``module:function`` makes.

    Parameters in brackets replace those that the recipe has: ``tabular(iterations=300)``.

    The function takes no arguments and returns an estimator with scikit-learn's ``fit`` and
    ``predict_proba`` (``predict`` for numbers), which gets the features as a pandas frame.

    Raises
    ------
    NotFound
        If there is no such recipe, module, function or parameter.
    UsageError
        If a parameter cannot be read, or has no meaning.
    """
    given = name
    name, parameters = split_name(name)
    module, colon, function = name.partition(":")
    if not colon:
        return with_parameters(RECIPES[name], name, parameters)
    if parameters:
        raise UsageError(f"{given!r}: a function of yours takes no parameters here; write them into it.")
    from headwater.recipes.estimator import EstimatorRecipe

    try:
        make: Callable[[], Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise NotFound(
            f"There is no recipe {name!r}: {error}. Give module:function, where the module can be imported.",
            kind="recipe",
            name=name,
        ) from error
    return EstimatorRecipe(name=name, make=make)


def choose(schema: pa.Schema, features: Sequence[str]) -> str:
    """Return the recipe that fits: ``text`` where the features are one text column, else ``tabular``.

    Vectors beside the text do not count: they may be embeddings of it.
    """
    kinds = [schema.field(name).type for name in features]
    kinds = [kind for kind in kinds if not pa.types.is_fixed_size_list(kind)]
    return "text" if len(kinds) == 1 and pa.types.is_string(kinds[0]) else "tabular"


def feature_columns(
    schema: pa.Schema, *, label: str, key: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[str]:
    """Return the columns a model may learn from.

    The label, the key, excluded columns, columns of bytes and those whose name begins with ``_`` are left out.

    Raises
    ------
    NotFound
        If the label or an excluded column is not there.
    UsageError
        If nothing is left.
    """
    require_columns(schema, [label, *exclude], where="the dataset")
    out = [
        field.name
        for field in schema
        if field.name not in (label, *key, *exclude)
        and not field.name.startswith("_")
        and not pa.types.is_binary(field.type)
        and not pa.types.is_null(field.type)
    ]
    if not out:
        raise UsageError(f"No column is left to learn {label!r} from. Exclude fewer columns.")
    return out


def task_of(kind: pa.DataType, values: pa.ChunkedArray | pa.Array) -> Task:
    """Return ``regression`` for fractions and for whole numbers with more than 100 different values."""
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        rounded = pc.all(pc.equal(values.cast(pa.float64()), pc.round(values.cast(pa.float64())))).as_py()
        if not rounded:
            return "regression"
    elif not pa.types.is_integer(kind):
        return "classification"
    return "regression" if pc.count_distinct(values).as_py() > _CLASSES else "classification"


def encode_labels(
    values: pa.ChunkedArray | pa.Array, classes: Sequence[str] | None = None, task: Task | None = None
) -> Labels:
    """Return labels as numbers.

    Parameters
    ----------
    values : pyarrow.Array
        The labels, without nulls.
    classes : sequence of str, optional
        The classes by number; those that occur, sorted, by default.
    task : {"classification", "regression"}, optional
        Found from the values by default.

    Raises
    ------
    UsageError
        If a label is none of ``classes``, or there are fewer than two.
    """
    if (task or task_of(values.type, values)) == "regression" and classes is None:
        return Labels(values=np.asarray(values.cast(pa.float64())).astype(np.float64))
    texts = class_names(values)
    known = list(classes) if classes is not None else sorted(pc.unique(texts).to_pylist(), key=_natural)
    if len(known) < 2:
        only = f": every row has {known[0]!r}" if known else ""
        raise UsageError(f"A classifier needs two classes at least{only}. Choose another label column.")
    codes = pc.index_in(texts, value_set=pa.array(known, pa.string()))
    if codes.null_count:
        raise UsageError("A label is none of the classes that were learnt.")
    return Labels(values=np.asarray(codes).astype(np.float64), classes=tuple(known))


def class_names(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return labels as text; whole numbers without a fraction, so that 1 and 1.0 are one class."""
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_floating(flat.type):
        flat = flat.cast(pa.int64())
    return flat.cast(pa.string())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def parameters_key(parameters: Mapping[str, Any]) -> str:
    """Return a short name for JSON-able parameters, for caches."""
    return digest(canonical_json(parameters))[:24]
