"""The repository with all layers wired: check, profile, transform, train and impact on one small dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headwater as hw
from headwater.api import check_file, profile_file
from headwater.core.errors import NotFound, UsageError
from headwater.engine.local import LocalExecutor


def loans(rng: np.random.Generator) -> pa.Table:
    """Return made-up loans with a code for unknown amounts and missing values."""
    count = 400
    amount = rng.gamma(2, 50, count).round(1)
    amount[:6] = 999_999.0
    group = np.array(["a", "b"])[rng.integers(0, 2, count)]
    return pa.table(
        {
            "id": np.arange(count),
            "amount": amount,
            "income": pa.array(rng.normal(50, 9, count), mask=rng.random(count) < 0.1),
            "group": group,
            "paid": (rng.random(count) < 0.8).astype(int),
        }
    )


def test_the_loop_check_clean_check_impact_merge(rng: np.random.Generator, tmp_path: Path) -> None:
    repo = hw.init(tmp_path / "shop")
    repo.import_("loans", loans(rng), key="id", label="paid", sensitive=["group"])
    before = repo.check("loans")
    found = {(finding.check, finding.column) for finding in before.problems()}
    assert ("validity.sentinel", "amount") in found
    assert ("completeness.null_fraction", "income") in found
    fix = next(f.fix for f in before.problems() if f.check == "validity.sentinel")
    assert fix is not None
    repo.transform("loans", fix.transform, fix.parameters, branch="fix")
    repo.branch("fix").transform("loans", "clean.missing")
    after = repo.check("loans@fix", against="main")
    assert ("validity.sentinel", "amount") not in {(f.check, f.column) for f in after.problems()}
    assert hw.impact(repo, "loans", base="main", head="fix", seeds=1).verdict in (
        "better",
        "worse",
        "no clear difference",
    )
    assert repo.merge("fix").kind == "fast-forward"
    assert repo.train("loans").classes == ("0", "1")
    assert repo.profile("loans").rows == 400


def test_findings_are_kept_beside_the_commit_and_do_not_change_it(rng: np.random.Generator) -> None:
    repo = hw.init("memory://")
    repo.import_("loans", loans(rng), key="id")
    head = repo.head
    assert head is not None
    repo.check("loans")
    assert repo.head == head
    assert [path for path in repo.notes(head).list("") if path.startswith("findings/loans/")]


def test_a_file_is_checked_and_profiled_without_a_repository(tmp_path: Path) -> None:
    file = tmp_path / "2026 my data.csv"
    file.write_text("id,x\n1,a\n1,b\n2,c\n")
    report = check_file(file, key="id")
    assert "uniqueness.key" in {finding.check for finding in report.problems()}
    assert check_file(file).ref is None
    assert profile_file(file).rows == 3
    assert not (tmp_path / ".headwater").exists()


def test_a_column_that_is_not_there_is_said_before_any_work(rng: np.random.Generator) -> None:
    with pytest.raises(NotFound, match="piad"):
        check_file(loans(rng), label="piad")


def test_export_writes_a_version(rng: np.random.Generator, tmp_path: Path) -> None:
    repo = hw.init("memory://")
    repo.import_("loans", loans(rng), key="id")
    target = repo.export("loans@main", tmp_path / "old.parquet", columns=["id"], where="id < 10")
    assert pq.read_table(target).num_rows == 10


def test_a_proposal_is_checked_against_its_target_and_its_impact_is_kept(tmp_path: Path) -> None:
    repo = hw.init(tmp_path / "shop")
    repo.author = "ada"
    rows = [{"id": n, "x": float(n % 10), "y": n % 10 > 4, "z": None} for n in range(400)]
    repo.import_("d", rows, key="id", label="y")
    repo.import_("e", [{"id": n, "v": n} for n in range(20)], key="id")
    repo.create_branch("fix")
    with repo.branch("fix").transaction("change") as tx:
        tx.upsert("d", [{"id": n, "x": 5.0} for n in range(300)])
        tx.upsert("e", [{"id": 1, "v": 7}])
        tx.append("new", [{"id": 1}], key="id")
    made = repo.propose("fix", into="main", only=["drift", "schema", "leakage"])
    # What is new has no baseline, so that nothing of these fits it.
    assert [report["dataset"] for report in made.picture.reports] == ["d", "e"]
    assert {found["check"] for report in made.picture.reports for found in report["findings"]} >= {
        "drift.distribution"
    }
    with pytest.raises(UsageError, match="Which dataset shall a model be trained on"):
        repo.measure_impact(1)
    pytest.importorskip("sklearn")
    found = repo.propose("fix", into="main", impact="d")
    assert found.impact is not None
    assert (found.impact["dataset"], found.impact["source_commit"]) == ("d", found.picture.source_commit)
    with pytest.raises(UsageError, match="There is nothing to check"):
        repo.propose("fix", into="main", only=["fairness"])
    json.dumps(found.to_dict(), allow_nan=False)


def test_there_is_no_impact_of_a_conflict(tmp_path: Path) -> None:
    repo = hw.init(tmp_path / "shop")
    repo.import_("d", [{"id": n, "x": 1} for n in range(20)], key="id")
    repo.create_branch("fix")
    for branch, value in (("fix", 2), ("main", 3)):
        with repo.branch(branch).transaction(branch) as tx:
            tx.upsert("d", [{"id": 1, "x": value}])
    with pytest.raises(UsageError, match="has conflicts"):
        repo.propose("fix", into="main", impact=True)
    assert repo.proposals[1].picture.conflicts == 1


def test_a_repository_is_opened_with_an_executor_or_its_name(tmp_path: Path) -> None:
    hw.init(tmp_path / "shop")
    executor = LocalExecutor(3)
    assert hw.open(tmp_path / "shop", executor=executor).executor is executor
    assert repr(hw.open(tmp_path / "shop", executor="local").executor).startswith("LocalExecutor")
    with pytest.raises(UsageError, match="no engine 'dask'"):
        hw.open(tmp_path / "shop", executor="dask")
