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
        ("a: [", "c.yaml, line 1: this is not a YAML document"),
        ("a: 1\nb: 2\n c: 3", "c.yaml, line 3: this is not a YAML document"),
        ("a: 1\n\x00", "c.yaml, line 2: this is not a YAML document"),
        ("kind: DataContract\nschema:\n- name: a\n  quality:\n  - {type: sgl}", r"line 5: schema\[0\]"),
        (
            "kind: DataContract\nschema:\n- name: a\n  properties:\n  - name: x\n    physicalType: int46",
            r"line 6: schema\[0\].properties\[0\].physicalType is 'int46'",
        ),
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
    assert "line 11: schema[1] (a second table), line 6: schema[0].quality[0] (sql)," in said
    assert "line 9: schema[0].quality[3] (custom soda)" in said
    assert "line 4: schema[0].properties[0].quality[0] (library nullCheck)." in said
    path.write_text(contract_yaml(CONTRACT), encoding="utf-8")
    read_contract(path)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            "quality:\n  - {type: custom, engine: headwater, implementation: {check: validity.rang}}",
            r"line 5: schema\[0\].quality\[0\]: .*'validity.rang' not found.*Did you mean 'validity.range'",
        ),
        (
            "properties:\n  - name: x\n    logicalTypeOptions:\n      minLength: two",
            r"line 6: schema\[0\].properties\[0\].logicalTypeOptions: Parameter 'minimum'",
        ),
    ],
)
def test_a_rule_that_no_check_understands_is_refused_with_its_line(
    part: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"kind: DataContract\nschema:\n- name: a\n  {part}\n")
    with pytest.raises(InputError, match=message):
        read_contract(path)
    assert read_contract(path, fits=False).rules
