"""``clean.impute``: missing values are filled from the other columns of their rows, by rows that are like them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.core.extras import require
from headwater.core.schema import require_columns
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source, require_targets
from headwater.transforms.grouping import group_places, row_groups
from headwater.transforms.training_rows import learning_rows, take_rows

__all__ = ["CleanImpute"]

Method = Literal["knn", "iterative", "hot_deck"]
Estimator = Literal["ridge", "trees"]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class _Imputer:
    """What was learnt: a fitted imputer over scaled numbers, or the donors of each column."""

    targets: list[str]
    inputs: list[str] = field(default_factory=list)
    model: Any = None  # an imputer of scikit-learn
    centre: F64 = field(default_factory=lambda: np.zeros(0))
    scale: F64 = field(default_factory=lambda: np.ones(0))
    groups: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    donors: Mapping[str, pa.Array] = field(default_factory=dict)
    edges: Mapping[str, I64] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@TRANSFORMS.register("clean.impute")
@dataclass(frozen=True, kw_only=True)
class CleanImpute(RowTransform[_Imputer]):
    """Fill missing values from rows that are like theirs: nearest rows, a model of each column, or random donors.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all of numbers that lack values, other than the key, the label, and columns that
        the contract calls sensitive. ``hot_deck`` fills columns of any type.
    method : {"knn", "iterative", "hot_deck"}
        The mean of the nearest rows; a regression of each column on the others, in rounds (MICE); the value of a row
        drawn at random.
    using : tuple of str
        Columns of numbers that ``knn`` and ``iterative`` look at besides; by default all that may be filled.
    by : tuple of str
        ``hot_deck`` draws from rows with equal values here; where these have none, from all rows.
    neighbours : int
        How many nearest rows.
    estimator : {"ridge", "trees"}
        The regression: Bayesian ridge, or gradient-boosted trees.
    rounds : int
        The most rounds of ``iterative``.
    sample : int
        The most rows learnt from; more are drawn at random.
    indicator : bool
        Also add ``COLUMN_missing``, true where a value was missing.
    part : str
        The part of the dataset's split that is learnt from, or ``all``; the first one by default.
    holdout : float
        Without a split, the share of keys that recipes hold out and that nothing is learnt from.

    Notes
    -----
    Numbers are scaled to mean 0 and deviation 1 for it. ``knn`` and ``iterative`` are scikit-learn's
    (``pip install "headwater[ml]"``). A column without any value in the rows learnt from stays as it is.

    References
    ----------
    Troyanskaya et al. (2001). Missing value estimation methods for DNA microarrays. doi:10.1093/bioinformatics/17.6.520
    van Buuren, Groothuis-Oudshoorn (2011). mice. doi:10.18637/jss.v045.i03
    Andridge, Little (2010). A review of hot deck imputation. doi:10.1111/j.1751-5823.2010.00103.x
    """

    id = "clean.impute"
    title = "Missing values from like rows"

    columns: tuple[str, ...] = ()
    method: Method = "knn"
    using: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    neighbours: int = 5
    estimator: Estimator = "ridge"
    rounds: int = 10
    sample: int = 20_000
    indicator: bool = False
    part: str = ""
    holdout: float = 0.0

    def __post_init__(self) -> None:
        require_choice("method", self.method, get_args(Method))
        require_choice("estimator", self.estimator, get_args(Estimator))
        for name in ("neighbours", "rounds", "sample"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it is at least 1.")
        if self.by and self.method != "hot_deck":
            raise UsageError("by is for the method hot_deck; others look at the columns of using.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or of a kind that the method cannot fill."""
        require_targets(self, source, self.columns)
        require_columns(source.schema, (*self.using, *self.by), where=f"dataset {source.dataset.name!r}")
        if self.method != "hot_deck":
            for name in (*self.columns, *self.using):
                if not _is_number(source.schema.field(name).type):
                    raise SchemaError(
                        f"Column {name!r} is {source.schema.field(name).type}; {self.method} is for numbers. Use "
                        "hot_deck.",
                        column=name,
                    )

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns, and those that mark what is missing in them."""
        names = self._columns(source)
        return (*names, *(f"{name}_missing" for name in names)) if self.indicator else names

    def reads(self, source: Source) -> tuple[str, ...]:
        """Return all columns that are looked at."""
        return (*self._columns(source), *self._inputs(source), *self.by)

    def fit(self, source: Source) -> _Imputer:
        """Return what was learnt from the rows to learn from."""
        lacking = [
            name for name, column in source.columns(self._columns(source)) if _is_missing(column).any()
        ]
        if not lacking:
            return _Imputer([])
        learning = learning_rows(source, self.part, self.holdout)
        rows = np.arange(source.dataset.num_rows) if learning.mask is None else np.flatnonzero(learning.mask)
        if len(rows) > self.sample:
            rows = np.sort(source.rng(self.id, "sample").permutation(rows)[: self.sample])
        facts = {"method": self.method, "rows": len(rows), **learning.facts}
        if self.method == "hot_deck":
            return self._donors(source, lacking, rows.astype(np.int64), facts)
        inputs = [*dict.fromkeys([*lacking, *self._inputs(source)])]
        table = take_rows(source, rows.astype(np.int64), inputs)
        values = _matrix(table, inputs)
        known: NDArray[np.bool_] = np.zeros(len(inputs), np.bool_)
        if len(values):
            known |= np.isfinite(values).any(axis=0)
        inputs = [name for name, has in zip(inputs, known, strict=True) if has]
        targets = [name for name in lacking if name in inputs]
        left = [name for name in lacking if name not in inputs]
        facts |= {"columns": targets, **({"not_filled": left} if left else {})}
        if not targets:
            return _Imputer([], facts=facts)
        values = values[:, known]
        centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        scale[~(scale > 0)] = 1.0
        model = self._model(source)
        with warnings.catch_warnings():
            # Whether the rounds came to rest is recorded instead.
            warnings.simplefilter("ignore")
            model.fit((values - centre) / scale)
        if self.method == "iterative":
            facts["rounds"] = int(model.n_iter_)
        return _Imputer(targets, inputs, model, centre, scale, facts=facts)

    def facts(self, fitted: _Imputer) -> Mapping[str, Any]:
        """Return what was learnt from how many rows."""
        return fitted.facts

    def apply(self, rows: pa.Table, fitted: _Imputer, rng: np.random.Generator) -> Edit:
        """Fill the rows that lack values."""
        if not fitted.targets:
            return Edit()
        missing = {name: _is_missing(rows.column(name)) for name in fitted.targets}
        if self.method == "hot_deck":
            after = {name: self._drawn(rows, name, fitted, rng) for name in fitted.targets}
        else:
            after = self._predicted(rows, fitted, missing)
        word = {"knn": f"mean of {self.neighbours} nearest rows", "iterative": f"{self.estimator} regression"}
        said = f"missing; {word.get(self.method, 'value of a row drawn at random')}"
        why = {name: pa.repeat(pa.scalar(said), rows.num_rows) for name in after}
        if self.indicator:
            for name, mask in missing.items():
                mark = f"{name}_missing"
                known = rows.column(mark) if mark in rows.schema.names else pa.scalar(False)
                after[mark] = pc.or_(pc.fill_null(known, False), pa.array(mask))
        return Edit.between(rows, pa.table(after), why=why)

    def _predicted(
        self, rows: pa.Table, fitted: _Imputer, missing: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, Any]:
        lacks = np.zeros(rows.num_rows, np.bool_)
        for mask in missing.values():
            lacks |= mask
        found = np.zeros((0, len(fitted.inputs)))
        if lacks.any():
            values = _matrix(rows.filter(pa.array(lacks)), fitted.inputs)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = fitted.model.transform((values - fitted.centre) / fitted.scale)
            found = found * fitted.scale + fitted.centre
        after = {}
        for name in fitted.targets:
            column = rows.column(name).combine_chunks()
            made = np.full(rows.num_rows, np.nan)
            made[lacks] = found[:, fitted.inputs.index(name)]
            fits = missing[name] & np.isfinite(made)
            if pa.types.is_integer(column.type):
                bounds = np.iinfo(column.type.to_pandas_dtype())
                made = np.clip(np.rint(np.where(fits, made, 0.0)), float(bounds.min), float(bounds.max))
            new = pa.array(np.where(fits, made, 0.0)).cast(column.type)
            after[name] = pc.if_else(pa.array(fits), new, column)
        return after

    def _model(self, source: Source) -> Any:
        purpose = f"clean.impute with {self.method}"
        if self.method == "knn":
            impute = require("sklearn.impute", extra="ml", purpose=purpose)
            return impute.KNNImputer(n_neighbors=self.neighbours, keep_empty_features=True)
        require("sklearn.experimental.enable_iterative_imputer", extra="ml", purpose=purpose)
        impute = require("sklearn.impute", extra="ml", purpose=purpose)
        estimator = None
        if self.estimator == "trees":
            ensemble = require("sklearn.ensemble", extra="ml", purpose=purpose)
            estimator = ensemble.HistGradientBoostingRegressor(random_state=source.seed)
        return impute.IterativeImputer(
            estimator, max_iter=self.rounds, random_state=source.seed, keep_empty_features=True
        )

    def _donors(self, source: Source, lacking: list[str], rows: I64, facts: dict[str, Any]) -> _Imputer:
        """Return the values of each column by group, those of all rows last."""
        table = take_rows(source, rows, [*dict.fromkeys([*lacking, *self.by])])
        groups, place = row_groups(source, self.by)
        place = place[rows] if self.by else np.zeros(len(rows), np.int64)
        donors, edges = {}, {}
        for name in lacking:
            column = table.column(name).combine_chunks()
            there = np.flatnonzero(~_is_missing(table.column(name)))
            if len(there):
                order = there[np.argsort(place[there], kind="stable")]
                donors[name] = column.take(pa.array(order))
                edges[name] = np.searchsorted(place[order], np.arange(len(groups) + 1))
        left = [name for name in lacking if name not in donors]
        facts |= {"columns": list(donors), **({"not_filled": left} if left else {})}
        return _Imputer(list(donors), groups=groups, donors=donors, edges=edges, facts=facts)

    def _drawn(self, rows: pa.Table, name: str, fitted: _Imputer, rng: np.random.Generator) -> pa.Array:
        donors, edges = fitted.donors[name], fitted.edges[name]
        first, count = np.zeros(rows.num_rows, np.int64), np.full(rows.num_rows, len(donors))
        if self.by:
            place = np.asarray(pc.fill_null(group_places(rows, self.by, fitted.groups), -1))
            mine = np.where(place >= 0, edges[place + 1] - edges[place], 0)
            first, count = np.where(mine > 0, edges[place], 0), np.where(mine > 0, mine, len(donors))
        pick = first + (rng.random(rows.num_rows) * count).astype(np.int64)
        column = rows.column(name).combine_chunks()
        missing = _is_missing(rows.column(name))
        both = pa.concat_arrays([column, donors])
        return both.take(pa.array(np.where(missing, len(column) + pick, np.arange(len(column)))))

    def _columns(self, source: Source) -> tuple[str, ...]:
        if self.columns:
            return self.columns
        return tuple(name for name in _numbers(source) if name not in self.by)

    def _inputs(self, source: Source) -> tuple[str, ...]:
        if self.method == "hot_deck":
            return ()
        return self.using or tuple(name for name in _numbers(source) if name not in self.by)


def _numbers(source: Source) -> list[str]:
    contract = source.contract
    spared = {*source.key, *contract.sensitive, contract.label}
    return [f.name for f in source.schema if f.name not in spared and _is_number(f.type)]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_missing(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    missing = pc.is_null(column, nan_is_null=pa.types.is_floating(column.type))
    return np.asarray(missing).astype(np.bool_)


def _matrix(table: pa.Table, names: list[str]) -> F64:
    """Return numbers as a matrix, NaN where they are missing or infinite."""
    columns = [
        np.asarray(pc.fill_null(table.column(name).combine_chunks().cast(pa.float64(), safe=False), np.nan))
        for name in names
    ]
    values = np.column_stack(columns) if columns else np.zeros((table.num_rows, 0))
    return np.where(np.isfinite(values), values, np.nan)
