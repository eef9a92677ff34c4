"""The environment of a run: every package with its version, those that were used, and no secrets."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from headwater.pipelines.environment import environment, installed_packages, plain_name, used_packages


def test_the_environment_says_what_a_run_depends_on() -> None:
    found = environment(__file__)
    assert found["python"].count(".") == 2
    assert found["packages"]["pyarrow"]
    assert found["packages"]["numpy"] == np.__version__
    assert set(found) >= {"platform", "revision", "implementation", "headwater", "used"}
    json.dumps(found)


def test_environment_variables_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "hunter2-hunter2")
    assert "hunter2-hunter2" not in json.dumps(environment(__file__))


def test_packages_that_are_used_come_with_what_they_need() -> None:
    assert used_packages(["no_such_module", "json"]) == []
    assert "click" in used_packages(["headwater.cli"])
    found = installed_packages()
    needs = {plain_name(name) for name in used_packages(["pandas.core"])}
    assert {"pandas", "numpy", "six"} <= needs
    assert set(found["pandas"].needs) & set(found) <= needs


def test_where_a_package_is_from_is_told_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "thing-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.2\n")
    origin = {
        "url": "https://me:secret@example.invalid/thing.git",
        "vcs_info": {"vcs": "git", "commit_id": "abc"},
    }
    (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    found = installed_packages()["thing"]
    assert found.version == metadata.version("thing") == "1.2"
    assert found.origin == {"url": "https://example.invalid/thing.git", "vcs": "git", "commit": "abc"}
