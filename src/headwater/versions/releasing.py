"""Bring rows of a quarantine back to their dataset, mended or as they are, through the gate of the branch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headwater.core.arrays import cast
from headwater.core.errors import NotFound, UsageError
from headwater.core.ids import CommitId
from headwater.core.schema import require_columns
from headwater.formats.read import read
from headwater.store.commit import Provenance
from headwater.store.lookup import row_codes
from headwater.versions.incoming import incoming
from headwater.versions.transaction import QUARANTINE, Transaction

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["release_rows"]


def release_rows(
    repo: Repo, dataset: str, *, reason: str, rows: Any = None, where: str | None = None, **reading: Any
) -> CommitId:
    """Bring rows of the dataset ``NAME.quarantine`` back to the dataset, as one commit.

    Parameters
    ----------
    repo : Repo
        The repository, on a branch.
    dataset : str
        The dataset.
    reason : str
        Why; kept in the provenance.
    rows : path or data, optional
        Mended rows: those that wait under the same keys wait no more. Without a key, rows that wait go by ``where``.
    where : str, optional
        A SQL condition over the rows that wait, ``_reason``, ``_check`` and ``_time`` included; ``true`` for all.
    **reading : Any
        How to read a file.

    Returns
    -------
    CommitId

    Raises
    ------
    GateClosed
        If the gate keeps them out; they are then in a commit that waits, too.
    NotFound
        If no row waits, or none of those.
    UsageError
        If it is not said which rows, or no reason is given.
    """
    if not reason.strip():
        raise UsageError("Releasing rows needs a reason: it is kept with the commit.")
    if (rows is None) == (where is None):
        raise UsageError(
            "Which rows? Give exactly one of rows= (mended ones) and where= (a condition over those that wait)."
        )
    queue = QUARANTINE.format(dataset)
    if queue not in repo:
        repo[dataset]
        raise NotFound(f"No rows of {dataset!r} wait in quarantine.", kind="row", name=dataset)
    key = repo[dataset].key
    provenance = Provenance(kind="edit", id=queue, parameters={"reason": reason, "by": repo.author})
    message = f"Release rows of {dataset} from quarantine: {reason}"
    # Whoever releases rows wants them in: they are not diverted once more, but keep the commit out.
    tx = repo.transaction(message, provenance=provenance, divert=False)
    table = (
        repo[queue].to_arrow(where=where) if where is not None else _mended(rows, repo[queue].schema, reading)
    )
    columns = [name for name in table.column_names if name not in ("_reason", "_check", "_time")]
    table = table.select(columns)
    if not table.num_rows:
        raise NotFound(f"No rows of {dataset!r} that wait fit.", kind="row", name=dataset)
    gone = _delete_waiting(tx, queue, table, key, where)
    if key:
        tx.upsert(dataset, table)
    else:
        tx.append(dataset, table)
    tx.provenance = replace(provenance, record={"released": table.num_rows, "left_quarantine": gone})
    done = tx.commit()
    assert done is not None, "a change makes a commit"
    return done


def _delete_waiting(
    tx: Transaction, queue: str, table: pa.Table, key: tuple[str, ...], where: str | None
) -> int:
    """Delete the rows that wait and are released, and return how many."""
    before = len(tx[queue])
    if where is not None:
        tx.delete(queue, where=where)
    elif key:
        require_columns(table.schema, key, where="the mended rows")
        waiting = tx[queue].to_arrow()
        kinds = pa.schema([waiting.schema.field(name) for name in key])
        mended = pa.table([cast(table.column(f.name), f.type) for f in kinds], kinds)
        codes = row_codes(pa.concat_tables([waiting.select(list(key)).cast(kinds), mended]))
        stays = ~np.isin(codes[: len(waiting)], codes[len(waiting) :])
        tx.overwrite(queue, waiting.filter(pa.array(stays)))
    left = len(tx[queue])
    if not left:
        tx.drop(queue)
    return before - left


def _mended(rows: Any, guide: pa.Schema, reading: dict[str, Any]) -> pa.Table:
    if isinstance(rows, str | Path):
        return incoming(read(rows, **{"guide": guide, **reading})).table()
    return incoming(rows).table()
