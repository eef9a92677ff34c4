"""Deciding on each change, in a terminal or in a file."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest

import headwater as hw
from headwater.cli import review
from headwater.cli.review import decisions
from headwater.transforms.review import PROPOSED
from tests.cli.conftest import Cli

SHOUT = ("clean", "people", "clean.values", "-p", "columns=name", "-p", "case=upper")


def table(*cells: tuple[str, str, str | None, str | None], change: str = "cell") -> pa.Table:
    rows = [
        {
            "change": change,
            "key": key,
            "column": column,
            "old": old,
            "new": new,
            "reason": "why",
            "alike": 1,
            "accept": "yes",
        }
        for key, column, old, new in cells
    ]
    return pa.Table.from_pylist(rows, schema=PROPOSED)


CITIES = table(
    ("1", "city", "NYC", "New York"),
    ("2", "city", "NYC", "New York"),
    ("3", "city", "nyc", "New York"),
    ("4", "state", "ny", None),
)


def said(proposed: pa.Table, answers: str) -> tuple[list[str], list[str]]:
    asked = iter(answers)
    told: list[str] = []
    made = decisions(proposed, ask=lambda question, letters: next(asked), tell=told.append)
    assert next(asked, None) is None
    return made.column("accept").to_pylist(), told


@pytest.mark.parametrize(
    ("answers", "accepted"),
    [
        ("yyy", "1234"),
        ("yny", "124"),
        ("nnn", ""),
        ("an", "123"),
        ("dy", "4"),
        ("yq", "12"),
        ("q", ""),
        ("eynyy", "134"),
        ("eq", ""),
        ("eanN".lower(), "12"),
        ("edny", "4"),
    ],
)
def test_each_key_decides_as_it_says(answers: str, accepted: str) -> None:
    found, _ = said(CITIES, answers)
    assert [key for key, word in zip("1234", found, strict=True) if word == "yes"] == list(accepted)


def test_like_changes_are_shown_together_with_keys_and_reason() -> None:
    _, told = said(CITIES, "yyy")
    assert "2 rows: city: 'NYC' → 'New York'  [why]  (rows 1, 2)" in told
    assert "1 row: state: 'ny' → null  [why]  (row 4)" in told


def test_a_change_of_type_decides_for_all_of_its_cells() -> None:
    both = pa.concat_tables(
        [table(("", "size", "string", "double"), change="type"), table(("1", "size", "12 oz", "12"))]
    )
    found, told = said(both, "y")
    assert found == ["yes", "yes"]
    assert any("all of its cells" in line for line in told)
    assert said(both, "n")[0] == ["no", "no"]


def test_rows_that_go_and_columns_that_come_are_told() -> None:
    both = pa.concat_tables(
        [
            table(("7", "", "name=Ann", None), change="delete"),
            table(("", "was_missing", None, "bool"), change="column"),
        ]
    )
    _, told = said(both, "yy")
    assert any("delete 'name=Ann'" in line for line in told)
    assert any("new column was_missing: bool" in line for line in told)


def test_a_review_in_the_terminal_commits_what_was_accepted(
    shop: hw.Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "_is_terminal", lambda: True)
    answer = cli(*SHOUT, "--review", stdin="y\nwhat\nn\na\n")
    assert "2 of 4 proposed changes accepted" not in answer.stderr
    assert "3 of 4 proposed changes accepted" in answer.stdout
    record = shop.commit("main").provenance.record
    assert record["review"] == {"proposed": 4, "accepted": 3, "refused": 1, "by_column": {"name": 3}}
    before = shop.head
    cli(*SHOUT, "--review", stdin="")
    assert shop.head == before


def test_a_review_in_a_file_commits_what_was_accepted(shop: hw.Repo, cli: Cli) -> None:
    before = shop.head
    answer = cli(*SHOUT, "--review", "review.csv")
    assert "Wrote 4 proposed changes" in answer.stdout
    assert "--accept review.csv" in answer.stderr
    assert shop.head == before
    with Path("review.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["new"] for row in rows} == {"ANNE", "BOB", "CLEO", "DORA"}
    for row in rows:
        row["accept"] = "no" if row["new"] == "CLEO" else "yes"
    with Path("review.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    value = cli.json(*SHOUT, "--accept", "review.csv")
    assert value["record"]["review"]["accepted"] == 3
    assert shop["people"].to_arrow().column("name").to_pylist().count("Cleo") == 1
    assert "3 of 4" not in cli(*SHOUT, "--accept", "review.csv", code=1).stdout


def test_a_stale_review_names_the_rows(shop: hw.Repo, cli: Cli) -> None:
    cli(*SHOUT, "--review", "review.csv")
    with shop.transaction("moved") as tx:
        tx.upsert("people", [{"id": 2, "name": "Bobby"}])
    told = cli(*SHOUT, "--accept", "review.csv", code=1).stderr
    assert "column 'name' of row 2" in told
    value = cli.json(*SHOUT, "--accept", "review.csv", code=1)
    assert value["error"]["conflicts"][0]["old_now"] == "Bobby"


def test_a_review_needs_a_terminal_or_a_file(shop: hw.Repo, cli: Cli) -> None:
    assert "no terminal" in cli(*SHOUT, "--review", code=2).stderr
    assert (
        "ends in .csv"
        in cli("clean", "--review", "people", "clean.values", "-p", "x=1", "clean.values", code=2).stderr
    )
    assert "First --review" in cli(*SHOUT, "--review", "a.csv", "--accept", __file__, code=2).stderr
