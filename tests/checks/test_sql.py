"""Rules that are queries: one number, held against limits, from the data of the commit and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.api import Repo
from headwater.checks.base import Target
from headwater.checks.sql import Sql, _changes_by_itself
from headwater.core.contract import Contract
from headwater.core.findings import Finding, Outcome
from headwater.store.duck import connect
from tests.checks.targets import findings_of, one_finding, target_of

DATA = {"id": [1, 2, 3, 4], "x": [1.0, None, -2.0, 4.0], "Straße": ["a", "a", "b", None]}


def judged(query: str, **limits: Any) -> Finding:
    return one_finding(Sql(query=query, **limits), target_of(DATA, key="id"))


@pytest.fixture
def repo() -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("both") as tx:
        tx.append("customers", {"id": [1, 2, 3]}, key="id")
        tx.append("orders", {"number": [1, 2, 3], "customer": [1, 2, 9]}, key="number")
    return repo


def asked(repo: Repo, quality: dict[str, Any], *, of: str = "orders") -> Finding:
    document = {"kind": "DataContract", "schema": [{"name": of, "quality": [{"type": "sql", **quality}]}]}
    report = repo.check(of, contract=Contract.from_odcs(document), only=["consistency.sql"])
    (finding,) = report.findings
    return finding


@pytest.mark.parametrize(
    ("limits", "good", "bad"),
    [
        ({"equals": 4}, "count(*)", "count(*) - 1"),
        ({"not_equals": 0}, "count(*)", "0"),
        ({"minimum": 4}, "4", "3.999"),
        ({"maximum": 4}, "4.0", "4.001"),
        ({"above": 4}, "4.001", "4"),
        ({"below": 4}, "3", "4"),
        ({"minimum": 1, "maximum": 2}, "1.5", "2.5"),
        ({"outside": (1, 2)}, "2.5", "2"),
        ({"equals": True}, "count(*) > 3", "count(*) > 4"),
        ({"equals": 1}, "true", "false"),
        ({"above": 0, "below": 1e40}, "10::HUGEINT ** 30", "'nan'::DOUBLE"),
        ({"equals": 0.5}, "0.5::DECIMAL(10, 2)", "0.51::DECIMAL(10, 2)"),
        ({"not_equals": 1}, "2", "'nan'::DOUBLE"),
        ({"outside": (1, 2)}, "'inf'::DOUBLE", "'nan'::DOUBLE"),
    ],
)
def test_each_limit_decides(limits: dict[str, Any], good: str, bad: str) -> None:
    assert judged(f"SELECT {good} FROM ${{object}}" + _of(good), **limits).outcome is Outcome.PASS
    finding = judged(f"SELECT {bad} FROM ${{object}}" + _of(bad), **limits)
    assert finding.outcome is Outcome.FAIL
    assert "but must be" in finding.message


def _of(what: str) -> str:
    return "" if "count" in what else " LIMIT 1"


def test_a_finding_says_what_the_query_gives_and_what_it_must() -> None:
    finding = judged(
        "SELECT count(*) FROM ${object} WHERE ${property} < 0",
        column="x",
        equals=0,
        description="no debts",
        level="warn",
    )
    assert finding.outcome is Outcome.WARN
    assert finding.message == "The query gives 1, but must be 0: no debts."
    assert (finding.value, finding.threshold, finding.column) == (1.0, 0.0, "x")
    assert finding.evidence == {"query": 'SELECT count(*) FROM "data" WHERE "x" < 0'}


@pytest.mark.parametrize("place", ["${table}", "${object}", "{object}", '"${table}"', "data", "DATA"])
@pytest.mark.parametrize("column", ["${column}", "${property}", "{property}", '"${column}"'])
def test_places_take_the_names_of_the_dataset_and_the_column(place: str, column: str) -> None:
    query = f"SELECT count(DISTINCT {column}) FROM {place}"
    assert judged(query, column="Straße", equals=2).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", "The query does not run: Parser Error"),
        ("SELECT colour FROM ${object}", "does not run: Binder Error"),
        ("SELECT x FROM ${object}", "gives several rows of 1 column"),
        ("SELECT 1, 2", "gives 1 row of 2 columns"),
        ("SELECT 1 WHERE false", "gives no row of 1 column"),
        ("SELECT NULL", "gives null; it must give one number"),
        ("SELECT 'a'", "gives 'a'; it must give one number"),
        ("SELECT INTERVAL 1 DAY", "it must give one number"),
        ("SELECT 'x'::INT", "does not run: Conversion Error"),
        ("", "A query is one statement. There is none"),
        ("SELECT 1; SELECT 2", "A query is one statement. These are 2"),
        ("SELECT count(${column}) FROM ${object}", "the rule is not about a column"),
        ("SELECT count(*) FROM elsewhere", "There is no dataset 'elsewhere' here"),
        ("EXPLAIN SELECT 1", "it must give one number"),
    ],
)
def test_queries_that_give_no_number_are_told(query: str, message: str) -> None:
    finding = judged(query, equals=0)
    assert finding.outcome is Outcome.ERROR
    assert message in finding.message


def test_a_column_that_is_not_there_and_limits_that_are_none_are_told() -> None:
    lost = judged("SELECT 1", column="colour", equals=1)
    assert (lost.outcome, "colour" in lost.message) == (Outcome.FAIL, True)
    assert "not said what the query must give" in judged("SELECT 1").message
    assert "outside is two numbers" in judged("SELECT 1", outside=(3, 1)).message


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{path}'",
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO ${{object}} VALUES (9, 1, 'c')",
        "DELETE FROM ${{object}}",
        "ATTACH '{path}' AS other",
        "SET enable_external_access = true",
        "PRAGMA version",
        "INSTALL httpfs",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{path}'",
        "SELECT count(*) FROM read_csv('{known}')",
        "SELECT count(*) FROM '{known}'",
        "SELECT count(*) FROM glob('/*')",
        "SELECT length(content) FROM read_text('{known}')",
    ],
)
def test_a_query_writes_and_reads_no_files(query: str, tmp_path: Path) -> None:
    known = tmp_path / "known.csv"
    known.write_text("a\n1\n")
    path = tmp_path / "written"
    finding = judged(query.format(path=path, known=known), equals=0)
    assert finding.outcome is Outcome.ERROR, finding
    assert not path.exists()


def test_names_that_sql_takes_for_one_are_refused() -> None:
    target = target_of(pa.table({"a": [1], "A": [2]}))
    finding = one_finding(Sql(query='SELECT "A" FROM data', equals=2), target)
    assert "does not tell the columns" in finding.message


def test_without_rows_a_null_passes_and_a_count_counts() -> None:
    target = target_of(pa.table({"x": pa.array([], pa.int64())}))
    empty = one_finding(Sql(query="SELECT max(x) FROM data", above=0), target)
    assert (empty.outcome, empty.message) == (
        Outcome.PASS,
        "There are no rows that the query could judge.",
    )
    assert one_finding(Sql(query="SELECT count(*) FROM data", above=0), target).outcome is Outcome.FAIL


def test_a_contract_asks_in_the_words_of_the_standard(repo: Repo) -> None:
    query = "SELECT count(*) FROM ${object} o ANTI JOIN customers c ON o.customer = c.id"
    finding = asked(repo, {"query": query, "mustBe": 0, "severity": "warning"})
    assert (finding.outcome, finding.value) == (Outcome.WARN, 1.0)
    finding = asked(repo, {"query": query, "mustBeBetween": [0, 1]})
    assert finding.outcome is Outcome.PASS


def test_what_it_gave_is_kept_until_something_that_it_reads_changes(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    quality = {
        "query": "SELECT count(*) FROM ${object} WHERE customer NOT IN (SELECT id FROM customers)",
        "mustBe": 0,
    }
    ran = []
    whole = Sql._answer

    def noted(self: Sql, target: Target) -> Any:
        ran.append(1)
        return whole(self, target)

    monkeypatch.setattr(Sql, "_answer", noted)
    assert asked(repo, quality).value == 1
    assert asked(repo, quality).value == 1
    assert len(ran) == 1
    with repo.transaction("the other side") as tx:
        tx.append("customers", {"id": [9]})
    assert asked(repo, quality).value == 0
    assert len(ran) == 2


def test_a_query_that_asks_for_the_time_is_asked_again() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    first = target_of({"seen": [now]}, now=now)
    for query, changes in (
        ("SELECT count(*) FROM data WHERE seen < now()", True),
        ("SELECT count(*) FROM data WHERE seen < CURRENT_DATE", True),
        ("SELECT avg(x) FROM data USING SAMPLE 10", True),
        ("SELECT count(*) FROM data WHERE random() < 1", True),
        ("SELECT count(*) FROM data", False),
        ("SELECT count(*) FROM data WHERE knowledge > 0", False),
    ):
        with connect() as connection:
            assert _changes_by_itself(query, connection) == changes
    check = Sql(query="SELECT count(*) FROM data WHERE seen < now()", minimum=0)
    later = target_of({"seen": [now]}, now=now + timedelta(days=1))
    assert check.depends_on(first) != check.depends_on(later)


def test_types_that_duckdb_lacks_and_large_tables_do() -> None:
    wide = pa.table(
        {
            "d": pa.array([Decimal("1.5")] * 3, pa.decimal256(50, 2)),
            "v": pa.array([[1.0, 2.0]] * 3, pa.list_(pa.float32(), 2)),
            "b": pa.array([b"\x00"] * 3, pa.binary()),
        }
    )
    query = "SELECT sum(d) + sum(v[1]) + sum(octet_length(b)) FROM data"
    (finding,) = findings_of(Sql(query=query, equals=10.5), target_of(wide))
    assert finding.outcome is Outcome.PASS, finding.message
    many = target_of(pa.table({"n": pa.array(range(300_000))}))
    assert one_finding(Sql(query="SELECT sum(n) FROM data", equals=44999850000), many).value == 44999850000


@pytest.mark.parametrize("tail", ["", ";", " ; -- the end", "\n/* ; */ ;;\n", " -- ä;"])
def test_semicolons_and_comments_behind_a_query_do_no_harm(tail: str) -> None:
    query = "SELECT count(*) -- all; of them\nFROM ${object} WHERE 'ö;' <> ';'" + tail
    assert judged(query, equals=4).outcome is Outcome.PASS


def test_an_error_is_one_line_and_text_that_is_none_is_told() -> None:
    message = judged("SELECT colour\nFROM ${object}", equals=1).message
    assert "\n" not in message
    assert message.endswith('Query: SELECT colour FROM "data".')
    assert "no Unicode text" in judged("SELECT '\ud800'", equals=1).message
