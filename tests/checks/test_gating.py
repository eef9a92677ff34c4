"""A gate judges what a commit changes, and diverts the rows that its row rules are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headwater as hw
from headwater.core.contract import Allowance, Contract, Rule
from headwater.core.errors import GateClosed, NotFound, UsageError
from headwater.versions.fsck import verify

ROWS: list[dict[str, Any]] = [
    {"id": number, "age": 20 + number, "name": f"n{number}"} for number in range(10)
]
IN_RANGE = Rule(check="validity.range", column="age", parameters={"minimum": 0, "maximum": 120})


@pytest.fixture
def shop(home: str) -> hw.Repo:
    """Return a repository whose branch main holds people to an age, and has no gate yet."""
    repo = hw.init(home)
    with repo.transaction("people") as tx:
        tx.append("people", ROWS, key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(IN_RANGE,)))
    return repo


def write(repo: hw.Repo, rows: list[dict[str, Any]], dataset: str = "people") -> Any:
    with repo.transaction("more") as tx:
        tx.upsert(dataset, rows)
    return tx


def ages(repo: hw.Repo, name: str = "people") -> dict[int, int | None]:
    table = repo[name].to_arrow()
    return dict(zip(table["id"].to_pylist(), table["age"].to_pylist(), strict=True))


def test_without_a_gate_everything_is_published(shop: hw.Repo) -> None:
    write(shop, [{"id": 99, "age": -5}])
    assert ages(shop)[99] == -5
    assert len(shop.quarantine) == 0


def test_what_fails_waits_and_the_branch_stays(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract")
    before = shop.head
    with pytest.raises(GateClosed, match=r"validity\.range people\.age") as caught:
        write(shop, [{"id": 99, "age": -5}])
    assert caught.value.exit_code == 1
    assert [one["check"] for one in caught.value.findings] == ["validity.range"]
    assert shop.head == before
    (one,) = shop.quarantine.waiting()
    assert (one.state, one.branch, one.commit) == ("quarantined", "main", caught.value.commit)
    assert ages(shop.at(one.id))[99] == -5
    assert verify(shop).findings == []
    shop.gc(grace=timedelta())
    assert ages(shop.at(one.id))[99] == -5


def test_what_passes_leaves_nothing_behind(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract")
    write(shop, [{"id": 99, "age": 5}])
    assert ages(shop)[99] == 5
    assert shop.quarantine.waiting() == []
    assert list(shop.quarantine.entries()) == []


def test_row_rules_divert_new_rows_and_leave_changed_ones_as_they_were(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract", divert=("validity.range:age",))
    tx = write(
        shop, [{"id": 99, "age": -5}, {"id": 3, "age": 500}, {"id": 98, "age": 44}, {"id": 4, "age": 45}]
    )
    assert tx.diverted == {"people": 2}
    now = ages(shop)
    assert (99 in now, now[3], now[98], now[4]) == (False, 23, 44, 45)
    queue = shop["people.quarantine"].to_arrow()
    assert sorted(queue["id"].to_pylist()) == [3, 99]
    assert set(queue["_check"].to_pylist()) == {"validity.range"}
    assert queue["_reason"].null_count == queue["_time"].null_count == 0
    assert queue["name"].to_pylist().count("n3") == 1
    commit = shop.commit(str(shop.head))
    assert commit.provenance.record["diverted"] == {"people": 2}
    assert shop["people"].fingerprint == shop.at("HEAD")["people"].fingerprint
    assert verify(shop).findings == []


def test_a_row_that_waits_already_waits_once(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract", divert=("validity.range",))
    for _ in range(2):
        write(shop, [{"id": 99, "age": -5}])
    assert shop["people.quarantine"].num_rows == 1


def test_rows_that_the_branch_has_already_are_not_diverted_and_block_nothing(shop: hw.Repo) -> None:
    write(shop, [{"id": 99, "age": -5}])
    shop.set_gate("main", suite="contract", divert=("validity.range",))
    write(shop, [{"id": 98, "age": 30}])
    assert ages(shop)[99] == -5
    assert "people.quarantine" not in shop


def test_rows_without_a_key_are_diverted_too(home: str) -> None:
    repo = hw.init(home)
    rule = Rule(check="validity.range", column="x", parameters={"minimum": 0})
    with repo.transaction("first") as tx:
        tx.append("n", [{"x": 1}, {"x": 1}])
        tx.set_contract("n", Contract(dataset="n", rules=(rule,)))
    repo.set_gate("main", suite="contract", divert=("validity.range",))
    with repo.transaction("more") as tx:
        tx.append("n", [{"x": -1}, {"x": -1}, {"x": 2}, {"x": None}])
    assert sorted(repo["n"].to_arrow()["x"].to_pylist(), key=str) == [1, 1, 2, None]
    assert repo["n.quarantine"].to_arrow()["x"].to_pylist() == [-1, -1]


def test_a_check_of_rows_that_repeat_diverts_them(home: str) -> None:
    repo = hw.init(home)
    rule = Rule(check="uniqueness.columns", column=None, parameters={"columns": ["mail"]})
    with repo.transaction("first") as tx:
        tx.append("n", [{"id": 1, "mail": "a"}], key="id")
        tx.set_contract("n", Contract(dataset="n", key=("id",), rules=(rule,)))
    repo.set_gate("main", suite="contract", divert=("uniqueness.columns",))
    with repo.transaction("more") as tx:
        tx.append("n", [{"id": 2, "mail": "a"}, {"id": 3, "mail": "b"}])
    assert sorted(repo["n"].to_arrow()["id"].to_pylist()) == [1, 3]


def test_the_outcome_and_the_floor_say_what_blocks(shop: hw.Repo) -> None:
    shop.set_gate("main", only=("drift",), blocks="warn")
    skewed = [{"id": 100 + number, "age": 1, "name": "z"} for number in range(500)]
    with pytest.raises(GateClosed):
        write(shop, skewed)
    shop.set_gate("main", floor=1.0)
    write(shop, skewed)


def test_only_the_datasets_that_are_named_are_looked_at(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract", datasets=("other", "pe*"), force=True)
    with pytest.raises(GateClosed):
        write(shop, [{"id": 99, "age": -5}])
    shop.set_gate("main", datasets=("web_*",))
    write(shop, [{"id": 99, "age": -5}])


def test_a_named_check_that_fits_no_dataset_lets_it_pass(shop: hw.Repo) -> None:
    shop.set_gate("main", only=("labels",))
    write(shop, [{"id": 99, "age": -5}])


def test_a_baseline_that_went_away_is_a_judgement_and_the_commit_waits(shop: hw.Repo) -> None:
    with pytest.raises(NotFound, match="v9"):
        shop.set_gate("main", against="v9", force=True)
    shop.create_tag("v9")
    shop.set_gate("main", against="v9")
    shop.delete_tag("v9")
    with pytest.raises(GateClosed, match=r"'v9', which is not there any more.*--against REF"):
        write(shop, [{"id": 99, "age": 5}])
    assert [one.state for one in shop.quarantine.waiting()] == ["quarantined"]


def test_a_dataset_that_the_gate_cannot_judge_is_a_judgement_too(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract")
    odd = Rule(check="validity.range", column="age", parameters={"minimun": 0})
    with pytest.raises(GateClosed, match="minimun") as caught, shop.transaction("odd rule") as tx:
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(odd,)))
    assert [one["outcome"] for one in caught.value.findings] == ["error"]
    assert [one.state for one in shop.quarantine.waiting()] == ["quarantined"]


@pytest.mark.parametrize(
    ("branch", "options", "told"),
    [
        ("mian", {}, "Did you mean 'main'"),
        ("main", {"datasets": ("peple",)}, "Did you mean 'people'"),
        ("main", {"divert": ("validity.range:agee",)}, "Did you mean 'age'"),
        ("main", {"divert": ("validity.range:age",), "datasets": ("web_*",)}, "column 'age' not found"),
    ],
)
def test_names_that_are_not_there_are_refused_unless_they_are_to_come(
    branch: str, options: dict[str, Any], told: str, shop: hw.Repo
) -> None:
    with pytest.raises(NotFound, match=f"(?i){told}.*--force"):
        shop.set_gate(branch, **options)
    assert len(shop.gates) == 0
    assert shop.set_gate(branch, force=True, **options).branch == branch


def test_a_rule_that_diverts_may_be_about_several_columns(shop: hw.Repo) -> None:
    made = shop.set_gate("main", divert=("consistency.rule:id, age",))
    assert made.divert == ("consistency.rule:id, age",)


def test_checks_that_are_not_there_are_refused(shop: hw.Repo) -> None:
    with pytest.raises(NotFound, match="validity"):
        shop.set_gate("main", only=("validty",))
    with pytest.raises(NotFound, match=r"validity\.range"):
        shop.set_gate("main", divert=("validity.rnge:age",))
    with pytest.raises(UsageError, match="blocks"):
        shop.set_gate("main", blocks="never")


def test_an_allowance_opens_the_gate_until_its_day(shop: hw.Repo) -> None:
    shop.set_gate("main", suite="contract")
    shop.allow("people", "validity.range", column="age", until="2999-01-31", reason="the old system")
    write(shop, [{"id": 99, "age": -5}])
    assert ages(shop)[99] == -5
    report = shop.check("people", only=["validity.range"])
    assert report.findings[0].allowed == f"until 2999-01-31 by {shop.author}: the old system"
    assert report.outcome == "pass"


def test_an_allowance_that_has_expired_blocks_and_says_so(shop: hw.Repo) -> None:
    contract = shop["people"].contract
    assert contract is not None
    old = Allowance(
        check="validity.range", column="age", until="2020-01-31", reason="the old system", by="ada"
    )
    with shop.transaction("allowed once") as tx:
        tx.set_contract("people", replace(contract, allowances=(old,)))
    shop.set_gate("main", suite="contract")
    with pytest.raises(GateClosed, match=r"allowed by ada until 2020-01-31 .*has expired"):
        write(shop, [{"id": 99, "age": -5}])


def test_a_check_that_diverts_need_not_be_named_among_the_others(shop: hw.Repo) -> None:
    shop.set_gate("main", only=("schema",), divert=("validity.range",))
    write(shop, [{"id": 99, "age": -5}, {"id": 98, "age": 5}])
    assert 99 not in ages(shop)
    assert shop["people.quarantine"].num_rows == 1


@settings(max_examples=15)
@given(st.lists(st.none() | st.integers(-200, 300), max_size=30), st.integers(0, 12))
def test_every_row_is_either_published_or_waits(values: list[int | None], first: int) -> None:
    repo = hw.init("memory://")
    with repo.transaction("people") as tx:
        tx.append("people", ROWS, key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(IN_RANGE,)))
    repo.set_gate("main", suite="contract", divert=("validity.range",))
    rows: list[dict[str, Any]] = [{"id": first + number, "age": age} for number, age in enumerate(values)]
    if rows:
        write(repo, rows)
    good: dict[int, int | None] = {
        row["id"]: row["age"] for row in rows if row["age"] is None or 0 <= row["age"] <= 120
    }
    bad = {row["id"]: row["age"] for row in rows if row["id"] not in good}
    before: dict[int, int | None] = {row["id"]: row["age"] for row in ROWS}
    assert ages(repo) == {**before, **good}
    assert (ages(repo, "people.quarantine") if bad else {}) == bad


def test_rows_with_columns_of_every_kind_are_diverted_whole(home: str) -> None:
    repo = hw.init(home)
    table = pa.table(
        {
            "id": ["a", "b", "ü数"],
            "x": [1.0, -1.0, float("nan")],
            "list": [[1, 2], None, []],
            "struct": [{"p": 1, "q": "z"}, {"p": None, "q": "y"}, None],
            "vector": pa.array([[1.0, 2.0]] * 3, pa.list_(pa.float32(), 2)),
            "bytes": [b"\x00\xff", None, b""],
            "price": [Decimal("1.50"), Decimal("-2.25"), None],
            "day": [date(2026, 1, 1), None, date(1900, 1, 1)],
            "empty": pa.nulls(3, pa.string()),
        }
    )
    rule = Rule(check="validity.range", column="x", parameters={"minimum": 0})
    with repo.transaction("first") as tx:
        tx.append("t", table.slice(0, 1), key="id")
        tx.set_contract("t", Contract(dataset="t", key=("id",), rules=(rule,)))
    repo.set_gate("main", suite="contract", divert=("validity.range",))
    for _ in range(2):
        with repo.transaction("more") as tx:
            tx.upsert("t", table)
    (waiting,) = repo["t.quarantine"].to_arrow().to_pylist()
    assert {name: waiting[name] for name in table.column_names} == table.slice(1, 1).to_pylist()[0]
    assert sorted(repo["t"].to_arrow()["id"].to_pylist()) == ["a", "ü数"]
    assert verify(repo).findings == []


def test_a_row_in_quarantine_says_what_it_has_and_what_was_asked(home: str) -> None:
    repo = hw.init(home)
    rules = (
        IN_RANGE,
        Rule(check="validity.pattern", column="name", parameters={"pattern": "(?:^[a-z]).*"}),
        Rule(check="validity.set", column="city", parameters={"values": ["Ulm"]}),
        Rule(check="consistency.rule", parameters={"condition": "age < id"}),
        Rule(check="completeness.null_fraction", column="name", parameters={}),
    )
    with repo.transaction("people") as tx:
        tx.append("people", [{"id": 100, "age": 20, "name": "a", "city": "Ulm"}], key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=rules))
    repo.set_gate("main", suite="contract", divert=[rule.check for rule in rules])
    rows = [
        {"id": 201, "age": -5, "name": "n", "city": "Ulm"},
        {"id": 202, "age": 20, "name": "N" * 99, "city": "Ulm"},
        {"id": 203, "age": 20, "name": "n", "city": "Bonn"},
        {"id": 4, "age": 20, "name": "n", "city": "Ulm"},
        {"id": 205, "age": 20, "name": None, "city": "Ulm"},
    ]
    with repo.transaction("more") as tx:
        tx.append("people", rows)
    waiting = repo["people.quarantine"].to_arrow().select(["id", "_reason"]).to_pylist()
    assert {row["id"]: row["_reason"] for row in waiting} == {
        201: "age = -5: not between 0 and 120",
        202: f"name = {'N' * 60}: does not match ^[a-z]",
        203: "city = Bonn: not among the 1 allowed",
        4: "id = 4, age = 20: breaks the rule: age < id",
        205: "name = null: missing values",
    }
