"""Checks that rows must pass between steps: bad data stops at the first stage that it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from headwater.checks.base import Target
from headwater.checks.runner import run
from headwater.checks.suite import check_of
from headwater.core.contract import Contract, Rule
from headwater.core.errors import RunFailed, UsageError
from headwater.core.ids import canonical_json, digest
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.pipelines.values import Kept, Pieces, Value
from headwater.store.cache import Cache
from headwater.versions.repo import Repo

__all__ = ["guard"]

_ROWS = 5


def guard(
    value: Value,
    rules: Sequence[Rule],
    *,
    step: str,
    what: str,
    key: Sequence[str] = (),
    cache: Cache,
    executor: Executor,
) -> list[dict[str, Any]]:
    """Hold rows to rules; return the findings that are no pass.

    Parameters
    ----------
    value : Value
        The rows. A dataset is checked as it stands, so only what is new is measured; others in memory.
    rules : sequence of Rule
        The rules.
    step, what : str
        Whose rules they are, and what they are about: ``input rows`` or ``result``.
    key : sequence of str
        The key that the rows are to have.
    cache : Cache
        Keeps that rows have passed, by their content and the rules.
    executor : Executor
        Runs the checks.

    Raises
    ------
    RunFailed
        If one fails, or cannot be judged.
    UsageError
        If the value is no table.
    """
    if not rules:
        return []
    facts = digest(canonical_json([value.name, [asdict(rule) for rule in rules], list(key)]))
    path = f"steps/passed/{facts[:40]}"
    if cache.get(path) is not None:
        return []
    rows = value.load() if isinstance(value, Kept) else value
    if isinstance(rows, Pieces) and rows.dataset is not None:
        dataset = rows.dataset
    else:
        table = rows.load() if isinstance(rows, Pieces) else rows
        if not hasattr(table, "num_rows"):
            raise UsageError(f"Step {step!r} checks its {what}, which is no table.", step=step)
        memory = Repo.init("memory://")
        with memory.transaction("rows between two steps") as tx:
            tx.append("rows", table, key=list(key) or None)
        dataset = memory["rows"]
        # What is in the memory of this process is checked here.
        executor = LocalExecutor()
    contract = dataset.contract or Contract(dataset=dataset.name, key=dataset.key)
    target = Target(
        dataset=dataset,
        contract=contract.within(dataset.schema.names),
        executor=executor,
        cache=cache if rows is value else None,
        row_limit=_ROWS,
    )
    report = run(target, [check_of(rule) for rule in rules], suite=step)
    found = [
        {
            "check": one.check,
            "outcome": one.outcome,
            "column": one.column,
            "message": one.message,
            "rows": list(one.rows)[:_ROWS],
        }
        for one in report.findings
        if one.outcome in ("warn", "fail", "error")
    ]
    bad = [one for one in found if one["outcome"] != "warn"]
    if bad:
        raise RunFailed(
            f"Step {step!r}: its {what} did not pass: "
            + " ".join(f"{one['message']} ({one['check']})" for one in bad),
            step=step,
            findings=found,
        )
    if not found:
        cache.put(path, b"1")
    return found
