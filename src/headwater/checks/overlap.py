"""``leakage.overlap``: held-out rows that the training rows hold as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, RowFilter, States, Target
from headwater.checks.judging import graded, judged, percent
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Fix
from headwater.core.hashing import U64, hash_columns
from headwater.core.schema import require_columns
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.recipes.base import AUGMENTED_FROM
from headwater.recipes.split import split, split_columns

__all__ = ["Overlap"]

Mask = NDArray[np.bool_]

_DIGITS = 6


@CHECKS.register("leakage.overlap")
@dataclass(frozen=True, kw_only=True)
class Overlap(Check):
    """Rows that a model is judged by are not among those it learns from.

    Rows are the same when all features agree, whatever their key and label: text but for case, spaces and
    punctuation, numbers to six digits.

    Parameters
    ----------
    columns : tuple of str
        The features that must agree; by default all columns but the key, the label and the split.
    split : str
        The column that says which part a row belongs to; by default the held-out rows are chosen by key
        hash, as recipes do.
    train : str
        The value of ``split`` for training rows; the most frequent one by default.
    holdout : float
        The share of keys held out where there is no such column.
    maximum : float
        The share of held-out rows that passes.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    With a baseline that is another dataset (``--against``), rows shared with that one are counted instead.
    Holds eight bytes a row. In a table of few columns with few values, rows agree without being copies.
    """

    id = "leakage.overlap"
    title = "Held-out rows among the training rows"
    cost: ClassVar[Cost] = "rows"

    columns: tuple[str, ...] = ()
    split: str = ""
    train: str = ""
    holdout: float = 0.25
    maximum: float = 0.01
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a label: only then rows are for learning."""
        return (cls(),) if target.label and _features((), "", target) else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count the held-out rows that occur among the others."""
        columns = _features(self.columns, self.split, target)
        if not columns:
            raise UsageError("There is no feature to compare rows by: the dataset is all key and label.")
        hashes, held = self._hashed(columns, target)
        other = _other(target)
        known = hashes[~held] if other is None else _hashes_of(other, columns, target)
        twins = np.isin(hashes[held], known) & (hashes[held] != 0)
        rows, count = int(held.sum()), int(twins.sum())
        value = count / rows if rows else 0.0
        broken = value > self.maximum
        where = (
            f"are in dataset {other.name!r} as well"
            if other is not None
            else "are among the training rows as well"
        )
        what = "rows" if other is not None else "held-out rows"
        return [
            judged(
                self,
                broken,
                f"{count:,} of {rows:,} {what} ({percent(value)}) {where}"
                + (
                    ": a model is judged by what it has learnt by heart, and looks better than it is."
                    if broken
                    else "."
                ),
                severity=graded(0.6, value),
                column=", ".join(self.columns) or None,
                value=value,
                threshold=self.maximum,
                row_count=count if broken else 0,
                evidence={"columns": list(columns), "held_out_rows": rows, "training_rows": len(known)},
                fix=Fix(transform="clean.deduplicate", parameters={"columns": list(columns)})
                if broken and other is None
                else None,
            )
        ]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the held-out rows that have a twin."""
        columns = _features(self.columns, self.split, target)
        hashes, held = self._hashed(columns, target)
        other = _other(target)
        known = np.unique(hashes[~held] if other is None else _hashes_of(other, columns, target))
        train = self._train(target)

        def mask(rows: pa.Table) -> Mask:
            own = _alike(rows, columns)
            twins: Mask = np.isin(own, known) & (own != 0)
            return twins & self._held(rows, target, train)

        return RowFilter(self._reads(columns, target), mask)

    def _hashed(self, columns: Sequence[str], target: Target) -> tuple[U64, Mask]:
        """Return for each row what it looks like, and whether it is held out."""
        reads, train = self._reads(columns, target), self._train(target)

        def task(chunk: DatasetChunk) -> tuple[U64, Mask]:
            rows = chunk.read(reads)
            return _alike(rows, columns), self._held(rows, target, train)

        parts = list(
            target.executor.map(task, target.dataset.chunks, label=self.id, progress=target.progress)
        )
        hashes = np.concatenate([*(part[0] for part in parts), np.zeros(0, np.uint64)])
        return hashes, np.concatenate([*(part[1] for part in parts), np.zeros(0, np.bool_)])

    def _held(self, rows: pa.Table, target: Target, train: str) -> Mask:
        if _other(target) is not None:
            return np.ones(rows.num_rows, np.bool_)
        if self.split:
            part = rows.column(self.split).cast(pa.string())
            other: Mask = np.asarray(pc.fill_null(pc.not_equal(part, train), False))
            return other
        return split(target.dataset, rows, holdout=self.holdout).test

    def _train(self, target: Target) -> str:
        """Return the value of the split column that training rows have."""
        if not self.split or self.train:
            return self.train
        require_columns(target.schema, [self.split], where=f"dataset {target.dataset.name!r}")
        counted = pc.value_counts(
            target.dataset.to_arrow([self.split]).column(0).cast(pa.string()).drop_null()
        )
        order = sorted(counted.to_pylist(), key=lambda item: (-item["counts"], item["values"]))
        return str(order[0]["values"]) if order else ""

    def _reads(self, columns: Sequence[str], target: Target) -> tuple[str, ...]:
        if self.split or _other(target) is not None:
            return tuple(dict.fromkeys([*columns, *([self.split] if self.split else [])]))
        needed = split_columns(target.dataset) if target.dataset.key else target.schema.names
        augmented = [AUGMENTED_FROM] if AUGMENTED_FROM in target.schema.names else []
        return tuple(dict.fromkeys([*needed, *columns, *augmented]))


def _features(columns: Sequence[str], split: str, target: Target) -> tuple[str, ...]:
    require_columns(target.schema, tuple(columns), where=f"dataset {target.dataset.name!r}")
    spared = {*target.key, target.label, split}
    return tuple(columns) or tuple(
        name for name in target.schema.names if name not in spared and not name.startswith("_")
    )


def _other(target: Target) -> Dataset | None:
    """Return the baseline where it is another dataset, not this one as it was."""
    baseline = target.baseline
    return baseline if baseline is not None and baseline.name != target.dataset.name else None


def _hashes_of(other: Dataset, columns: Sequence[str], target: Target) -> U64:
    require_columns(other.schema, tuple(columns), where=f"dataset {other.name!r}")

    def task(chunk: DatasetChunk) -> U64:
        return _alike(chunk.read(columns), columns)

    return np.concatenate([*target.executor.map(task, other.chunks), np.zeros(0, np.uint64)])


def _alike(rows: pa.Table, columns: Sequence[str]) -> U64:
    """Return a hash a row that is the same for rows that read the same; 0 for rows without any value."""
    plain = {name: _plain(rows.column(name)) for name in columns}
    return hash_columns(pa.table(plain))


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(values.type):
        words = pc.replace_substring_regex(pc.utf8_lower(values), r"[^\pL\pN]+", " ")
        return pc.utf8_trim_whitespace(words)
    if pa.types.is_floating(values.type):
        numbers = np.asarray(values.cast(pa.float64()).fill_null(np.nan))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(np.abs(numbers))))
            rounded = np.where(np.isfinite(scale), np.round(numbers * scale) / scale, numbers)
        return pa.chunked_array([pa.array(rounded, mask=np.isnan(numbers))])
    return values
