"""accuracy.cells counts wrong cells by column, with examples and a fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

import headwater as hw
from headwater.checks.base import Target
from headwater.checks.cells import Cells
from headwater.checks.report import Report
from headwater.checks.runner import run
from headwater.core.contract import Contract
from headwater.core.findings import Outcome
from headwater.versions.repo import Repo


def report(values: dict[str, Any], *, contract: Contract | None = None, **parameters: Any) -> Report:
    repo = Repo.init("memory://")
    with repo.transaction("rows") as tx:
        tx.append("d", pa.table({"id": np.arange(len(next(iter(values.values())))), **values}), key="id")
    target = Target(dataset=repo["d"], contract=contract or Contract(dataset="d"), cache=repo.cache)
    return run(target, [Cells(**parameters)])


CITIES = ["birmingham", "montgomery", "huntsville"] * 50


def test_columns_without_wrong_cells_pass() -> None:
    (finding,) = report({"city": CITIES, "n": list(range(150))}).findings
    assert finding.outcome is Outcome.PASS
    assert finding.message == "No cell of 2 columns looks wrong."


def test_a_finding_names_count_examples_rows_and_fix() -> None:
    (finding,) = report({"city": [*CITIES, "birmingxam", "huntsvile"]}).findings
    assert finding.outcome is Outcome.WARN
    assert finding.column == "city"
    assert finding.row_count == 2
    assert finding.rows == ("150", "151")
    assert "'birmingxam' for 'birmingham'" in finding.message
    assert finding.evidence["reasons"] == {"spelling": 2}
    assert finding.evidence["cells"][0]["suggestion"] == "birmingham"
    assert finding.fix is not None
    assert finding.fix.parameters == {"columns": ["city"], "min_confidence": 0.8}


def test_rows_that_were_confirmed_count_at_once() -> None:
    repo = hw.init("memory://")
    rows = {"id": np.arange(152), "city": [*CITIES, "birmingxam", "huntsvile"], "n": np.arange(152)}
    with repo.transaction("rows") as tx:
        tx.append("d", pa.table(rows), key="id")
    assert repo.check("d", only=["accuracy.cells"]).findings[0].row_count == 2
    right = {"150": {"city": "birmingxam"}, "151": {"city": "huntsville"}}
    repo.confirm_errors("d", pa.table({"_key": list(right), "city": ["birmingxam", "huntsville"]}))
    (finding,) = repo.check("d", only=["accuracy.cells"]).findings
    assert finding.rows == ("151",)
    assert finding.fix is not None
    assert finding.fix.parameters["confirmed"] == right
    done = repo.transform("d", finding.fix.transform, finding.fix.parameters)
    assert done.record["cells"] == {"city": 1}


def test_a_share_may_be_let_pass() -> None:
    (finding,) = report({"city": [*CITIES, "birmingxam"]}, maximum=0.1).findings
    assert finding.outcome is Outcome.PASS
    assert finding.fix is None


def test_values_of_personal_columns_are_not_shown() -> None:
    (finding,) = report({"email": [f"ada{n}@mail.example" for n in range(150)] + ["N/A"]}).findings
    assert finding.row_count == 1
    assert "N/A" not in finding.message
    assert finding.evidence["cells"] == []
