"""``select.rows``: keep the rows that are worth the most, or stand for all others, or are drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError, require_choice
from headwater.core.schema import require_columns
from headwater.methods.farthest import farthest_first
from headwater.reading.splits import key_hashes, share
from headwater.recipes.base import identity
from headwater.recipes.neighbour_space import NeighbourSpace
from headwater.recipes.row_values import LEAST_ROWS, row_values
from headwater.recipes.value_cut import value_cut
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, label_column
from headwater.transforms.training_rows import HOLDOUT, take_rows, training_rows

__all__ = ["SelectBy", "SelectRows"]

I64 = NDArray[np.int64]
SelectBy = Literal["value", "diverse", "random"]


@TRANSFORMS.register("select.rows")
@dataclass(frozen=True, kw_only=True)
class SelectRows(Transform):
    """Keep some of the rows that recipes train on; the others go.

    Rows that recipes hold out stay, so that models trained before and after are judged by the same rows.

    Parameters
    ----------
    by : {"value", "diverse", "random"}
        ``value`` keeps the rows of the highest KNN-Shapley value (rows that cannot be valued stay). ``diverse`` takes
        row after row, each the one least like those taken before. ``random`` draws by the hash of the key.
    count : int, optional
        How many rows to keep.
    share : float, optional
        Or what share of them. With neither, ``value`` drops as many as makes the recipe clearly better in
        cross-validation on the training rows, which may be none.
    label : str
        The label column, for ``value``; the contract's by default.
    recipe : str
        The recipe that rows are valued for; what fits the columns by default.
    exclude : tuple of str
        Columns not to learn from or compare by.
    columns : tuple of str
        The columns that say how alike rows are, such as one of vectors; by default all but the key and the label.
    neighbours : int
        How many neighbours vote, for ``value``.
    limit : int
        About how many rows are valued at most.
    holdout : float
        The share of keys that recipes hold out; with 0 the choice is among all rows.

    References
    ----------
    Jia et al. (2019). Efficient task-specific data valuation for nearest neighbor algorithms. PVLDB 12(11).
    Gonzalez (1985). Clustering to minimize the maximum intercluster distance. doi:10.1016/0304-3975(85)90224-5
    """

    id = "select.rows"
    title = "Some of the rows"

    by: SelectBy = "value"
    count: int | None = None
    share: float | None = None
    label: str = ""
    recipe: str = ""
    exclude: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    neighbours: int = 10
    limit: int = 50_000
    holdout: float = HOLDOUT

    def __post_init__(self) -> None:
        require_choice("by", self.by, get_args(SelectBy))
        if self.count is not None and self.share is not None:
            raise UsageError("Give the count of rows to keep, or their share; not both.")
        if self.count is not None and self.count < 1:
            raise UsageError(f"count is {self.count}; keep 1 row at least.")
        if self.share is not None and not 0.0 < self.share <= 1.0:
            raise UsageError(f"share is {self.share}; it must be above 0 and at most 1.")
        if self.count is None and self.share is None and self.by != "value":
            raise UsageError(f"How many rows shall {self.by!r} keep? Give count or share.")
        if not 0.0 <= self.holdout < 1.0:
            raise UsageError(f"holdout is {self.holdout}; it must be from 0 to below 1.")

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return nothing: rows go or stay as they are."""
        return ()

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, or a label is asked for and there is none."""
        require_columns(
            source.schema, [*self.columns, *self.exclude], where=f"dataset {source.dataset.name!r}"
        )
        if self.by == "value":
            require_columns(
                source.schema, [label_column(source, self.label)], where=f"dataset {source.dataset.name!r}"
            )

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the rows that go."""
        chooser = {"value": self._by_value, "diverse": self._by_diversity, "random": self._by_chance}[self.by]
        among, gone, facts = chooser(source)
        yield Edit(
            delete=np.sort(gone),
            facts={"by": self.by, "among": len(among), "kept": len(among) - len(gone), **facts},
        )

    def _by_value(self, source: Source) -> tuple[I64, I64, Mapping[str, Any]]:
        label = label_column(source, self.label)
        labelled = int(np.asarray(source.dataset.to_arrow([label]).column(0).is_valid()).sum())
        if labelled < LEAST_ROWS:
            none = np.zeros(0, np.int64)
            return none, none, {"label": label, "too_few_rows": labelled}
        used = {*(self.columns or source.schema.names)} - {*self.exclude}
        found = row_values(
            source.dataset,
            label,
            recipe=self.recipe,
            exclude=[name for name in source.schema.names if name not in {*used, label, *source.key}],
            k=self.neighbours,
            holdout=self.holdout,
            limit=self.limit,
            seed=source.seed,
            cache=source.cache,
            executor=source.executor,
            progress=source.progress,
        )
        facts: dict[str, Any] = {"label": label, "recipe": identity(found.recipe), "worth": found.worth}
        kept = self._kept(len(found.rows))
        if self.count is None and self.share is None:
            cut = value_cut(found, seed=source.seed, executor=source.executor, progress=source.progress)
            facts["errors_without"] = cut.errors
            kept = len(found.rows) - round(cut.share * len(found.rows))
        order = np.lexsort((found.rows, -found.values))
        return found.rows, found.rows[order[kept:]], facts

    def _by_diversity(self, source: Source) -> tuple[I64, I64, Mapping[str, Any]]:
        rows = self._among(source)
        label = self.label or source.contract.label
        columns = list(self.columns) or [
            name
            for name in source.schema.names
            if name not in (*source.key, *self.exclude, label) and not name.startswith("_")
        ]
        if not columns:
            raise UsageError("There is no column to compare rows by: the dataset is all key and label.")
        kept = self._kept(len(rows))
        if not len(rows) or kept == len(rows):
            return rows, rows[:0], {}
        names = [*dict.fromkeys([*columns, *(source.key or source.schema.names)])]
        table = take_rows(source, rows, names)
        # In the order of their keys, so that the order they are stored in changes nothing.
        order = np.argsort(key_hashes(source.dataset, table), kind="stable")
        features = table.select(columns).take(pa.array(order))
        points = NeighbourSpace.learn(features, seed=source.seed).points(features)
        found = farthest_first(points, kept, progress=source.progress)
        gone = np.ones(len(rows), np.bool_)
        gone[order[found.places]] = False
        return rows, rows[gone], {"columns": columns, "radius": float(found.radius[-1])}

    def _by_chance(self, source: Source) -> tuple[I64, I64, Mapping[str, Any]]:
        rows = self._among(source)
        table = take_rows(source, rows, list(source.key) or None)
        drawn = share(key_hashes(source.dataset, table), source.seed)
        return rows, rows[np.argsort(drawn, kind="stable")[self._kept(len(rows)) :]], {}

    def _among(self, source: Source) -> I64:
        return np.flatnonzero(training_rows(source, self.holdout).train).astype(np.int64)

    def _kept(self, rows: int) -> int:
        wanted = round((self.share or 0.0) * rows) if self.count is None else self.count
        return min(max(wanted, 1), rows)
