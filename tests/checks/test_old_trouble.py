"""A gate stops the trouble that a commit brings, and warns of what its branch had before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import headwater as hw
from headwater.core.contract import Allowance, Contract, Rule
from headwater.core.errors import GateClosed
from tests.checks.test_gating import IN_RANGE, ROWS, ages, write


@pytest.fixture
def shop(home: str) -> hw.Repo:
    """Return a repository whose branch main holds people to an age, and has no gate yet."""
    repo = hw.init(home)
    with repo.transaction("people") as tx:
        tx.append("people", ROWS, key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(IN_RANGE,)))
    return repo


def release(repo: hw.Repo, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(GateClosed) as caught:
        write(repo, rows)
    repo.quarantine.release(str(caught.value.commit)[:12], reason="so it is")


def test_trouble_that_the_branch_had_warns_and_more_of_it_stops(shop: hw.Repo) -> None:
    heard: list[Any] = []
    shop.listeners.append(lambda event: heard.append(event) if event["event"] == "warned" else None)
    shop.set_gate("main", suite="contract")
    release(shop, [{"id": 99, "age": -5}])
    assert heard == []
    write(shop, [{"id": 98, "age": 30}])
    assert [one["check"] for one in heard.pop()["findings"]] == ["validity.range"]
    # The row itself may change, as long as it does not become wrong by that.
    write(shop, [{"id": 99, "name": "so"}, {"id": 99 - 2, "age": 31}])
    with pytest.raises(
        GateClosed, match=r"(?s)Before this commit it was 1 row; 1 row came with it.*hw allow people"
    ):
        write(shop, [{"id": 3, "age": 200}])
    # One mended does not make up for another.
    with pytest.raises(GateClosed, match="1 row came with it"):
        write(shop, [{"id": 99, "age": 5}, {"id": 3, "age": 200}])
    assert ages(shop)[98] == 30


def test_without_a_key_rows_that_go_make_up_for_rows_that_come(home: str) -> None:
    repo = hw.init(home)
    rule = Rule(check="validity.range", column="x", parameters={"minimum": 0})
    with repo.transaction("first") as tx:
        tx.append("n", [{"x": 1, "y": "a"}, {"x": -1, "y": "b"}])
        tx.set_contract("n", Contract(dataset="n", rules=(rule,)))
    repo.set_gate("main", suite="contract")
    with repo.transaction("another column") as tx:
        tx.overwrite("n", [{"x": 1, "y": "a"}, {"x": -1, "y": "c"}])
    with pytest.raises(GateClosed), repo.transaction("one more") as tx:
        tx.append("n", [{"x": -1, "y": "d"}])


def test_a_stricter_contract_is_new_trouble(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract")
    strict = replace(IN_RANGE, parameters={"minimum": 25, "maximum": 120})
    with pytest.raises(GateClosed, match="between 25"), shop.transaction("stricter") as tx:
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(strict,)))


def test_trouble_of_the_whole_stops_when_it_grows(shop: hw.Repo) -> None:
    most = Rule(check="volume.rows", parameters={"maximum": 8})
    with shop.transaction("few") as tx:
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(most,)))
    shop.set_gate("main", suite="contract")
    write(shop, [{"id": 3, "name": "another"}])
    with shop.transaction("one less") as tx:
        tx.delete("people", where="id = 9")
    with pytest.raises(GateClosed, match="has become worse"):
        write(shop, [{"id": 50 + number, "age": 30} for number in range(30)])


def test_what_was_allowed_until_a_day_that_is_over_stops_although_it_is_old(shop: hw.Repo) -> None:
    write(shop, [{"id": 99, "age": -5}])
    contract = shop["people"].contract
    assert contract is not None
    old = Allowance(check="validity.range", column="age", until="2020-01-31", reason="mended by then")
    with shop.transaction("allowed once") as tx:
        tx.set_contract("people", replace(contract, allowances=(old,)))
    shop.set_gate("main", suite="contract")
    with pytest.raises(GateClosed, match="has expired"):
        write(shop, [{"id": 98, "age": 30}])


def test_a_rule_about_other_rows_is_new_where_a_row_that_came_breaks_it(home: str) -> None:
    repo = hw.init(home)
    rule = Rule(check="uniqueness.columns", parameters={"columns": ["mail"]})
    with repo.transaction("first") as tx:
        tx.append("n", [{"id": 1, "mail": "a"}, {"id": 2, "mail": "a"}], key="id")
        tx.set_contract("n", Contract(dataset="n", key=("id",), rules=(rule,)))
    repo.set_gate("main", suite="contract")
    with repo.transaction("more") as tx:
        tx.append("n", [{"id": 3, "mail": "b"}])
    with pytest.raises(GateClosed, match="came with it"), repo.transaction("again") as tx:
        tx.append("n", [{"id": 4, "mail": "b"}])
