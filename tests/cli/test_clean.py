"""clean runs a transform as one commit, or shows what it would do."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import headwater as hw
from headwater.cli.clean import as_declared
from tests.cli.conftest import Cli

SHOUT = ("clean", "people", "clean.values", "-p", "columns=name", "-p", "case=upper")


def test_a_transform_is_one_commit_with_its_provenance(shop: hw.Repo, cli: Cli) -> None:
    answer = cli(*SHOUT, "-m", "Louder")
    assert "4 row(s) updated" in answer.stdout
    assert "Next: hw diff" in answer.stderr
    commit = shop.commit("main")
    assert commit.message == "Louder"
    assert commit.provenance.id == "clean.values"
    assert commit.provenance.parameters["columns"] == ["name"]
    assert "transform clean.values 1 · people · 4 updated" in cli("log", "-n", "1").stdout


def test_a_dry_run_shows_the_change_and_commits_nothing(shop: hw.Repo, cli: Cli) -> None:
    before = shop.head
    text = cli(*SHOUT, "--dry-run", "--limit", "2").stdout
    assert "Nothing was committed." in text
    assert "BOB" in text
    assert "--limit 0 shows all" in text
    value = cli.json(*SHOUT, "--dry-run")
    assert value["dry_run"] is True
    assert value["change"]["changed"] == 4
    assert len(value["cells"]) == 4
    assert shop.head == before


def test_a_branch_is_made_for_the_change(shop: hw.Repo, cli: Cli) -> None:
    value = cli.json(*SHOUT, "--branch", "loud", "--seed", "3")
    assert value["branch"] == "loud"
    assert shop.branches()["loud"] == value["commit"]
    assert (
        "hw check people@loud"
        in cli(
            "clean", "people", "clean.values", "-p", "columns=name", "-p", "case=lower", "--branch", "loud"
        ).stderr
    )


def test_nothing_to_change_is_said(shop: hw.Repo, cli: Cli) -> None:
    before = shop.head
    assert "nothing to change" in cli("clean", "people", "clean.deduplicate").stdout
    assert shop.head == before


def test_wrong_names_and_parameters_are_wrong_usage(shop: hw.Repo, cli: Cli) -> None:
    assert "Which dataset" in cli("clean", "people", code=2).stderr
    assert "Did you mean 'clean.values'?" in cli("clean", "people", "clean.value", code=2).stderr
    assert (
        "Did you mean 'columns'?"
        in cli("clean", "people", "clean.values", "-p", "column=name", code=2).stderr
    )
    assert "no NAME=VALUE" in cli("clean", "people", "clean.values", "-p", "columns", code=2).stderr
    assert (
        "Column 'nmae' not found"
        in cli("clean", "people", "clean.values", "-p", "columns=nmae", "-p", "trim=true", code=2).stderr
    )


def test_transforms_can_be_listed_from_here(cli: Cli) -> None:
    assert "clean.values" in cli("clean", "--list").stdout
    assert "clean.values" in {entry["id"] for entry in cli.json("clean", "--list")}


def test_a_single_value_stands_for_a_list_of_one() -> None:
    assert as_declared("clean.values", {"columns": "name", "case": "upper"}.items()) == {
        "columns": ["name"],
        "case": "upper",
    }
    assert as_declared("clean.values", {"columns": ["a", "b"]}.items()) == {"columns": ["a", "b"]}


def test_null_is_a_word_where_a_parameter_cannot_be_missing() -> None:
    assert as_declared("clean.outliers", {"action": None, "columns": "x"}.items()) == {
        "action": "null",
        "columns": ["x"],
    }
    assert as_declared("clean.outliers", {"low": None}.items()) == {"low": None}
    assert as_declared("clean.values", {"set_value": None}.items()) == {"set_value": None}


def test_a_parameter_can_come_from_a_file(shop: hw.Repo, cli: Cli) -> None:
    Path("names.csv").write_text("old,new\nBob,Robert\nCleo,Cleopatra\n", encoding="utf-8")
    words = ("clean", "people", "clean.categories", "-p", "columns=name", "-p", "methods=[]", "-p")
    assert "2 row(s) updated" in cli(*words, "mapping=@names.csv", "--dry-run").stdout
    Path("names.json").write_text('{"Bob": "Robert"}', encoding="utf-8")
    assert "1 row(s) updated" in cli(*words, "mapping=@names.json").stdout
    assert shop.commit("main").provenance.parameters["mapping"] == {"Bob": "Robert"}
    Path("names.csv").write_text("old\nBob\n", encoding="utf-8")
    assert "Line 1 of names.csv has one column" in cli(*words, "mapping=@names.csv", code=2).stderr
    Path("names.json").write_text("{", encoding="utf-8")
    assert "names.json is no JSON" in cli(*words, "mapping=@names.json", code=2).stderr
    assert "none.csv: No such file" in cli(*words, "mapping=@none.csv", code=2).stderr


def test_several_columns_are_written_as_everywhere_else() -> None:
    for given in ([("columns", "a,b")], [("columns", "a"), ("columns", "b")], [("columns", ["a", "b"])]):
        assert as_declared("clean.values", given) == {"columns": ["a", "b"]}
    with pytest.raises(click.UsageError, match="given twice"):
        as_declared("clean.values", [("case", "upper"), ("case", "lower")])


def test_what_should_be_a_mapping_and_is_none_is_told() -> None:
    with pytest.raises(click.UsageError, match="Write it as JSON in quotes"):
        as_declared("clean.types", [("types", "{ounces:double}")])
    with pytest.raises(click.UsageError, match="merge is a mapping"):
        as_declared("clean.deduplicate", [("merge", "label")])
