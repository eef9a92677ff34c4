"""``accuracy.cells``: cells that are probably wrong, found without rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import graded, judged, percent
from headwater.core.errors import NotFound
from headwater.core.findings import Finding, Fix
from headwater.core.text import clipped
from headwater.methods.pii_kinds import classify_name
from headwater.reading.dataset import Dataset
from headwater.recipes.confirmed_cells import by_key
from headwater.recipes.wrong_cells import CONFIRMED, KEY, WRONG_CELLS, WrongCells, judged_columns

__all__ = ["Cells"]

_LONGEST = 40
_EXAMPLES = 3

_REASONS = {
    "placeholder": "stands for a missing value",
    "unit": "holds a unit that others lack or write otherwise",
    "form": "has another form than nearly all others",
    "spelling": "is probably another value misspelt",
    "letter": "holds a letter that slips in again and again",
    "number": "lies far from all other numbers",
    "missing": "is missing where few are",
    "joined": "holds, or lacks, the value of another column",
    "swapped": "is in another column's place",
    "dependency": "differs in rows that agree elsewhere",
    "company": "hardly ever comes with the rest of its row",
    "confirmed": "was confirmed to be wrong",
}


@CHECKS.register("accuracy.cells")
@dataclass(frozen=True, kw_only=True)
class Cells(Check):
    """Cells are not probably wrong, by what the other cells say of them.

    No rule is needed: rare forms, placeholders, units, misspellings of frequent values, far numbers,
    dependencies between columns that hold but for few rows, values that hardly ever come together, and values
    in the wrong column are weighed together. A cell is wrong if it is more likely so than not.

    Parameters
    ----------
    columns : tuple of str
        The columns to judge; all of text, numbers and times outside the key by default.
    maximum : float
        The share of wrong cells of a column that passes, from 0 to 1.
    fix_confidence : float
        The suggested fix repairs cells whose suggestion is right with at least this probability.
    level : {"warn", "fail"}
        The outcome above the maximum.

    Notes
    -----
    Learns from 50,000 rows at most; what is found in a chunk is kept in the repository by content. ``hw errors``
    lists every cell, and takes the rows that you confirm; what they teach counts here, too.

    References
    ----------
    Mahdavi, Abedjan, Castro Fernandez, et al. (2019). Raha. doi:10.1145/3299869.3324956
    Rekatsinas, Chu, Ilyas, Ré (2017). HoloClean. doi:10.14778/3137628.3137631
    """

    id = "accuracy.cells"
    title = "Wrong cells"
    cost: ClassVar[Cost] = "model"

    columns: tuple[str, ...] = ()
    maximum: float = 0.0
    fix_confidence: float = 0.8
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for two columns that can be judged."""
        return (cls(),) if len(judged_columns(target.dataset)) > 1 else ()

    def depends_on(self, target: Target) -> str:
        """Name the confirmed rows."""
        confirmed = _confirmed(target)
        return "" if confirmed is None else confirmed.fingerprint

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Judge cells, and count those that are wrong by column."""
        names = judged_columns(target.dataset, self.columns)
        beside = _confirmed(target)
        confirmed = None if beside is None else beside.to_arrow()
        search = WrongCells(
            dataset=target.dataset,
            columns=self.columns,
            confirmed=confirmed,
            seed=target.seed,
            cache=target.cache,
            executor=target.executor,
            progress=target.progress,
        )
        counts, sure = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        listed: dict[str, list[pa.Table]] = {name: [] for name in names}
        for table in search.chunks():
            column = table.column("column").combine_chunks()
            places = np.asarray(pc.index_in(column, pa.array(names, pa.string())))
            certain = np.asarray(table.column("confidence")) >= self.fix_confidence
            for place, name in enumerate(names):
                here = np.flatnonzero(places == place)
                counts[name] += len(here)
                sure[name] += int(certain[here].sum())
                left = target.row_limit - sum(part.num_rows for part in listed[name])
                if left > 0 and len(here):
                    listed[name].append(table.take(pa.array(here[:left])))
        found = [
            self._judged(name, counts[name], sure[name], pa.concat_tables(listed[name]), confirmed, target)
            for name in names
            if counts[name]
        ]
        if found:
            return found
        message = f"No cell of {len(names)} columns looks wrong." if names else "There is no column to judge."
        return [judged(self, False, message, value=0.0, threshold=self.maximum)]

    def _judged(
        self, name: str, count: int, sure: int, cells: pa.Table, confirmed: pa.Table | None, target: Target
    ) -> Finding:
        share = count / target.dataset.num_rows
        broken = share > self.maximum
        rows = cells.to_pylist()
        secret = _is_personal(name, target)
        reasons = cells.column("reason").value_counts().to_pylist()
        why = max(reasons, key=lambda entry: (entry["counts"], entry["values"]))["values"]
        examples = [] if secret else [_example(row) for row in rows[:_EXAMPLES]]
        verb = "looks" if count == 1 else "look"
        message = (
            f"{count:,} cell{'' if count == 1 else 's'} of {name!r} ({percent(share)}) {verb} wrong. "
            f"{'It' if count == 1 else 'Most often one'} {_REASONS.get(why, why)}"
            f"{': ' + ', '.join(examples) if examples else ''}."
        )
        fix: dict[str, Any] = {"columns": [name], "min_confidence": self.fix_confidence}
        fix |= {"confirmed": by_key(confirmed)} if confirmed is not None else {}
        return judged(
            self,
            broken,
            message,
            severity=graded(0.5, share),
            column=name,
            value=share,
            threshold=self.maximum,
            rows=tuple(row["key"] for row in rows),
            row_count=count,
            evidence={
                "reasons": {entry["values"]: entry["counts"] for entry in reasons},
                "cells": [] if secret else [_evidence(row) for row in rows],
                "repairable": sure,
            },
            fix=Fix(transform="repair.cells", parameters=fix) if broken and sure else None,
        )


def _confirmed(target: Target) -> Dataset | None:
    """Return the rows of the dataset that a person has put right, if there are any."""
    try:
        found = target.beside(CONFIRMED.format(target.dataset.name))
    except NotFound:
        return None
    return found if found.key == (KEY,) else None


def _example(row: dict[str, Any]) -> str:
    value = "(missing)" if row["value"] is None else repr(clipped(row["value"], _LONGEST))
    if row["suggestion"] is None:
        return value
    meant = repr(clipped(row["suggestion"], _LONGEST)) if row["suggestion"] else "(missing)"
    return f"{value} for {meant}"


def _evidence(row: dict[str, Any]) -> dict[str, Any]:
    wanted = [name for name in WRONG_CELLS.names if name not in ("row", "column")]
    return {name: row[name] for name in wanted}


def _is_personal(column: str, target: Target) -> bool:
    """Say whether values of a column are not for a report, by its name or the contract."""
    declared = any(promise.name == column and promise.classification for promise in target.contract.columns)
    return declared or classify_name(column) is not None
