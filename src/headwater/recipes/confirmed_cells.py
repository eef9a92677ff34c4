"""Rows that a person has put right, kept beside their dataset as ``NAME.confirmed``."""

from __future__ import annotations

import pyarrow as pa

from headwater.core.errors import NotFound, UsageError
from headwater.core.schema import require_columns
from headwater.methods.coded_values import as_text
from headwater.reading.dataset import Dataset
from headwater.recipes.wrong_cells import CONFIRMED, KEY, judged_columns
from headwater.versions.repo import Repo

__all__ = ["by_key", "confirm_rows", "confirmed_rows"]


def confirmed_rows(repo: Repo, dataset: Dataset) -> pa.Table | None:
    """Return the rows of a dataset that were confirmed; None if none were.

    Parameters
    ----------
    repo : Repo
        The repository, at the ref of the dataset.
    dataset : Dataset
        The dataset.
    """
    name = CONFIRMED.format(dataset.name)
    return repo[name].to_arrow() if name in repo.datasets() else None


def by_key(confirmed: pa.Table | None) -> dict[str, dict[str, str | None]]:
    """Return the right values of confirmed rows by key, as ``repair.cells`` takes them."""
    return {row.pop(KEY): row for row in confirmed.to_pylist()} if confirmed is not None else {}


def confirm_rows(repo: Repo, dataset: str, rows: pa.Table, *, message: str | None = None) -> int:
    """Keep rows that a person has put right, as one commit.

    Parameters
    ----------
    repo : Repo
        The repository, at a branch.
    dataset : str
        The dataset they are of.
    rows : pyarrow.Table
        As `WrongCells.ask` gives them: the column ``_key`` and the right values, those that were right before
        included. A row that was confirmed before is replaced.
    message : str, optional
        Commit message; says how many rows were confirmed by default.

    Returns
    -------
    int
        How many rows were given.

    Raises
    ------
    NotFound
        If there is no column ``_key``, or a row or column is not in the dataset.
    UsageError
        If a row comes twice.
    """
    here = repo[dataset]
    if KEY not in rows.column_names:
        raise NotFound.among("column", KEY, rows.column_names, where=f"the confirmed rows of {dataset!r}")
    names = [name for name in rows.column_names if name != KEY]
    require_columns(here.schema, tuple(names), where=f"dataset {dataset!r}")
    fit = judged_columns(here)
    texts = {name: as_text(rows.column(name)).cast(pa.string()) for name in names if name in fit}
    keys = rows.column(KEY).cast(pa.string())
    known = keys.to_pylist()
    if len(set(known)) < len(known) or None in known:
        raise UsageError(
            f"The confirmed rows of {dataset!r} name a row twice, or none: {KEY!r} must be unique."
        )
    here.take(known)
    table = pa.table({KEY: keys, **texts})
    name = CONFIRMED.format(dataset)
    with repo.transaction(message or f"Confirm {len(known)} row(s) of {dataset}") as tx:
        if name in repo.datasets():
            tx.upsert(name, table)
        else:
            tx.append(name, table, key=KEY)
    return len(known)
