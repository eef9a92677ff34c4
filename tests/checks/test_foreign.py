"""What other tools promise becomes a contract; what has no equivalent is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from headwater.checks.foreign import read_foreign
from headwater.core.contract import Contract
from headwater.core.errors import InputError


def test_what_has_no_equivalent_stands_as_text_in_a_valid_document(tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    file.write_text(
        '{"expectations": [{"type": "expect_column_values_to_be_json_parseable", "kwargs": {"column": "a"}}]}'
    )
    found = read_foreign(file)
    document = found.to_odcs()
    assert found.left == ("expect_column_values_to_be_json_parseable {'column': 'a'}",)
    assert document["schema"][0]["quality"] == [{"type": "text", "description": found.left[0]}]
    again = Contract.from_odcs(document)
    assert replace(again, kept={}) == found.contract
    assert again.to_odcs()["schema"][0]["quality"] == document["schema"][0]["quality"]
    assert found.contract.dataset == "people"


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("a.json", '{"expectations": []}', 0),
        ("a.yaml", "schema_type: dataframe\ncolumns:\n  a:\n    checks:\n      isin: [1]\n", 1),
        ("a.yml", "models: [{name: m, columns: [{name: a, tests: [unique]}]}]", 1),
    ],
)
def test_a_file_is_known_by_its_content(tmp_path: Path, name: str, text: str, rule: int) -> None:
    (tmp_path / name).write_text(text)
    assert len(read_foreign(tmp_path / name).contract.rules) == rule


@pytest.mark.parametrize("text", ["", "a: 1", "[1, 2]", "{", "\x00"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=r"a\.yaml"):
        read_foreign(tmp_path / "a.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        read_foreign(tmp_path / "none.json")


def test_a_rule_whose_parameters_do_not_fit_is_left(tmp_path: Path) -> None:
    test = "{accepted_values: {values: [[1]]}}"
    (tmp_path / "a.yaml").write_text(f"models: [{{name: m, columns: [{{name: a, tests: [{test}]}}]}}]")
    found = read_foreign(tmp_path / "a.yaml")
    assert found.contract.rules == ()
    assert "validity.set" in found.left[0]
