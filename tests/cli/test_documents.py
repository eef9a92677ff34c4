"""Contracts are read from and written to YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.cli.documents import contract_yaml, read_contract
from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import InputError

CONTRACT = Contract(
    dataset="läden",
    columns=(ColumnPromise(name="id", type="int64", required=True, unique=True), ColumnPromise(name="größe")),
    key=("id",),
    label="größe",
    rules=(Rule(check="validity.range", column="größe", parameters={"minimum": 0}),),
)


def test_a_contract_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "vertrag.yaml"
    path.write_text(contract_yaml(CONTRACT), encoding="utf-8")
    assert read_contract(path) == CONTRACT
    assert "größe" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not a YAML document"),
        ("- 1", "no YAML mapping"),
        ("kind: Other", "not an ODCS data contract"),
        ("kind: DataContract\nschema: [{}]", "not a whole ODCS data contract"),
        ("\x00", "is not a YAML document"),
    ],
)
def test_what_is_no_contract_is_told(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_contract(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_contract(tmp_path / "nope.yaml")


def test_rules_that_nothing_will_hold_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    rules = """
      - {type: sql, query: SELECT 1, mustBe: one}
      - {type: text, description: be kind}
      - {rule: rowCount, mustBeGreaterThan: 3}
      - {type: custom, engine: soda, implementation: row_count > 0}
    """
    column = "{name: id, quality: [{rule: nullCheck, mustBe: 3}, {rule: nullCheck, mustBe: 0}]}"
    path.write_text(
        f"kind: DataContract\nschema:\n  - name: a\n    properties: [{column}]\n    quality: {rules}\n  - name: b\n"
    )
    contract = read_contract(path)
    assert [rule.check for rule in contract.rules] == ["volume.rows", "completeness.null_fraction"]
    said = capsys.readouterr().err
    assert (
        "schema[1] (a second table), schema[0].quality[0] (sql), schema[0].quality[3] (custom soda)" in said
    )
    assert "schema[0].properties[0].quality[0] (library nullCheck)." in said
    path.write_text(contract_yaml(CONTRACT), encoding="utf-8")
    read_contract(path)
    assert capsys.readouterr().err == ""
