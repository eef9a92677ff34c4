"""The ready pipeline: importer, analyzer, trainer, validator, deployer, and the edge back from a model that fails.

Each step gives plain values that name what is in the repository: a commit, a version of a model. So a run over data
that are as they were does nothing, and what a step did is found in the history of the data and of the registry.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from headwater.core.errors import GateClosed, UsageError
from headwater.core.ids import canonical_json, digest
from headwater.models.registered import Stage
from headwater.models.review_rows import queue_for_review
from headwater.models.trial import PromotionGate
from headwater.pipelines.graph import dataset as dataset_input
from headwater.pipelines.graph import repository
from headwater.pipelines.pipeline import Pipeline
from headwater.pipelines.step import step
from headwater.pipelines.triggers import OnCommit, OnFiles
from headwater.reading.dataset import Dataset
from headwater.store.storage import is_url

__all__ = ["line"]

_LOG = logging.getLogger(__name__)
# What steps say goes to the log of their run, whatever the program shows.
_LOG.setLevel(logging.INFO)


@step
def importer(dataset: str, source: str, stamp: str, reading: Mapping[str, Any]) -> str:
    """Import a file or folder as the new version of the dataset; what is there already is not stored again."""
    repo = repository()
    repo.import_(dataset, source, **reading)
    _LOG.info("%s: %d rows from %s, state %s", dataset, len(repo[dataset]), source, stamp[:12])
    return str(repo.head)


@step(name="importer")
def head_of(data: Dataset) -> str:
    """Take the dataset as it is."""
    _LOG.info("%s: %d rows at %s", data.name, len(data), str(data.commit)[:12])
    return str(data.commit)


@step
def analyzer(commit: str, dataset: str, checks: Sequence[str]) -> dict[str, Any]:
    """Check the data; what fails stops the line."""
    report = repository().check(f"{dataset}@{commit}", only=list(checks))
    bad = [one for one in report.findings if str(one.outcome) in ("fail", "error") and one.allowed is None]
    for one in bad:
        _LOG.warning("%s %s: %s", one.check, one.column or "", one.message)
    if bad:
        raise GateClosed(
            f"{len(bad)} check(s) of {dataset!r} fail, first {bad[0].check}: {bad[0].message} See "
            f"`hw check {dataset}@{commit[:12]}`; mend the data, or allow it (`hw allow`)."
        )
    return {"commit": commit, "outcome": str(report.outcome), "findings": len(report.findings)}


@step
def trainer(analysis: Mapping[str, Any], dataset: str, model: str, training: Mapping[str, Any]) -> str:
    """Train the fixed recipe on the commit, and register the model."""
    repo = repository()
    trained = repo.train(f"{dataset}@{analysis['commit']}", **training)
    found = repo.models.register(trained, model, note="trained by the line")
    _LOG.info("%s: %r", found.id, trained)
    return str(found.id)


@step
def validator(version: str, gate: Mapping[str, Any], limit: int) -> str:
    """Bring the model to staging through its gate; if it is closed, rows to look at go to a branch for review."""
    repo = repository()
    found = repo.models[version]
    if found.stage in ("staging", "production"):
        return version
    try:
        repo.promote(version, "staging", gate=PromotionGate.from_dict(gate))
    except GateClosed as error:
        queued = queue_for_review(repo, found, limit=limit)
        raise GateClosed(
            f"{error.message} {queued.rows} rows to look at are in dataset {queued.dataset!r} on branch "
            f"{queued.branch!r}.",
            decision=error.facts["decision"],
        ) from error
    return version


@step
def deployer(version: str, stage: str, gate: Mapping[str, Any]) -> str:
    """Bring the model to its stage; what serves that stage takes it from there."""
    repo = repository()
    if repo.models[version].stage != stage:
        repo.promote(version, cast(Stage, stage), gate=PromotionGate.from_dict(gate))
    return version


def line(
    dataset: str,
    *,
    source: str | None = None,
    key: str | Sequence[str] | None = None,
    label: str | None = None,
    model: str | None = None,
    checks: Sequence[str] = (),
    rules: Sequence[str] = (),
    may_use: Sequence[str] = (),
    stage: Stage = "production",
    review: int = 100,
    reading: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    on: Any = None,
) -> Pipeline:
    """Return the standard pipeline from data to a model in production.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    source : str, optional
        A file, folder or URL that is imported first; without one the dataset is taken as it is.
    key, label : str, optional
        Key and label column, for the import.
    model : str, optional
        Name of the model; that of the dataset by default.
    checks : sequence of str
        Ids or families of checks that data must not fail; all that fit by default.
    rules : sequence of str
        What the model must fulfil, as ``"accuracy >= 0.9"``; see `headwater.models.metric_rules`.
    may_use : sequence of str
        Personal columns that it may learn from.
    stage : {"production", "staging"}
        How far the line brings it.
    review : int
        How many rows are put up for review when the gate is closed.
    reading, training : mapping, optional
        Further options of `Repo.import_` and `Repo.train`.
    on : trigger or sequence of them, optional
        What starts it: new files at the source, or commits of the dataset, by default.

    Returns
    -------
    Pipeline
        With the steps ``importer``, ``analyzer``, ``trainer``, ``validator`` and ``deployer``.

    Raises
    ------
    UsageError
        If the stage is not one that the line leads to, or a rule cannot be read.
    """
    if stage not in ("staging", "production"):
        raise UsageError(f"The line leads to staging or production, not to {stage!r}.", stage=stage)
    gate = PromotionGate(rules=tuple(rules), checks=tuple(checks), may_use=tuple(may_use)).to_dict()
    asked = {"key": key, "label": label, **(reading or {})}
    options = {name: value for name, value in asked.items() if value is not None}
    learns = {"label": label, **(training or {})} if label else dict(training or {})
    name = model or dataset

    def drawn() -> None:
        if source is None:
            commit = head_of(dataset_input(dataset))
        else:
            commit = importer(dataset, source, _stamp(source), options)
        analysis = analyzer(commit, dataset, list(checks))
        version = trainer(analysis, dataset, name, learns)
        checked = validator(version, gate, review)
        if stage == "production":
            deployer(checked, stage, gate)

    drawn.__name__ = f"{name}_line"
    starts = on if on is not None else OnFiles(source) if source and not is_url(source) else OnCommit(dataset)
    together = tuple(starts) if isinstance(starts, list | tuple) else (starts,)
    return Pipeline(function=cast(Callable[..., Any], drawn), name=f"{name}_line", on=together)


def _stamp(source: str) -> str:
    """Return a name for what lies at the source: names, sizes and times of its files; of a URL, its text."""
    place = Path(source)
    if is_url(source) or not place.exists():
        return source
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    facts = [[os.fspath(p), p.stat().st_size, p.stat().st_mtime_ns] for p in files]
    return digest(canonical_json(facts))
