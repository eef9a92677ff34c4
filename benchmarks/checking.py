"""Headwater's side of the checking benchmarks. Usage: ``checking.py WORK WORKLOAD_FOLDER WORK_FOLDER``.

- ``expectations``: the ten usual expectations, first run, nothing kept from before.
- ``profile``: the full profile.
- ``drift``, ``drift-again``: the drift of every column of the changed table beside the base, nothing kept from before;
  and with the states that the checks of both versions kept.
- ``full``, ``nothing``, ``appended``, ``updated``: the default suite on a fresh import, again without any change,
  after 1 % of the rows was appended, after 1 % of the rows, anywhere, was updated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from measure import arguments, measured
from ours import read

from headwater.api import Repo
from headwater.checks.base import Target
from headwater.checks.drift import Distribution
from headwater.checks.runner import run
from headwater.checks.suite import check_of
from headwater.core.contract import Contract, Rule

RULES = (
    Rule(check="completeness.null_fraction", column="user", parameters={"maximum": 0.0}),
    Rule(check="uniqueness.columns", parameters={"columns": ["id"]}),
    Rule(check="validity.range", column="age", parameters={"minimum": 0, "maximum": 120}),
    Rule(check="validity.set", column="country", parameters={"values": ["DE", "FR", "US", "GB", "IN", "CN"]}),
    Rule(check="validity.pattern", column="email", parameters={"pattern": r"[^@\s]+@[^@\s]+\.[a-z]+"}),
    Rule(check="validity.type", column="score", parameters={"type": "double"}),
    Rule(check="volume.rows", parameters={"minimum": 1_000_000, "maximum": 4_000_000}),
    Rule(check="distribution.mean", column="amount", parameters={"minimum": 90, "maximum": 110}),
    Rule(
        check="distribution.quantile",
        column="amount",
        parameters={"q": 0.5, "minimum": 70, "maximum": 100},
    ),
    Rule(check="consistency.rule", parameters={"condition": "amount > score", "max_fraction": 0.01}),
)

DRIFT = ("user", "amount", "score", "age", "flag", "country", "label")


def imported(workload: Path, folder: Path) -> Repo:
    """Return a repository with the base table, which has no summaries yet."""
    repo = Repo.init(folder)
    with repo.transaction("import") as tx:
        tx.append("data", read(workload / "base.parquet"), key="id")
    return repo


def expectations(workload: Path, folder: Path) -> None:
    """Measure the ten usual expectations."""
    repo = imported(workload, folder)
    target = Target(
        dataset=repo["data"], contract=Contract(dataset="data"), executor=repo.executor, cache=repo.cache
    )
    checks = [check_of(rule) for rule in RULES]
    measured(lambda: {"passed": sum(finding.outcome == "pass" for finding in run(target, checks).findings)})


def profile(workload: Path, folder: Path) -> None:
    """Measure the full profile."""
    repo = imported(workload, folder)

    def work() -> dict[str, Any]:
        return {"rows": repo.profile("data").rows}

    measured(work)


def drift(kept: bool, workload: Path, folder: Path) -> None:
    """Measure the drift of the changed table beside the base, for the columns that Evidently is given."""
    repo = imported(workload, folder)
    repo.create_tag("base")
    with repo.transaction("change") as tx:
        tx.upsert("data", pq.read_table(workload / "updates.parquet"))
        tx.delete("data", keys=pq.read_table(workload / "deletes.parquet"))
        tx.append("data", read(workload / "inserts.parquet"))
    data, base = repo["data"], repo.at("base")["data"]
    target = Target(
        dataset=data,
        contract=Contract(dataset="data"),
        baseline=base,
        executor=repo.executor,
        cache=repo.cache,
    )
    others = tuple(name for name in data.schema.names if name not in DRIFT)
    if kept:
        run(target, [Distribution(exclude=others)])
    measured(lambda: {"columns": len(run(target, [Distribution(exclude=others)]).findings)})


def again(change: str, workload: Path, folder: Path) -> None:
    """Measure the default suite after a change, everything known from before the change."""
    repo = imported(workload, folder)
    if change != "full":
        repo.check("data", label="label")
    with repo.transaction("change") as tx:
        if change == "appended":
            tx.append("data", read(workload / "appended.parquet"))
        if change == "updated":
            tx.upsert("data", pq.read_table(workload / "updates.parquet"))
    measured(lambda: {"findings": len(repo.check("data", label="label").findings)})


if __name__ == "__main__":
    name, workload_folder, work_folder = arguments()
    if name.startswith("drift"):
        drift(name == "drift-again", workload_folder, work_folder)
        raise SystemExit
    if name in ("expectations", "profile"):
        {"expectations": expectations, "profile": profile}[name](workload_folder, work_folder)
    else:
        again(name, workload_folder, work_folder)
