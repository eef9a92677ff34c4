"""How much each training row weighs: by its class, its group, its annotator, and a column of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import NotFound, UsageError
from headwater.core.schema import plain_type, require_columns
from headwater.methods.reweighing import row_weights
from headwater.methods.weights import agreement, effective_rows, equal_weights
from headwater.recipes.base import Labels, class_names

__all__ = ["Weighing", "named_weights"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MOST_GROUPS = 100


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """What the weights of rows are made of; all that is given is multiplied.

    Parameters
    ----------
    column : str, optional
        A column of weights; what is missing is 1.
    classes : str or mapping of str to float, optional
        ``balanced`` gives all classes the same weight in all; else the weight of a row of each class, 1 if not named.
    group : str, optional
        The column whose groups get the same weight in all. Null is a group.
    reweigh : str, optional
        The column that the label is made independent of; see `headwater.methods.reweighing`.
    annotator : str, optional
        The column of annotators: ``COL`` weighs each by Cohen's kappa with all others who labelled the same items
        (what lies below 0 is 0; who cannot be compared gets the mean), ``COL:anna=1,bob=0.5`` as is said, 1 if not
        named. Items are the key without this column.
    """

    column: str | None = None
    classes: str | Mapping[str, float] | None = None
    group: str | None = None
    reweigh: str | None = None
    annotator: str | None = None

    @property
    def annotator_column(self) -> str | None:
        """The column of annotators."""
        return self.annotator.partition(":")[0].strip() if self.annotator else None

    def require(self, schema: pa.Schema, where: str) -> None:
        """Raise if a column is not there."""
        named = (self.column, self.group, self.reweigh, self.annotator_column)
        require_columns(schema, [name for name in named if name], where=where)

    def weights(
        self, rows: pa.Table, label: str, labels: Labels, key: Sequence[str]
    ) -> tuple[F64 | None, dict[str, Any]]:
        """Return the weight of each row, and what they are made of as JSON-able values.

        Parameters
        ----------
        rows : pyarrow.Table
            The training rows.
        label : str
            The label column.
        labels : Labels
            Its values.
        key : sequence of str
            The key of the dataset.

        Returns
        -------
        weights : numpy.ndarray of float64, shape (n,), or None
            None where nothing is given.
        facts : dict
            ``effective_rows`` (Kish's) and the weight of each class, group and annotator.

        Raises
        ------
        UsageError
            If weights are negative, infinite or all 0, or what is given does not fit the rows.
        """
        parts: list[F64] = []
        facts: dict[str, Any] = {}
        if self.column:
            parts.append(np.asarray(pc.fill_null(rows.column(self.column).cast(pa.float64()), 1.0)))
            facts["column"] = self.column
        if self.classes:
            found = self._of_classes(labels)
            parts.append(found[labels.values.astype(np.int64)])
            facts["classes"] = dict(zip(labels.classes, _plain(found), strict=True))
        if self.group:
            codes, names = _codes(rows.column(self.group), self.group)
            found = equal_weights(np.bincount(codes, minlength=len(names)))
            parts.append(found[codes])
            facts["groups"] = {"column": self.group, "weights": dict(zip(names, _plain(found), strict=True))}
        if self.reweigh:
            parts.append(self._independent(rows, label, labels, facts))
        if self.annotator_column:
            parts.append(self._of_annotators(rows, labels, key, facts))
        if not parts:
            return None, {}
        out: F64 = np.prod(np.stack(parts), axis=0)
        if not np.isfinite(out).all() or (out < 0).any() or not out.any():
            raise UsageError("Weights must be finite, 0 or more, and not all 0.")
        return out, {**facts, "effective_rows": effective_rows(out)}

    def _of_classes(self, labels: Labels) -> F64:
        if not labels.classes:
            raise UsageError("Numbers are predicted, and have no classes to weigh. Leave class weights out.")
        given = self.classes
        if isinstance(given, str) and given.strip() == "balanced":
            counts = np.bincount(labels.values.astype(np.int64), minlength=len(labels.classes))
            return np.nan_to_num(equal_weights(counts), nan=1.0)
        named = named_weights(given) if isinstance(given, str) else dict(given or {})
        for name in named:
            if name not in labels.classes:
                raise NotFound.among("class", name, labels.classes)
        return np.array([named.get(name, 1.0) for name in labels.classes], np.float64)

    def _independent(self, rows: pa.Table, label: str, labels: Labels, facts: dict[str, Any]) -> F64:
        if not labels.classes:
            raise UsageError("Reweighing makes classes independent of groups; here numbers are predicted.")
        column = str(self.reweigh)
        codes, names = _codes(rows.column(column), column)
        out = row_weights(pa.array(codes), class_names(rows.column(label)))
        cell = codes * len(labels.classes) + labels.values.astype(np.int64)
        places, first = np.unique(cell, return_index=True)
        facts["reweigh"] = {
            "column": column,
            "weights": [
                {
                    "group": names[place // len(labels.classes)],
                    "label": labels.classes[place % len(labels.classes)],
                    "weight": float(out[row]),
                }
                for place, row in zip(places.tolist(), first.tolist(), strict=True)
            ],
        }
        return out

    def _of_annotators(
        self, rows: pa.Table, labels: Labels, key: Sequence[str], facts: dict[str, Any]
    ) -> F64:
        column = str(self.annotator_column)
        codes, names = _codes(rows.column(column), column, most=None)
        _, colon, said = str(self.annotator).partition(":")
        if colon:
            named = named_weights(said)
            for name in named:
                if name not in names:
                    raise NotFound.among("annotator", name, names, where=f"column {column!r}")
            found = np.array([named.get(name, 1.0) for name in names], np.float64)
        else:
            found = self._by_agreement(rows, codes, labels, key, column)
        facts["annotators"] = {
            "column": column,
            "by": "name" if colon else "agreement",
            "weights": dict(zip(names, _plain(found), strict=True)),
        }
        return found[codes]

    def _by_agreement(self, rows: pa.Table, who: I64, labels: Labels, key: Sequence[str], column: str) -> F64:
        if not labels.classes:
            raise UsageError("Agreement is about classes; here numbers are predicted. Give weights by name.")
        items = [name for name in key if name != column]
        kappa = np.full(int(who.max(initial=-1)) + 1, np.nan)
        if column in key and items:
            numbered = rows.select(items).append_column("_hw_row", pa.array(np.arange(rows.num_rows)))
            groups = numbered.group_by(items, use_threads=False).aggregate([("_hw_row", "list")])
            lists = groups.column("_hw_row_list").combine_chunks()
            item = np.empty(rows.num_rows, np.int64)
            item[np.asarray(lists.flatten())] = np.asarray(pc.list_parent_indices(lists))
            kappa, _ = agreement(item, who, labels.values.astype(np.int64))
        known = ~np.isnan(kappa)
        if not known.any():
            raise UsageError(
                f"No two annotators of {column!r} labelled the same item, so their agreement is not known. The "
                f"key must hold the item and the annotator; or give weights, as {column}:anna=1,bob=0.5."
            )
        kept = np.clip(kappa, 0.0, 1.0)
        out: F64 = np.where(known, kept, kept[known].mean())
        return out


def named_weights(text: str) -> dict[str, float]:
    """Return weights that are given as ``spam=3,ham=1``.

    Raises
    ------
    UsageError
        If they are not of that form, negative or infinite.

    Examples
    --------
    >>> named_weights("spam=3, ham=0.5")
    {'spam': 3.0, 'ham': 0.5}
    """
    out: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not equals or not name.strip() or not 0 <= value < float("inf") or name.strip() in out:
            raise UsageError(f"{part.strip()!r} is no weight. Write NAME=NUMBER,…, each name once.")
        out[name.strip()] = value
    return out


def _codes(values: pa.ChunkedArray, column: str, most: int | None = _MOST_GROUPS) -> tuple[I64, list[str]]:
    """Return the number of each row's value, and the values as text, sorted; a missing value is ``(none)``."""
    kind = plain_type(values.type)
    if not (pa.types.is_primitive(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise UsageError(f"Column {column!r} is {kind}: it has no groups.", column=column)
    texts = pc.fill_null(values.cast(kind).cast(pa.string()), "(none)")
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    names = sorted(pc.unique(texts).to_pylist())
    if most is not None and len(names) > most:
        raise UsageError(
            f"Column {column!r} has {len(names):,} values: too many groups. Cut it into ranges first.",
            column=column,
        )
    return np.asarray(pc.index_in(texts, value_set=pa.array(names, pa.string())), np.int64), names


def _plain(values: F64) -> list[float]:
    return [float(value) for value in values]
