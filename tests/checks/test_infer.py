"""A contract drafted from data: sensible, and kept by the data itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from hypothesis import given, settings

from headwater.checks.infer import infer_contract
from headwater.checks.runner import run
from headwater.checks.suite import contract_suite
from headwater.core.contract import Contract
from headwater.core.findings import Outcome
from tests.checks.targets import loans, target_of
from tests.profile.tables import tables


def kept(table: pa.Table, **roles: object) -> Contract:
    target = target_of(table, **roles)  # type: ignore[arg-type]
    contract = infer_contract(target)
    assert Contract.from_odcs(contract.to_odcs()) == contract
    judged = replace(target, contract=contract)
    assert run(judged, contract_suite(judged).checks).outcome is Outcome.PASS
    return contract


def test_what_the_data_shows_becomes_rules() -> None:
    rng = np.random.default_rng(2)
    contract = kept(
        pa.table(
            {
                "order_id": range(300),
                "state": rng.choice(["NY", "CA"], 300),
                "share": rng.random(300),
                "code": [f"AB-{i:04d}" for i in range(300)],
                "mail": [f"u{i}@example.org" for i in range(300)],
                "maybe": pa.array(rng.normal(size=300), mask=rng.random(300) < 0.2),
            }
        )
    )
    rules = {(rule.check, rule.column): rule.parameters for rule in contract.rules}
    assert contract.key == ("order_id",)
    assert rules["validity.set", "state"] == {"values": ["CA", "NY"]}
    assert rules["validity.range", "share"] == {"minimum": 0.0, "maximum": 1.0}
    assert rules["validity.pattern", "code"] == {"pattern": "[A-Z]+-[0-9]{4}"}
    assert "@" in rules["validity.pattern", "mail"]["pattern"]
    assert 0.2 < rules["completeness.null_fraction", "maybe"]["maximum"] < 0.5
    assert [column.name for column in contract.columns if not column.required] == ["maybe"]


@settings(max_examples=15)
@given(table=tables(40))
def test_any_data_keeps_its_own_contract(table: pa.Table) -> None:
    kept(table)


def test_ranges_are_finite() -> None:
    table = pa.table({"wide": [-1.7e308, 1.7e308], "far": [1.0, 1.79e308], "endless": [0.5, float("inf")]})
    assert not [rule for rule in kept(table).rules if rule.check == "validity.range"]


def test_columns_with_codes_get_no_range_that_holds_them() -> None:
    contract = kept(loans())
    ranged = {rule.column for rule in contract.rules if rule.check == "validity.range"}
    assert not ranged & {"liq", "term", "gdlin", "review"}
    assert "loanamt" in ranged
