"""Rows to look at because of a model: labels that it does not believe, and the rows of groups where it is weak.

References
----------
Northcutt, Jiang, Chuang (2021). Confident learning: estimating uncertainty in dataset labels. JAIR 70.
doi:10.1613/jair.1.12125 (self-confidence as the order of suspects).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.models.evaluation import parts_of
from headwater.models.registered import ModelVersion
from headwater.models.registry import Models
from headwater.recipes.base import encode_labels

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["REVIEW", "Queued", "queue_for_review", "rows_to_review"]

REVIEW = "review"
"""Name of the dataset of rows to look at."""

_LEAST = 30


@dataclass(frozen=True, kw_only=True)
class Queued:
    """Where rows wait for review, and how many."""

    branch: str
    dataset: str
    rows: int


def rows_to_review(repo: Repo, version: ModelVersion, *, limit: int = 100) -> pa.Table:
    """Return held-out rows that people should look at, the most urgent first.

    Parameters
    ----------
    repo : Repo
        The repository.
    version : ModelVersion
        The model.
    limit : int
        How many rows at most.

    Returns
    -------
    pyarrow.Table
        The rows with ``_predicted``, ``_doubt`` (1 minus the probability of the given label; for numbers the size of
        the error beside the largest) and ``_why``: the group where the model is weakest, if the row is in it.

    Raises
    ------
    UsageError
        If the model was trained elsewhere.
    """
    facts = version.facts
    if not facts.get("commit"):
        raise UsageError(f"Model {version.id} was trained elsewhere: there are no rows to look at.")
    models = Models(repo)
    data = repo.at(facts["commit"])[facts["dataset"]]
    keys = models.rows(version.id, held_out=True)
    rows = data.take(data.keys_of(keys) if data.key else keys.column("key").to_pylist())
    model, signature = models.load(version.id)
    said = model.predict(rows.select(signature.inputs.names))
    labels = rows.column(signature.label)
    if signature.classes:
        truth = encode_labels(labels, signature.classes).values
        known = truth >= 0
        own = said[np.arange(len(said)), np.where(known, truth, 0).astype(np.int64)]
        doubt = np.where(known, 1.0 - own, 1.0)
        predicted = pa.array(signature.classes, pa.string()).take(pa.array(said.argmax(axis=1)))
        wrong = said.argmax(axis=1) != truth
    else:
        off = np.abs(said[:, 0] - encode_labels(labels, task="regression").values)
        doubt = off / max(float(off.max(initial=0.0)), 1e-12)
        predicted, wrong = pa.array(said[:, 0]), doubt > np.median(doubt)
    groups = [name for name in facts["options"]["groups"] if name in rows.column_names]
    parts = [
        part
        for part in parts_of(data, rows, groups=groups, slices=facts["options"]["slices"])
        if part.kind != "all" and part.rows.sum() >= _LEAST
    ]
    weakest = max(parts, key=lambda part: (float(doubt[part.rows].mean()), part.name), default=None)
    is_weak = weakest.rows & wrong if weakest else np.zeros(rows.num_rows, np.bool_)
    name = weakest.name if weakest else ""
    why = np.where(is_weak, f"wrong, and in the weakest part: {name}", np.where(wrong, "wrong", "unsure"))
    order = np.argsort(-(doubt + 0.25 * is_weak), kind="stable")[:limit]
    out = rows.append_column("_predicted", predicted).append_column("_doubt", pa.array(doubt))
    return out.append_column("_why", pa.array(why.tolist(), pa.string())).take(pa.array(order))


def queue_for_review(repo: Repo, version: ModelVersion, *, limit: int = 100) -> Queued:
    """Commit the rows that people should look at as dataset ``review`` of a branch of its own, in place of the last."""
    rows = rows_to_review(repo, version, limit=limit)
    branch = f"review/{version.name}"
    data = repo.at(version.facts["commit"])[version.facts["dataset"]]
    here = repo.orphan(branch)
    with here.transaction(f"{rows.num_rows} rows to look at because of {version.id}") as tx:
        if REVIEW in tx:
            tx.drop(REVIEW)
        tx.append(REVIEW, rows, key=list(data.key) or None)
    return Queued(branch=branch, dataset=REVIEW, rows=rows.num_rows)
