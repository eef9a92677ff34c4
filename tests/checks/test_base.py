"""What a check looks at: roles, randomness, outcomes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater.checks.base import Target, outcome_of
from headwater.core.contract import Contract
from headwater.core.errors import SchemaError
from headwater.core.findings import Outcome
from tests.checks.targets import target_of

TABLE = pa.table({"id": [1, 2], "y": [0, 1]})


def test_roles_come_from_the_contract_and_the_key_from_the_dataset() -> None:
    target = target_of(TABLE, key="id", label="y", sensitive=("y",))
    assert (target.key, target.label, target.sensitive, target.time) == (("id",), "y", ("y",), None)
    promised = Target(dataset=target_of(TABLE).dataset, contract=Contract(dataset="data", key=("y",)))
    assert promised.key == ("y",)


@pytest.mark.parametrize("roles", [{"label": "v"}, {"sensitive": ("id", "v")}])
def test_roles_are_of_values_that_can_be_counted(roles: dict[str, Any]) -> None:
    table = pa.table({"id": [1, 2], "v": [[0.5], [1.5]]})
    with pytest.raises(SchemaError, match=r"Column 'v' of dataset 'data' is list<.*Choose another column"):
        target_of(table, **roles)


def test_randomness_is_the_same_for_the_same_seed_and_use() -> None:
    target = target_of(TABLE)
    assert target.rng("a").integers(1 << 40) == target.rng("a").integers(1 << 40)
    assert target.rng("a").integers(1 << 40) != target.rng("b").integers(1 << 40)


def test_a_target_can_get_another_baseline() -> None:
    target = target_of(TABLE)
    assert target.against(target.dataset).baseline is target.dataset


def test_what_is_broken_has_the_outcome_of_its_level() -> None:
    assert [outcome_of(True, "warn"), outcome_of(True, "fail"), outcome_of(False, "fail")] == [
        Outcome.WARN,
        Outcome.FAIL,
        Outcome.PASS,
    ]
