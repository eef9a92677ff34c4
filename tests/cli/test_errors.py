"""Errors are told in words, in JSON on request, and with the right exit code."""

from __future__ import annotations

import json

import click
import pyarrow as pa
import pytest

import headwater as hw
from headwater.cli.errors import error_to_dict, report_error
from headwater.core.errors import (
    GateClosed,
    HeadwaterError,
    InputError,
    MergeConflict,
    NotFound,
    StorageFull,
    UsageError,
)
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("u"), 2),
        (InputError("i", file="a.csv", line=3), 2),
        (NotFound.among("column", "agee", ["age"]), 2),
        (MergeConflict("m"), 1),
        (GateClosed("g"), 1),
        (StorageFull("s"), 3),
        (HeadwaterError("h"), 3),
        (click.UsageError("c"), 2),
        (ValueError("v"), 3),
        (PermissionError(13, "Permission denied", "x.html"), 2),
        (OSError(28, "No space left on device"), 3),
        (FileNotFoundError(2, "No such file or directory", "a/x.html"), 2),
    ],
)
def test_each_kind_of_error_has_its_code_and_its_json(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_error(error, as_json=True, debug=False) == code
    said = capsys.readouterr()
    value = json.loads(said.out)["error"]
    assert value["type"] in (type(error).__name__, "UsageError")
    assert value["message"]
    assert "Error: " in said.err
    assert "Traceback" not in said.err


def test_facts_of_an_error_are_fields() -> None:
    value = error_to_dict(NotFound.among("column", "agee", ["age"], where="people"))
    assert (value["kind"], value["name"], value["known"]) == ("column", "agee", ["age"])


def test_a_fault_of_ours_says_so_and_debug_shows_where(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("odd [bold]text[/bold]")
    except ValueError as error:
        report_error(error, as_json=False, debug=False)
        short = capsys.readouterr().err
        report_error(error, as_json=False, debug=True)
    assert "ValueError: odd [bold]text[/bold]" in short
    assert "hw --debug" in short
    assert "Traceback" in capsys.readouterr().err


def test_a_path_that_cannot_be_written_is_named(shop: hw.Repo, cli: Cli) -> None:
    assert (
        "Error: nowhere/x.html: No such file or directory."
        in cli("diff", "-o", "nowhere/x.html", code=2).stderr
    )
    assert cli.json("diff", "-o", "nowhere/x.html", code=2)["error"]["type"] == "FileNotFoundError"


def test_many_conflicts_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("dataset", "key", "column", "base", "ours", "theirs")
    table = pa.table({name: [f"{name}{number}" for number in range(30)] for name in names})
    report_error(MergeConflict("30 conflicts", conflicts=table), as_json=False, debug=False)
    said = capsys.readouterr().err
    assert "ours19" in said
    assert "ours20" not in said
    assert "… 10 more; --json lists all." in said
