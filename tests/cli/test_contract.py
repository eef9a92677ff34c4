"""contract shows, sets and holds what a dataset promises."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import headwater as hw
from headwater.cli.documents import contract_yaml
from headwater.core.contract import ColumnPromise, Contract, Rule, promises
from headwater.core.errors import UsageError
from tests.cli.conftest import Cli


def written(shop: hw.Repo, folder: Path, maximum: int) -> str:
    contract = Contract(
        dataset="other name",
        columns=promises(shop["people"].schema, ("id",)),
        key=("id",),
        rules=(Rule(check="validity.range", column="age", parameters={"maximum": maximum}),),
    )
    (folder / "vertrag.yaml").write_text(contract_yaml(contract), encoding="utf-8")
    return "vertrag.yaml"


def test_a_contract_is_set_shown_and_kept_by_version(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    assert "has no contract" in cli("contract", "show", "people", code=2).stderr
    answer = cli("contract", "set", "people", written(shop, folder, 100), "-m", "ages")
    assert answer.stdout.startswith("Set the contract of people: ")
    assert "Next: hw contract validate people" in answer.stderr
    shown = yaml.safe_load(cli("contract", "show", "people").stdout)
    assert shown["kind"] == "DataContract"
    assert shown["schema"][0]["name"] == "people"
    assert cli.json("contract", "show", "people") == shown
    assert "has no contract" in cli("contract", "show", "people@main~1", code=2).stderr
    assert "contract changed" in cli("diff").stdout
    again = cli.json("contract", "set", "people", "vertrag.yaml")
    assert again["is_new"] is False


def test_a_broken_promise_exits_with_1(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    cli("contract", "set", "people", written(shop, folder, 100))
    assert cli("contract", "validate", "people").stdout.split()[0] == "PASS"
    value = cli.json("contract", "validate", "people", "--contract", written(shop, folder, 22), code=1)
    assert {finding["check"] for finding in value["findings"]} <= {
        *("schema.drift", "uniqueness.key", "completeness.null_fraction", "validity.range"),
    }
    assert value["findings"][0]["check"] == "validity.range"
    text = cli("contract", "validate", "people", "--contract", "vertrag.yaml", "--all", code=1).stdout
    assert "rows  3, 4" in text
    assert "schema.drift" in text


def test_a_branch_takes_the_contract(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    cli("contract", "set", "people", written(shop, folder, 9), "--branch", "strict")
    assert shop["people"].contract is None
    assert cli("contract", "validate", "people@strict", code=1).stdout.split()[0] == "FAIL"


def test_a_contract_that_does_not_fit_is_refused(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    path = folder / "c.yaml"
    path.write_text(contract_yaml(Contract(dataset="people", label="nope")), encoding="utf-8")
    assert "not found" in cli("contract", "set", "people", "c.yaml", code=2).stderr
    assert "There is no file" in cli("contract", "set", "people", "nope.yaml", code=2).stderr
    for rule in (
        Rule(check="validity.rang", column="age", parameters={"maximum": 9}),
        Rule(check="validity.range", column="age", parameters={"maxium": 9}),
    ):
        path.write_text(contract_yaml(Contract(dataset="people", rules=(rule,))), encoding="utf-8")
        assert "Did you mean" in cli("contract", "set", "people", "c.yaml", code=2).stderr
    assert shop["people"].contract is None


def test_a_drafted_contract_is_kept_by_its_data(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    drafted = yaml.safe_load(cli("contract", "infer", "people", "--label", "name").stdout)
    assert [column["name"] for column in drafted["schema"][0]["properties"]] == ["id", "name", "age"]
    assert {"property": "headwaterLabel", "value": "name"} in drafted["customProperties"]
    answer = cli("contract", "infer", "people", "-o", "verträge/people.yaml")
    assert "Wrote verträge/people.yaml: 3 columns" in answer.stdout
    assert "Next: hw contract set people" in answer.stderr
    cli("contract", "set", "people", "verträge/people.yaml")
    assert cli.json("contract", "validate", "people")["outcome"] == "pass"


def test_a_contract_is_drafted_from_a_file(folder: Path, cli: Cli) -> None:
    (folder / "t.csv").write_text("id,kind\n" + "".join(f"{n},{'xy'[n % 2]}\n" for n in range(60)))
    value = cli.json("contract", "infer", "t.csv", "--key", "id", "-o", "t.yaml")
    assert value["path"] == "t.yaml"
    assert value["rules"] >= 1
    assert cli.json("check", "t.csv", "--contract", "t.yaml", "--only", "validity.set")["outcome"] == "pass"
    (folder / "t.csv").write_text("id,kind\n" + "".join(f"{n},{'xyz'[n % 3]}\n" for n in range(60)))
    assert (
        cli.json("check", "t.csv", "--contract", "t.yaml", "--only", "validity.set", code=1)["outcome"]
        == "fail"
    )
    assert not (folder / ".headwater").exists()


def test_a_file_is_held_to_a_contract_alone(folder: Path, cli: Cli) -> None:
    (folder / "t.csv").write_text("id,age\n" + "".join(f"{n},{n % 50}\n" for n in range(60)))
    cli("contract", "infer", "t.csv", "--key", "id", "-o", "t.yaml")
    assert "--contract FILE" in cli("contract", "validate", "t.csv", code=2).stderr
    assert cli.json("contract", "validate", "t.csv", "--contract", "t.yaml")["ref"] is None
    (folder / "new.csv").write_text("id,age\n" + "".join(f"{n},{n % 40}\n" for n in range(60)) + "7,900\n")
    value = cli.json("contract", "validate", "new.csv", "--contract", "t.yaml", code=1)
    broken = {finding["check"] for finding in value["findings"] if finding["outcome"] != "pass"}
    assert broken == {"uniqueness.key", "uniqueness.columns", "validity.range"}
    assert "fix" not in cli("contract", "validate", "new.csv", "--contract", "t.yaml", code=1).stdout
    assert not (folder / ".headwater").exists()


def test_a_file_without_the_key_of_the_contract_breaks_a_promise(cli: Cli, folder: Path) -> None:
    contract = Contract(
        dataset="d", columns=(ColumnPromise(name="id"), ColumnPromise(name="a")), key=("id",), label="id"
    )
    (folder / "c.yaml").write_text(contract_yaml(contract), encoding="utf-8")
    (folder / "f.csv").write_text("a\n1\n2\n", encoding="utf-8")
    for command in (("contract", "validate"), ("check",)):
        found = cli.json(*command, "f.csv", "--contract", "c.yaml", code=1)["findings"]
        assert (found[0]["check"], found[0]["column"], found[0]["outcome"]) == ("schema.drift", "id", "fail")
    assert "Column 'id' not found" in cli("check", "f.csv", "--key", "id", code=2).stderr


def test_what_another_tool_promises_becomes_a_contract(folder: Path, cli: Cli) -> None:
    (folder / "people.json").write_text(
        '{"expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},'
        ' {"type": "expect_it_all", "kwargs": {}}]}'
    )
    answer = cli("contract", "import", "people.json", "-o", "out/people.yaml")
    assert answer.stdout == "Wrote out/people.yaml: 0 columns, 1 rules\n"
    assert "No equivalent, kept as text: expect_it_all {}" in answer.stderr
    assert "Next: hw contract set people out/people.yaml" in answer.stderr
    assert cli.json("contract", "import", "people.json")["left"] == ["expect_it_all {}"]
    assert "it cannot be read" in cli("contract", "import", "none.json", code=2).stderr
    assert "no suite" in cli("contract", "import", "out/people.yaml", code=2).stderr


def test_two_contracts_are_compared(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    cli("contract", "set", "people", written(shop, folder, 100))
    cli("contract", "set", "people", written(shop, folder, 90), "--branch", "strict")
    text = cli("contract", "diff", "people@main", "people@strict", code=1).stdout
    assert "rules.validity.range(age).maximum   breaks writers" in text
    assert "100 → 90   stricter" in text
    assert cli("contract", "diff", "people", "people@strict", "--for", "readers").stdout.startswith(
        "1 change,"
    )
    value = cli.json("contract", "diff", "people@strict", "people", code=1)
    assert value["is_breaking"] is True
    assert value["changes"][0]["breaks"] == ["readers"]
    assert "There is no file" in cli("contract", "diff", "people", "nope.yaml", code=2).stderr


def test_misspelt_words_are_named_or_refused(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    name = written(shop, folder, 100)
    good = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(good.replace("required: true", "requird: true"), encoding="utf-8")
    told = "schema[0].properties[0].requird (required?)"
    assert told in cli("contract", "set", "people", name).stderr
    assert told in cli("contract", "show", "people").stderr
    assert told in cli("contract", "validate", "people").stderr
    (folder / name).write_text(good.replace("int64", "int46"), encoding="utf-8")
    assert "Did you mean 'int64'" in cli("contract", "set", "people", name, code=2).stderr
    (folder / name).write_text(good.replace("severity: error", "severity: eror"), encoding="utf-8")
    assert "Did you mean 'error'" in cli("contract", "validate", "people", "--contract", name, code=2).stderr


def test_a_rule_about_a_column_that_is_not_there_is_a_finding(shop: hw.Repo, cli: Cli) -> None:
    lost = Rule(check="validity.range", column="agee", parameters={"minimum": 0})
    with shop.transaction("lost") as tx:
        tx.set_contract("people", Contract(dataset="people", rules=(lost,)))
    answer = cli("contract", "validate", "people", code=1).stdout
    assert "validity.range of column 'agee', which is not there" in answer
    assert "Did you mean 'age'?" in answer
    assert "'agee'" in cli("check", "people", code=1).stdout
    odd = Rule(check="validity.range", column="age", severity="bogus")
    with pytest.raises(UsageError, match="'bogus'"), shop.transaction("odd") as tx:
        tx.set_contract("people", Contract(dataset="people", rules=(odd,)))


def test_a_rule_that_cannot_run_is_told_when_the_contract_is_set(
    shop: hw.Repo, cli: Cli, folder: Path
) -> None:
    rule = Rule(check="consistency.rule", parameters={"condition": "agee > 0"})
    (folder / "c.yaml").write_text(contract_yaml(Contract(dataset="people", rules=(rule,))), encoding="utf-8")
    answer = cli("contract", "set", "people", "c.yaml")
    assert "consistency.rule cannot run on the data as they are: Column 'agee' not found" in answer.stderr


def test_a_query_that_cannot_run_is_told_when_the_contract_is_set(
    shop: hw.Repo, cli: Cli, folder: Path
) -> None:
    rule = Rule(check="consistency.sql", parameters={"query": "SELECT count(agee) FROM people", "equals": 0})
    (folder / "c.yaml").write_text(contract_yaml(Contract(dataset="people", rules=(rule,))), encoding="utf-8")
    answer = cli("contract", "set", "people", "c.yaml")
    assert "consistency.sql cannot run on the data as they are: The query does not run" in answer.stderr
