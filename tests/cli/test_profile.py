"""profile describes datasets and files, in the terminal, as JSON and for a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from tests.cli.conftest import Cli


def test_a_dataset_is_described_at_any_version(shop: hw.Repo, cli: Cli) -> None:
    answer = cli("profile", "people@v1")
    assert "people at" in answer.stdout
    assert "4 rows, 3 columns, key id" in answer.stdout
    assert "Next: hw check people@v1" in answer.stderr
    value = cli.json("profile", "people@v1")
    assert [column["name"] for column in value["columns"]] == ["id", "name", "age"]
    assert value["columns"][2]["minimum"] == 21


def test_a_file_needs_no_repository(folder: Path, cli: Cli) -> None:
    (folder / "größen.csv").write_text("a;b\n1;x\n2;y\n3;x\n", encoding="utf-8")
    answer = cli("profile", "größen.csv", "--label", "b", "--html", "bild.html", "--delimiter", ";")
    assert answer.stdout.startswith("größen: 3 rows, 2 columns")
    assert "Label: b" in answer.stdout
    assert "Wrote bild.html" in answer.stderr
    assert "hw check größen.csv --label b" in answer.stderr.replace("'", "")
    assert (folder / "bild.html").read_text("utf-8").startswith("<!doctype html>")
    assert not (folder / ".headwater").exists()


def test_what_is_not_there_is_wrong_usage(shop: hw.Repo, cli: Cli) -> None:
    assert "Did you mean 'people'?" in cli("profile", "peeple", code=2).stderr
    assert "not found" in cli("profile", "people", "--label", "nope", code=2).stderr


def test_real_messages_are_described(shared: Path, folder: Path, cli: Cli) -> None:
    value = cli.json("profile", str(shared / "sms_spam" / "sms_spam.csv.gz"), "--label", "label")
    assert {one["value"]: one["count"] for one in value["classes"]} == {"ham": 4827, "spam": 747}
    assert value["columns"][1]["distinct"] == pytest.approx(5171, rel=0.02)
