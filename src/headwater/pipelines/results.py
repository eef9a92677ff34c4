"""What the steps of a run gave, found again by its record, as long as it is kept."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headwater.core.errors import NotFound, ObjectMissing
from headwater.pipelines.records import RunRecord
from headwater.pipelines.rows import map_rows
from headwater.pipelines.step import Step
from headwater.pipelines.values import Kept, Pieces, Value
from headwater.store.cache import Cache
from headwater.versions.repo import Repo

__all__ = ["result_of"]


def result_of(repo: Repo, record: RunRecord, step: str, cache: Cache) -> Value | None:
    """Return what a step gave in a run; None if that is not kept any more.

    Reading it may raise `ObjectMissing` all the same, where pieces of a step by rows are gone.

    Parameters
    ----------
    repo : Repo
        The repository that the run read.
    record : RunRecord
        The run.
    step : str
        Its step.
    cache : Cache
        Where the run kept results.
    """
    one = record.steps[step]
    if one.kind != "rows":
        path = f"steps/values/{one.result[:40]}"
        if not one.result or not cache.holds(path):
            return None
        return Kept(one.result, one.kind, lambda: cache.get(path), one.rows)
    source = _source(repo, record, one.inputs[0], cache)
    if source is None:
        return None
    # The function is not at hand, and is not needed: what it made of each piece is kept under names that are.
    stand_in = Step(function=_not_kept, name=step, by_rows=True, reads=one.reads)
    try:
        return map_rows(stand_in, one.key, source, {}, cache=cache, executor=repo.executor).value
    except ObjectMissing:
        return None


def _source(repo: Repo, record: RunRecord, name: str, cache: Cache) -> Pieces | None:
    """Return the rows that a step by rows took."""
    if name in record.sources:
        return Pieces.of_dataset(repo.at(record.sources[name])[name.partition("@")[0]])
    if name not in record.steps:
        raise NotFound.among("step", name, record.steps, where=f"run {record.id}")
    found = result_of(repo, record, name, cache)
    if found is None or isinstance(found, Pieces):
        return found
    table: Any = found.load()
    return Pieces.of_table(table) if isinstance(table, pa.Table) else None


def _not_kept(rows: pa.Table) -> pa.Table:
    raise ObjectMissing("What this step made is not kept any more.")
