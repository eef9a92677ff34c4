"""repair.cells writes what was meant, in the type of the column, where it is sure enough."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater.core.errors import UsageError
from headwater.transforms.repair_cells import RepairCells
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo


def repo_of(values: dict[str, object], parts: int = 1) -> Repo:
    repo = Repo.init("memory://")
    table = pa.table({"id": list(range(150)), **values})
    step = -(-150 // parts)
    for start in range(0, 150, step):
        with repo.transaction("part") as tx:
            tx.append("d", table.slice(start, step), key="id")
    return repo


def cities() -> dict[str, object]:
    names = ["birmingham", "montgomery", "huntsville"] * 50
    names[4], names[100], names[120] = "montgomry", "mxntgxmery", "N/A"
    return {"city": names, "n": list(range(150))}


def value(repo: Repo, row: int, column: str) -> object:
    return repo["d"].to_arrow(where=f"id = {row}")[column][0].as_py()


@pytest.mark.parametrize("parts", [1, 4])
def test_wrong_cells_get_what_was_meant(parts: int) -> None:
    repo = repo_of(cities(), parts)
    done = run(repo, "d", RepairCells())
    assert [value(repo, row, "city") for row in (4, 100, 120)] == ["montgomery", "montgomery", None]
    assert done.record["updated"] == 3
    assert done.record["wrong_cells"] == 3
    assert done.record["reasons"] == {"placeholder": 1, "spelling": 2}


def test_only_suggestions_that_are_sure_enough_are_written() -> None:
    repo = repo_of(cities())
    done: TransformResult = run(repo, "d", RepairCells(min_confidence=1.0))
    assert not done.is_new
    with pytest.raises(UsageError, match="between 0 and 1"):
        RepairCells(min_confidence=2)


def test_confirmed_values_are_written_in_the_columns_type() -> None:
    repo = repo_of(cities())
    told: dict[str, dict[str, str | None]] = {
        "7": {"n": "700", "city": "selma"},
        "8": {"n": "many"},
        "9": {"n": None},
    }
    run(repo, "d", RepairCells(confirmed=told))
    assert (value(repo, 7, "n"), value(repo, 7, "city")) == (700, "selma")
    assert value(repo, 8, "n") == 8
    assert value(repo, 9, "n") is None


def test_other_columns_stay() -> None:
    repo = repo_of(cities())
    assert not run(repo, "d", RepairCells(columns=("n",))).is_new


def test_each_repair_can_be_reviewed_with_its_reason_and_accepted_alone() -> None:
    repo = repo_of(cities(), 2)
    proposed = run(repo, "d", RepairCells(), dry_run=True).changes()
    reasons = dict(zip(proposed["key"].to_pylist(), proposed["reason"].to_pylist(), strict=True))
    assert set(reasons) == {"4", "100", "120"}
    assert reasons["4"].startswith("spelling, ")
    assert reasons["120"].startswith("placeholder, ")
    assert all(reason.endswith(" % sure") for reason in reasons.values())
    mine = proposed.filter(pc.equal(proposed["key"], "4"))
    done = run(repo, "d", RepairCells(), accept=mine)
    assert done.record["review"] == {"proposed": 3, "accepted": 1, "refused": 0, "by_column": {"city": 1}}
    assert [value(repo, row, "city") for row in (4, 100)] == ["montgomery", "mxntgxmery"]
