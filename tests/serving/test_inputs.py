"""The input contract: what a request may hold, and what is said of what it may not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.contract import Contract, Rule
from headwater.core.errors import UsageError
from headwater.models.registered import ModelVersion
from headwater.recipes.model_file import Signature
from headwater.serving.inputs import Inputs
from tests.models.registered import loans, repo_with_model

GOOD = {"income": 50.0, "debt": 10.5, "job": "nurse"}


def inputs(schema: pa.Schema, *, missing: float = 0.5, contract: Contract | None = None) -> Inputs:
    facts = {
        "inputs": [{"name": name, "missing": missing, "longest": 5} for name in schema.names],
        "contract": contract.to_odcs() if contract else None,
    }
    version = ModelVersion(
        name="m",
        version=1,
        stage="candidate",
        aliases=(),
        time=datetime.now(UTC),
        author="",
        facts=facts,
    )
    return Inputs(version, Signature(inputs=schema, label="y"))


@pytest.fixture(scope="module")
def of_loans() -> Inputs:
    repo, version = repo_with_model()
    _, signature = repo.models.load(version.id)
    return Inputs(version, signature, pa.schema([("region", pa.string()), ("id", pa.int64())]))


def test_good_rows_become_a_table(of_loans: Inputs) -> None:
    found = of_loans.read([GOOD, {**GOOD, "debt": None, "region": "north", "income": 3}])
    assert not found.problems
    assert found.table.to_pylist() == [
        {**GOOD, "region": None, "id": None},
        {**GOOD, "income": 3.0, "debt": None, "region": "north", "id": None},
    ]
    assert of_loans.read([]).table.num_rows == 0


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"income": "50"}, "income", "is a text; the model takes a number"),
        ({"income": True}, "income", "is true or false"),
        ({"income": [1]}, "income", "is a list"),
        ({"income": None}, "income", "never missing in training"),
        ({"income": float("nan")}, "income", "not a finite number"),
        ({"income": float("inf")}, "income", "not a finite number"),
        ({"job": 3}, "job", "is a number; the model takes a text"),
        ({"job": "x" * 10_001}, "job", "10,001 characters"),
        ({"job": "a\ud800"}, "job", "is a text"),
        ({"age": 3}, "age", "is not a field of the model. Its fields are: income, debt, job"),
    ],
)
def test_one_bad_field_is_told_and_the_other_row_is_kept(
    of_loans: Inputs, changed: dict[str, Any], field: str, said: str
) -> None:
    found = of_loans.read([GOOD, {**GOOD, **changed}])
    assert found.places.tolist() == [0]
    assert found.table.num_rows == 1
    (problem,) = found.problems
    assert (problem.row, problem.field) == (1, field)
    assert said in problem.message


def test_a_missing_field_is_told_once(of_loans: Inputs) -> None:
    found = of_loans.read([{"income": 1.0}, 7])
    told = {(one.row, one.field): one.message for one in found.problems}
    assert told[0, "job"] == "is missing: it is needed"
    assert told[0, "debt"] == "is missing: send null where it is not known"
    assert "not an object" in told[1, ""]
    with pytest.raises(UsageError, match="must be a list"):
        of_loans.read({"income": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (pa.int64(), [1, 2.0, None], [1.5, 2**70, "1", True]),
        (pa.int8(), [127], [128]),
        (pa.bool_(), [True, None], [1, "true"]),
        (pa.decimal128(5, 2), ["1.50", 2, 2.25], ["x", "1.555", True]),
        (pa.date32(), ["2026-02-28"], ["2026-02-30", 3]),
        (pa.timestamp("us"), ["2026-02-28T10:00:00"], ["yesterday"]),
        (pa.timestamp("us", "UTC"), ["2026-02-28T10:00:00Z", "2026-02-28 10:00:00"], ["1"]),
        (pa.list_(pa.float32(), 2), [[1, 2.5], None], [[1], [1, 2, 3], ["a", 1], [1, float("nan")], 3]),
        (pa.binary(), ["aGk="], ["***", 3]),
        (pa.string(), ["ünï", ""], [1]),
    ],
)
def test_every_type_takes_what_it_can_hold_and_nothing_else(
    kind: pa.DataType, good: list[Any], bad: list[Any]
) -> None:
    one = inputs(pa.schema([("x", kind)]))
    assert not one.read([{"x": value} for value in good]).problems
    told = one.read([{"x": value} for value in bad])
    assert [problem.row for problem in told.problems] == list(range(len(bad)))
    assert told.table.num_rows == 0
    assert one.json_schema()["properties"]["x"]["type"][1] == "null"


def test_rules_of_the_contract_are_held() -> None:
    contract = Contract(
        dataset="d",
        rules=(
            Rule(check="validity.range", column="x", parameters={"minimum": 0}),
            Rule(check="validity.set", column="s", parameters={"values": ("a", "b")}),
        ),
    )
    one = inputs(pa.schema([("x", pa.float64()), ("s", pa.string())]), contract=contract)
    found = one.read([{"x": 1, "s": "a"}, {"x": -1, "s": "a"}, {"x": None, "s": "c"}])
    assert found.places.tolist() == [0]
    assert [(problem.row, problem.field) for problem in found.problems] == [(1, "x"), (2, "s")]
    assert "-1.0 is not" in found.problems[0].message


def test_tables_are_held_to_the_same(of_loans: Inputs) -> None:
    rows = loans(50).select(["income", "debt", "job"])
    assert of_loans.read_table(rows).table.num_rows == 50
    odd = rows.set_column(0, "income", pa.array([float("nan")] + [1.0] * 49))
    assert of_loans.read_table(odd).places.tolist() == list(range(1, 50))
    with pytest.raises(UsageError, match=r"Column\(s\) income are missing and column\(s\) zip are not"):
        of_loans.read_table(rows.rename_columns(["zip", "debt", "job"]))
    with pytest.raises(UsageError, match="Column 'income' has type string"):
        of_loans.read_table(rows.set_column(0, "income", pa.array(["x"] * 50)))
