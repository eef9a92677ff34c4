"""Pipelines are found by file, module or name; what is broken is told with its line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.pipelines.loading import all_pipelines, load_pipeline

TWO = """
import headwater as hw

@hw.step
def one() -> int:
    return 1

@hw.pipeline
def first():
    one()

@hw.pipeline
def second(n: int = 1):
    one()
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("pipelines", "flows_of_mine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_pipeline_is_found_by_name_in_the_usual_file_in_another_or_in_a_module(here: Path) -> None:
    (here / "pipelines.py").write_text(TWO)
    (here / "flows_of_mine.py").write_text(TWO.replace("second", "third"))
    assert load_pipeline("second")[0].name == "second"
    found, file = load_pipeline("flows_of_mine.py:third")
    assert (found.name, file) == ("third", str(here / "flows_of_mine.py"))
    assert load_pipeline("flows_of_mine:first")[0].name == "first"
    assert [one.name for one in all_pipelines()] == ["first", "second"]
    with pytest.raises(UsageError, match=r"several pipelines: first, second"):
        load_pipeline("")
    with pytest.raises(NotFound, match="Did you mean 'second'"):
        load_pipeline("secnd")


def test_the_only_pipeline_needs_no_name(here: Path) -> None:
    (here / "pipelines.py").write_text(TWO.replace("@hw.pipeline\ndef second", "def second"))
    assert load_pipeline()[0].name == "first"


def test_what_is_not_there_or_broken_is_told(here: Path) -> None:
    with pytest.raises(NotFound, match=r"no file pipelines.py"):
        load_pipeline()
    with pytest.raises(NotFound, match="no module 'nowhere'"):
        load_pipeline("nowhere:x")
    (here / "pipelines.py").write_text("import headwater\n")
    with pytest.raises(NotFound, match=r"no pipeline"):
        load_pipeline()
    (here / "broken.py").write_text("x = 1\n\ny = x / 0\n")
    with pytest.raises(InputError, match=r"broken.py, line 3: ZeroDivisionError"):
        load_pipeline("broken.py")
    (here / "wrong.py").write_text("x = (\n")
    with pytest.raises(InputError, match=r"wrong.py, line 1: SyntaxError"):
        load_pipeline("wrong.py")
