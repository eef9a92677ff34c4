"""``repair.cells``: give cells that are probably wrong the value that was probably meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError
from headwater.reading.chunks import DatasetChunk
from headwater.recipes.wrong_cells import KEY, WrongCells, judged_columns
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform

__all__ = ["RepairCells"]


@TRANSFORMS.register("repair.cells")
@dataclass(frozen=True, kw_only=True)
class RepairCells(Transform):
    """Give wrong cells the value that was meant, where that is sure enough.

    What is wrong and what was meant is found as by ``accuracy.cells``. A suggestion that does not fit the
    type of its column is left out. ``hw clean DATASET repair.cells --review`` shows each before it is made.

    Parameters
    ----------
    columns : tuple of str
        The columns to repair; all that can be judged by default.
    min_confidence : float
        The least probability that the cell is wrong and the suggestion right, from 0 to 1.
    confirmed : mapping of str to mapping
        Rows that a person has put right: by key, as in findings, the right values as text.

    Examples
    --------
    >>> RepairCells(columns=("city",)).parameters["min_confidence"]
    0.8
    """

    id = "repair.cells"
    title = "Repair wrong cells"

    columns: tuple[str, ...] = ()
    min_confidence: float = 0.8
    confirmed: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"min_confidence {self.min_confidence} must lie between 0 and 1.")

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns that are judged."""
        return judged_columns(source.dataset, self.columns)

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the repairs of each chunk, then what was found."""
        names = list(self.targets(source))
        search = WrongCells(
            dataset=source.dataset,
            columns=tuple(names),
            confirmed=self._rows(),
            seed=source.seed,
            cache=source.cache,
            executor=source.executor,
            progress=source.progress,
        )
        reasons: Counter[str] = Counter()
        found = 0
        for (start, chunk), cells in zip(source.chunks(), search.chunks(), strict=bool(names)):
            found += cells.num_rows
            sure = np.asarray(cells.column("confidence")) >= self.min_confidence
            sure &= np.asarray(cells.column("suggestion").is_valid())
            cells = cells.filter(pa.array(sure))
            if cells.num_rows:
                reasons.update(cells.column("reason").to_pylist())
                yield _repaired(chunk, start, cells, names)
        yield Edit(facts={"wrong_cells": found, "reasons": dict(sorted(reasons.items()))})

    def _rows(self) -> pa.Table | None:
        if not self.confirmed:
            return None
        columns = sorted({name for right in self.confirmed.values() for name in right})
        values = {
            name: pa.array([right.get(name) for right in self.confirmed.values()], pa.string())
            for name in columns
        }
        return pa.table({KEY: pa.array(list(self.confirmed), pa.string()), **values})


def _repaired(chunk: DatasetChunk, start: int, cells: pa.Table, names: list[str]) -> Edit:
    before = chunk.read(names)
    after = before
    of_cell = np.asarray(cells.column("column").to_pylist(), object)
    numbers = np.asarray(cells.column("row")) - start
    said = _told(cells)
    why = {}
    for name in names:
        here = np.flatnonzero(of_cell == name)
        if not len(here):
            continue
        kind = before.schema.field(name).type
        values, fits = _typed(cells.column("suggestion").take(pa.array(here)).combine_chunks(), kind)
        rows = numbers[here][fits]
        mask = np.zeros(before.num_rows, np.bool_)
        mask[rows] = True
        told = np.full(before.num_rows, None, object)
        told[rows] = said[here][fits]
        why[name] = pa.array(told, pa.string())
        place = np.zeros(before.num_rows, np.int64)
        place[rows] = np.flatnonzero(fits)
        column = before.column(name).combine_chunks()
        merged = pc.if_else(pa.array(mask), values.take(pa.array(place)), column) if mask.any() else column
        after = after.set_column(after.schema.get_field_index(name), before.schema.field(name), merged)
    return Edit.between(before, after, why=why).shifted(start)


def _told(cells: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Return why each cell is taken for wrong, and how sure that is, for those who review the repair."""
    share = np.floor(100 * np.asarray(cells.column("confidence"))).astype(np.int64)
    sure = pa.array(share).cast(pa.string())
    texts = pc.binary_join_element_wise(cells.column("reason").combine_chunks(), ", ", sure, " % sure", "")
    return np.asarray(texts.to_pylist(), object)


def _typed(texts: pa.Array, kind: pa.DataType) -> tuple[pa.Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return texts as values of a type, empty ones as null, and which of them fit."""
    words = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    try:
        return words.cast(kind), np.ones(len(texts), np.bool_)
    except pa.ArrowInvalid:
        distinct = words.dictionary_encode()
    values, fits = [], []
    for word in distinct.dictionary:  # few: one by one only where a suggestion does not fit
        try:
            values.append(word.cast(kind))
            fits.append(True)
        except pa.ArrowInvalid:
            values.append(pa.scalar(None, kind))
            fits.append(False)
    codes = pc.fill_null(distinct.indices, len(fits))
    whole = pa.array([*values, pa.scalar(None, kind)], kind)
    return whole.take(codes), np.asarray([*fits, True])[np.asarray(codes)]
