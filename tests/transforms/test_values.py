"""Mending values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import SchemaError, UsageError
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

TABLE = pa.table(
    {
        "id": pa.array(["k1 ", "k2", "k3", "k4"]),
        "city": [" boston", "SALEM ", "n/a", None],
        "phone": ["617-555-0101", "(617) 555 0102", "617.555.0103", None],
        "dep": pa.array([0, 9, 2, None], pa.int8()),
        "rate": [1.5, 999999.375, 2.5, None],
        "own": [True, False, None, True],
        "sex": ["m", "f", "m", "f"],
        "approved": [True, True, False, True],
    }
)


@pytest.mark.parametrize(
    ("parameters", "column", "wanted"),
    [
        ({"columns": ["city"], "trim": True}, "city", ["boston", "SALEM", "n/a", None]),
        ({"columns": ["city"], "trim": True, "case": "title"}, "city", ["Boston", "Salem", "N/A", None]),
        ({"columns": ["city"], "case": "upper"}, "city", [" BOSTON", "SALEM ", "N/A", None]),
        ({"columns": ["city"], "mapping": {"n/a": None}}, "city", [" boston", "SALEM ", None, None]),
        (
            {
                "columns": ["city"],
                "trim": True,
                "case": "lower",
                "mapping": {"salem": "Salem, MA", "n/a": None},
            },
            "city",
            ["boston", "Salem, MA", None, None],
        ),
        (
            {"columns": ["phone"], "replace": {r"\D": ""}},
            "phone",
            ["6175550101", "6175550102", "6175550103", None],
        ),
        (
            {"columns": ["phone"], "replace": {r"\D": "", r"^(\d{3})(\d{3})": r"\1-\2-"}},
            "phone",
            ["617-555-0101", "617-555-0102", "617-555-0103", None],
        ),
        ({"columns": ["dep"], "mapping": {"9": None}}, "dep", [0, None, 2, None]),
        ({"columns": ["dep"], "mapping": {"2": 3}}, "dep", [0, 9, 3, None]),
        ({"columns": ["rate"], "mapping": {"999999.375": None}}, "rate", [1.5, None, 2.5, None]),
        ({"columns": ["own"], "mapping": {"false": True}}, "own", [True, True, None, True]),
        ({"columns": ["rate"], "where": "rate > 1000", "set_null": True}, "rate", [1.5, None, 2.5, None]),
        ({"columns": ["dep"], "where": "sex = 'f' AND rate IS NULL", "set_value": 1}, "dep", [0, 9, 2, 1]),
        ({"columns": ["dep"], "set_value": 0}, "dep", [0, 0, 0, 0]),
    ],
)
def test_values_are_mended(parameters: dict[str, Any], column: str, wanted: list[Any]) -> None:
    for key in ("id", None):
        repo = repo_of(TABLE, key=key)
        result = run(repo, "people", make("clean.values", parameters))
        assert column_of(repo, column) == wanted
        assert result.record["cells"].keys() == {column}


def test_a_code_is_mapped_in_the_columns_that_can_hold_it() -> None:
    repo = repo_of(TABLE)
    codes = {"9": None, "999999.375": None}
    run(repo, "people", make("clean.values", {"columns": ["dep", "rate"], "mapping": codes}))
    assert column_of(repo, "dep") == [0, None, 2, None]
    assert column_of(repo, "rate") == [1.5, None, 2.5, None]


def test_by_default_all_text_but_the_key_is_mended() -> None:
    repo = repo_of(TABLE)
    run(repo, "people", make("clean.values", {"trim": True}))
    assert column_of(repo, "city")[:2] == ["boston", "SALEM"]
    assert column_of(repo, "id")[0] == "k1 "


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({}, UsageError, "nothing to do"),
        ({"case": "snake"}, UsageError, "not 'snake'"),
        ({"columns": ["dep"], "trim": True}, SchemaError, "'dep' is int8; trim"),
        (
            {"columns": ["dep"], "mapping": {"many": None}},
            SchemaError,
            "No column could hold the value 'many'",
        ),
        ({"columns": ["dep"], "set_value": "many"}, SchemaError, "do not fit column 'dep'"),
        ({"columns": ["city"], "replace": {"(": ""}}, UsageError, "not a regular expression"),
        ({"columns": ["city"], "trim": True, "where": "citty = 'x'"}, UsageError, "citty"),
        ({"set_null": True}, UsageError, "Name the columns"),
        ({"columns": ["dep"], "set_null": True, "set_value": 1}, UsageError, "not both"),
        ({"columns": ["id"], "trim": True}, SchemaError, "part of the key"),
    ],
)
def test_what_does_not_fit_is_refused(
    parameters: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(repo_of(TABLE), "people", make("clean.values", parameters))


def test_a_value_that_does_not_fit_the_rows_type_is_refused_before_anything_is_written() -> None:
    repo = repo_of(TABLE)
    head = repo.head
    with pytest.raises(SchemaError, match="do not fit column 'dep'"):
        run(repo, "people", make("clean.values", {"columns": ["dep"], "mapping": {"9": 1000}}))
    assert repo.head == head


def column_of(repo: Repo, name: str) -> list[Any]:
    return list(repo["people"].to_arrow().sort_by("id").column(name).to_pylist())
