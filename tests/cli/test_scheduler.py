"""hw scheduler."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from tests.cli.test_run import FLOW
from tests.pipelines.flows import numbers

pytest.importorskip("cronsim")


def test_what_is_due_runs_and_a_failure_is_the_exit_code(cli: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "pipelines", raising=False)
    repo = hw.init(tmp_path)
    repo.import_("numbers", numbers(20), key="id")
    (tmp_path / "pipelines.py").write_text(
        FLOW.replace("@hw.pipeline", "@hw.pipeline(on=hw.OnCommit('numbers'))")
    )
    told = [json.loads(line) for line in cli("scheduler", "--once", "--json").stdout.splitlines()]
    assert [one["event"] for one in told] == ["started", "succeeded", "stopped"]
    assert hw.open(tmp_path)["doubled"].num_rows == 20
    repo.import_("numbers", numbers(200))
    failed = cli("scheduler", "--once", code=1)
    assert "too many" in failed.stderr
    assert "failed  flow" in failed.stdout
