"""References across datasets: what they name is there, at the same commit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.api import Repo
from headwater.checks.reference import Reference
from headwater.core.contract import Contract, Rule
from headwater.core.findings import Finding, Outcome
from headwater.reading.chunks import DatasetChunk
from headwater.store import writing
from tests.checks.targets import one_finding, target_of


@pytest.fixture
def repo(monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setattr(writing, "CHUNK_ROWS", 8)
    repo = Repo.init("memory://")
    with repo.transaction("both") as tx:
        tx.append("customers", {"id": range(20), "land": ["de", "fr"] * 10}, key="id")
        tx.append("orders", {"number": range(40), "customer": [*range(20), *range(20)]}, key="number")
    return repo


def check(repo: Repo, of: str = "orders", **parameters: Any) -> Finding:
    given = {"columns": ["customer"], "dataset": "customers", **parameters}
    rule = Rule(check="consistency.reference", parameters=given)
    contract = Contract(dataset=of.partition("@")[0], rules=(rule,))
    report = repo.check(of, contract=contract, only=["consistency.reference"])
    (finding,) = report.findings
    return finding


def test_what_refers_to_what_is_there_passes(repo: Repo) -> None:
    finding = check(repo)
    assert (finding.outcome, finding.value) == (Outcome.PASS, 0.0)
    assert finding.message == "Every customer is a id of 'customers'."


def test_each_row_that_refers_to_nothing_is_found(repo: Repo) -> None:
    with repo.transaction("strangers") as tx:
        tx.append("orders", {"number": [40, 41, 42], "customer": pa.array([99, None, 5])})
        tx.delete("customers", keys=[7])
    finding = check(repo)
    assert finding.outcome is Outcome.FAIL
    assert finding.rows == ("7", "27", "40")
    assert finding.row_count == 3
    assert finding.value == pytest.approx(3 / 42)


def test_a_change_of_the_other_side_alone_is_seen(repo: Repo) -> None:
    assert check(repo).outcome is Outcome.PASS
    with repo.transaction("gone") as tx:
        tx.delete("customers", keys=[3])
    assert check(repo).rows == ("3", "23")
    with repo.transaction("another") as tx:
        tx.append("customers", {"id": [3], "land": ["it"]})
        tx.delete("customers", keys=[4])
    assert check(repo).rows == ("4", "24")
    assert check(repo, "orders@main~2").outcome is Outcome.PASS


def test_types_of_numbers_and_several_columns_may_differ(repo: Repo) -> None:
    with repo.transaction("visits") as tx:
        tx.append("visits", {"who": pa.array([1.0, 2.0, 3.0]), "where": ["fr", "de", "de"]})
    assert check(repo, "visits", columns=["who"]).outcome is Outcome.PASS
    two = check(repo, "visits", columns=["who", "where"], references=["id", "land"])
    assert two.row_count == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dataset": "custmers"}, "not found"),
        ({"references": ["land"]}, "no value of one is a value of the other"),
        ({"references": ["id", "land"]}, "Name as many references as columns"),
        ({"references": ["name"]}, "name"),
        ({"columns": ["client"]}, "client"),
        ({"dataset": "keyless"}, "has no key to refer to"),
    ],
)
def test_rules_that_cannot_hold_say_why(repo: Repo, parameters: dict[str, Any], message: str) -> None:
    with repo.transaction("more") as tx:
        tx.append("keyless", {"x": [1]})
    finding = check(repo, **parameters)
    is_column = message in ("name", "client")
    assert finding.outcome is (Outcome.FAIL if is_column else Outcome.ERROR)
    assert message in finding.message


def test_data_that_is_checked_by_itself_has_nothing_beside_it() -> None:
    finding = one_finding(Reference(columns=("a",), dataset="other"), target_of({"a": [1]}))
    assert finding.outcome is Outcome.ERROR
    assert "Import both into one repository" in finding.message


def test_an_empty_other_side_has_nothing(repo: Repo) -> None:
    with repo.transaction("none") as tx:
        tx.delete("customers", where="true")
    assert check(repo).row_count == 40


def test_only_new_chunks_are_read_again(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    check(repo)
    with repo.transaction("more") as tx:
        tx.append("orders", {"number": np.arange(100, 108), "customer": [1] * 8})
    read = []
    whole = DatasetChunk.read

    def noted(self: DatasetChunk, *columns: Any, **how: Any) -> pa.Table:
        read.append(self)
        return whole(self, *columns, **how)

    monkeypatch.setattr(DatasetChunk, "read", noted)
    assert check(repo).outcome is Outcome.PASS
    assert len(read) == 1


def test_where_the_other_side_may_be_absent_that_is_a_warning(repo: Repo) -> None:
    finding = check(repo, dataset="shops", optional=True)
    assert finding.outcome is Outcome.WARN
    assert finding.message == "Nothing is known of customer: dataset 'shops' is not here."
    with repo.transaction("strangers") as tx:
        tx.append("orders", {"number": [40], "customer": [99]})
    assert check(repo, optional=True).rows == ("40",)


def test_relationships_of_a_document_are_held_and_its_own_table_is_the_data(repo: Repo) -> None:
    with repo.transaction("staff") as tx:
        tx.append("staff", {"id": [1, 2, 3], "boss": [None, 1, 9]}, key="id")
    boss = {"name": "boss", "relationships": [{"to": "people.id"}]}
    table = {"name": "people", "properties": [{"name": "id", "primaryKey": True}, boss]}
    contract = Contract.from_odcs({"kind": "DataContract", "schema": [table]})
    (finding,) = repo.check("staff", contract=contract, only=["consistency.reference"]).findings
    assert (finding.outcome, finding.rows) == (Outcome.FAIL, ("3",))
