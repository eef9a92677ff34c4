"""Columns that came, went or changed."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from headwater.checks.schema import Drift
from headwater.core.contract import ColumnPromise, Contract
from headwater.recipes.embedding import TAG
from headwater.versions.repo import Repo
from tests.checks.targets import findings_of, one_finding, target_of

TABLE = pa.table({"id": [1], "x": pa.array([1], pa.int32()), "new": ["a"]})


def test_columns_are_compared_with_the_baseline() -> None:
    before = target_of(pa.table({"id": [1], "x": [1.5], "gone": [1]})).dataset
    found = findings_of(Drift(), target_of(TABLE, baseline=before))
    assert [(f.outcome, f.column) for f in found] == [("fail", "gone"), ("warn", "new")]
    assert [f.column for f in findings_of(Drift(allow_new=True), target_of(TABLE, baseline=before))] == [
        "gone"
    ]


def test_the_contract_comes_before_the_baseline_and_narrower_types_fit() -> None:
    columns = tuple(
        ColumnPromise(name=n, type=t) for n, t in (("id", "int64"), ("x", "int64"), ("new", "int64"))
    )
    target = replace(target_of(TABLE), contract=Contract(dataset="data", columns=columns))
    finding = one_finding(Drift(), target)
    assert (finding.outcome, finding.column) == ("fail", "new")
    assert "the contract says int64" in finding.message


def test_without_promises_nothing_is_wrong() -> None:
    assert one_finding(Drift(), target_of(TABLE)).outcome == "pass"


def test_vectors_made_of_other_columns_need_no_promise() -> None:
    before = target_of(pa.table({"id": [1], "x": pa.array([1], pa.int32())})).dataset
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", TABLE)
        tx.set_tags("data", "new", {TAG: {"column": "x"}})
    target = replace(target_of(TABLE, baseline=before), dataset=repo["data"])
    assert one_finding(Drift(), target).outcome == "pass"
