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
