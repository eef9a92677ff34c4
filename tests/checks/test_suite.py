"""From contracts to checks and back; the suite without any contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.checks.base import Target
from headwater.checks.suite import check_of, contract_suite, default_suite, rule_of, suite_for
from headwater.checks.validity import Range, Set
from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import NotFound, UsageError
from headwater.versions.importing import import_data
from headwater.versions.repo import Repo
from tests.checks.targets import target_of

TABLE = pa.table({"id": [1, 2], "x": [1.0, None], "word": ["a", "b"], "y": [0, 1]})


def test_a_rule_becomes_a_check_and_back() -> None:
    rule = Rule(check="validity.set", column="word", parameters={"values": ["a", "b"]}, severity="warning")
    assert check_of(rule) == Set(column="word", values=("a", "b"), level="warn")
    assert rule_of(check_of(rule)) == rule
    assert check_of(Rule(check="uniqueness.columns", column="x")).columns == ("x",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (Rule(check="validity.rang", column="x"), NotFound, "Did you mean 'validity.range'"),
        (
            Rule(check="validity.range", column="x", parameters={"minimun": 1}),
            NotFound,
            "Did you mean 'minimum'",
        ),
        (Rule(check="validity.set", column="x"), UsageError, "needs values"),
        (Rule(check="volume.rows", column="x"), UsageError, "not about one column"),
        *[
            (Rule(check=check, column="x", parameters={name: value}), UsageError, f"{name}.*must be {kind}")
            for check, name, value, kind in (
                ("validity.set", "values", "a", "a list"),
                ("validity.set", "values", [["a"]], "a list of plain values"),
                ("validity.set", "values", [{"a": 1}], "a list of plain values"),
                ("completeness.null_fraction", "maximum", "0.5", "a number"),
                ("completeness.null_fraction", "maximum", None, "a number"),
                ("completeness.null_fraction", "blank", "no", "true or false"),
                ("validity.pattern", "pattern", 5, "text"),
                ("validity.length", "minimum", 1.5, "a whole number or null"),
            )
        ],
    ],
)
def test_rules_that_do_not_fit_say_why(rule: Rule, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_of(rule)


def test_a_contract_asks_for_its_rules_columns_and_key() -> None:
    contract = Contract(
        dataset="data",
        columns=(
            ColumnPromise(name="x", required=True, unique=True),
            ColumnPromise(name="gone", required=True),
        ),
        key=("id",),
        rules=(
            Rule(check="validity.range", column="x", parameters={"minimum": 0}),
            Rule(check="validity.constant", column="gone"),
        ),
    )
    suite = contract_suite(replace(target_of(TABLE), contract=contract))
    assert [check.id for check in suite.checks] == [
        "schema.drift", "uniqueness.key", "completeness.null_fraction", "uniqueness.columns", "validity.range",
    ]  # fmt: skip
    assert Range(column="x", minimum=0) in suite_for(replace(target_of(TABLE), contract=contract)).checks


def test_the_default_suite_depends_on_columns_and_roles_not_on_rows() -> None:
    target = target_of(TABLE, label="y")
    empty = target_of(TABLE.slice(0, 0), label="y")
    assert default_suite(target).checks == default_suite(empty).checks
    assert "labels.balance" in {check.id for check in default_suite(target).checks}
    assert len(set(default_suite(target).checks)) == len(default_suite(target))


def test_a_suite_can_be_cut_down_to_checks_and_families() -> None:
    suite = default_suite(target_of(TABLE))
    assert {check.id for check in suite.only("volume", "validity.constant").checks} == {
        "volume.rows",
        "validity.constant",
    }
    assert all(not check.id.startswith("validity") for check in suite.without("validity").checks)
    with pytest.raises(NotFound, match="Did you mean 'validity'"):
        suite.only("validty")


def test_costly_checks_of_large_data_are_left_out_until_they_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = target_of(TABLE)
    small = default_suite(target)
    monkeypatch.setattr("headwater.checks.suite.LARGE_ROWS", 1)
    large = default_suite(target)
    assert small.left_out == ()
    assert {check.id for check in large.left_out} == {check.id for check in small.checks} - {
        check.id for check in large.checks
    }
    named = large.left_out[0].id
    assert [check.id for check in suite_for(target).only(named).checks] == [named]


def test_a_suite_left_without_any_check_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to check"):
        default_suite(target_of(TABLE)).only("labels.issues")


def test_sizes_and_headers_of_files_may_be_the_same_in_all_rows(tmp_path: Path) -> None:
    pytest.importorskip("av")
    for name in ("cat/a.png", "dog/b.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True)
        (tmp_path / "photos" / name).write_bytes(b"\x89PNG")
    repo = Repo.init("memory://")
    import_data(repo, "photos", tmp_path / "photos", metadata=True)
    target = Target(dataset=repo["photos"], contract=Contract(dataset="photos"))
    assert {"width", "orientation", "size_bytes"} <= set(target.schema.names)
    usual = ("completeness.null_fraction", "validity.constant")
    judged = {getattr(one, "column", None) for one in default_suite(target).checks if one.id in usual}
    assert {"path", "label"} <= judged
    assert judged.isdisjoint({"size_bytes", "format", "width", "height", "mode", "orientation"})
