"""Environments made afresh: pinned as recorded, found again by content, and clear where they cannot be made."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from headwater.core.errors import HeadwaterError, UsageError
from headwater.pipelines import fresh
from headwater.pipelines.environment import environment
from headwater.pipelines.fresh import Plan, make_environment, plan_environment

RECORDED: dict[str, Any] = {
    "python": "3.12.4",
    "implementation": "cpython",
    "headwater": "0.1.0",
    "packages": {
        "headwater": "0.1.0",
        "pip": "26.0",
        "six": "1.16.0",
        "tool": "2",
        "mine": "3",
        "other": "4",
    },
    "used": ["headwater", "pip", "six", "tool", "mine"],
    "origins": {
        "tool": {"url": "https://example.invalid/tool", "vcs": "git", "commit": "abc"},
        "mine": {"url": "file:///nowhere/mine", "editable": True},
    },
}


def test_a_plan_pins_what_the_run_used_where_it_was_from() -> None:
    plan = plan_environment(RECORDED)
    assert plan.requirements == (
        "headwater==0.1.0",
        "six==1.16.0",
        "tool @ git+https://example.invalid/tool@abc",
    )
    assert not plan.copies_headwater
    assert "mine was under development" in plan.notes[0]
    assert "other==4" in plan_environment(RECORDED, everything=True).requirements


def test_headwater_from_its_source_is_copied_and_that_is_said() -> None:
    origins = {**RECORDED["origins"], "headwater": {"url": "file:///nowhere", "editable": True}}
    plan = plan_environment({**RECORDED, "headwater": "0.0.1", "origins": origins})
    assert plan.copies_headwater
    assert "copied from here (the run had 0.0.1)" in plan.notes[0]


def test_a_python_that_is_not_there_is_told_with_ways_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Python 3\.11\.99, which is not available.*uv.*--allow-python"):
        make_environment(Plan(python="3.11.99"), tmp_path, uses_uv=False)


def test_an_environment_is_found_again_by_its_content(tmp_path: Path) -> None:
    plan = Plan(python="3.11.99", copies_headwater=True)
    made = make_environment(plan, tmp_path, uses_uv=False, any_python=True)
    assert made.is_new
    assert made.version != "3.11.99"
    again = make_environment(plan, tmp_path, uses_uv=False, any_python=True)
    assert (again.is_new, again.python) == (False, made.python)
    code = "import importlib.metadata as m; print(m.version('headwater'))"
    told = subprocess.run([str(made.python), "-I", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip()
    assert plan.name != Plan(python=plan.python).name
    with pytest.raises(UsageError, match="not available"):
        make_environment(plan, tmp_path, uses_uv=False)


def test_packages_that_cannot_be_installed_are_told_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    plan = Plan(python=environment()["python"], requirements=("no-such-package-of-headwater==1",))
    with pytest.raises(HeadwaterError, match=r"cannot be installed(?s:.*)no-such-package-of-headwater"):
        make_environment(plan, tmp_path, uses_uv=False)
    assert not (tmp_path / plan.name).exists()


def test_of_what_tools_say_the_errors_are_told() -> None:
    said = "WARNING: one\nERROR: no thing==1 " + "x " * 500 + "\nWARNING: two\n"
    told = fresh._last(subprocess.CompletedProcess([], 1, "", said))
    assert told.startswith("ERROR: no thing==1")
    assert len(told) <= 300


def test_credentials_in_what_tools_say_are_covered() -> None:
    said = subprocess.CompletedProcess([], 1, "", "Looking in https://me:word@example.invalid/simple\n")
    assert fresh._last(said) == "Looking in https://***@example.invalid/simple"
