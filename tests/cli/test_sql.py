"""sql asks any refs at once and answers in many forms."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

import headwater as hw
from tests.cli.conftest import Cli


def test_a_query_over_two_refs_is_a_table(shop: hw.Repo, cli: Cli) -> None:
    query = (
        "SELECT id, old.name AS old, people.name AS new FROM people JOIN people@v1 AS old USING (id) "
        "WHERE old.name <> people.name"
    )
    text = cli("sql", query).stdout
    assert [line.split() for line in text.splitlines()[2:]] == [["1", "Ann", "Anne"], ["1", "row"]]


def test_json_holds_all_rows(shop: hw.Repo, cli: Cli) -> None:
    value = cli.json("sql", "SELECT name FROM people@v1 ORDER BY id", "--limit", "1")
    assert value == {"rows": [{"name": name} for name in ("Ann", "Bob", "Cleo", "Dora")], "num_rows": 4}
    assert json.loads(cli("sql", "SELECT 1 AS one", "--format", "json").stdout)["rows"] == [{"one": 1}]


def test_a_long_table_is_cut_and_says_so(shop: hw.Repo, cli: Cli) -> None:
    text = cli("sql", "SELECT * FROM range(100)", "--limit", "3").stdout
    assert "100 rows … 97 more; --limit 0 shows all" in text
    assert "99" in cli("sql", "SELECT * FROM range(100)", "--limit", "0").stdout


def test_other_forms_go_to_stdout_whole(shop: hw.Repo, cli: Cli) -> None:
    query = "SELECT id, name FROM people WHERE id < 3 ORDER BY id"
    assert cli("sql", query, "--format", "csv").stdout == '"id","name"\n1,"Anne"\n2,"Bob"\n'
    assert (
        cli("sql", query, "--format", "jsonl").stdout
        == '{"id": 1, "name": "Anne"}\n{"id": 2, "name": "Bob"}\n'
    )
    assert "| 1 | Anne |" in cli("sql", query, "--format", "markdown").stdout


def test_the_answer_can_go_to_a_file(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    assert (
        cli("sql", "SELECT * FROM people", "-o", "ergebnis.parquet").stdout
        == "Wrote 4 rows to ergebnis.parquet\n"
    )
    assert pq.read_table("ergebnis.parquet").num_rows == 4
    assert cli.json("sql", "SELECT * FROM people", "-o", "out.md") == {"path": "out.md", "rows": 4}
    assert (folder / "out.md").read_text("utf-8").startswith("| id |")


def test_a_query_can_come_from_standard_input(shop: hw.Repo, cli: Cli) -> None:
    assert "4" in cli("sql", "-", stdin="SELECT count(*) FROM people").stdout
    assert "The query is empty" in cli("sql", "-", stdin=" \n", code=2).stderr


def test_what_cannot_run_is_wrong_usage(shop: hw.Repo, cli: Cli) -> None:
    answer = cli("sql", "SELECT * FROM peeple", code=2)
    assert "Did you mean 'people'?" in answer.stderr
    assert "'nope' not found" in cli("sql", "SELECT * FROM people@nope", code=2).stderr
