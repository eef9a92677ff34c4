"""SQL over any refs at once: names of every kind, reads only, and errors that say what to do."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import CorruptObject, NotFound, StorageError, UsageError
from headwater.engine.local import LocalExecutor
from headwater.store.objects import object_path
from headwater.versions.repo import Repo
from headwater.versions.sql import query
from tests.places import Fresh


@pytest.fixture
def shop(fresh: Fresh) -> Repo:
    """A repository with datasets of all kinds of names, and a second version of ``p``."""
    made = Repo.init(fresh())
    made.executor = LocalExecutor(1)
    with made.transaction("first") as tx:
        tx.append("p", [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}, {"id": 3, "a": None}], key="id")
        for name in ("my-data", "p.quarantine", "ünï/x", "select", "2024", "a+b"):
            tx.append(name, [{"id": 1, 'ä "q"': name}], key="id")
        tx.append("void", pa.table({"v": pa.array([], pa.int64())}))
    with made.transaction("second") as tx:
        tx.upsert("p", [{"id": 1, "a": "changed"}])
        tx.delete("p", keys=[2])
    made.create_branch("fix/labels", "main~1")
    made.create_tag("v1.0", "main~1")
    return made


def rows(repo: Repo, sql: str) -> list[dict[str, Any]]:
    """Return the answer as rows."""
    found: list[dict[str, Any]] = query(repo, sql).to_pylist()
    return found


def test_versions_are_joined_and_equal_names_are_told_apart(shop: Repo) -> None:
    changed = "SELECT new.a, old.a FROM p new JOIN p@main~1 old USING (id) WHERE new.a <> old.a"
    assert rows(shop, changed) == [{"a": "changed", "a_1": "x"}]
    assert rows(shop, "SELECT id FROM p@main~1 EXCEPT SELECT id FROM p") == [{"id": 2}]
    assert rows(shop, "SELECT a AS a_1, a, a FROM p WHERE id = 3") == [{"a_1": None, "a": None, "a_2": None}]


@pytest.mark.parametrize(
    "ref",
    [
        "main~1",
        "main^",
        "HEAD~1",
        "fix/labels",
        "v1.0",
        "main~1@{2099-01-01}",
        "{2099-01-01}",
        "@{2099-01-01}",
    ],
)
def test_every_ref_expression_can_stand_behind_a_name(shop: Repo, ref: str) -> None:
    now = "{2" in ref and "~" not in ref
    for written in (f"p@{ref}", f'"p@{ref}"'):
        assert rows(shop, f"SELECT count(*) AS n FROM {written};") == [{"n": 2 if now else 3}]
        assert rows(shop, f"SELECT count(x.id) AS n FROM({written})x") == [{"n": 2 if now else 3}]


def test_a_ref_can_be_a_commit_id(shop: Repo) -> None:
    first = str(shop.resolve("v1.0"))
    for written in (first, first[:8]):
        assert rows(shop, f"SELECT count(*) AS n FROM p@{written}") == [{"n": 3}]


@pytest.mark.parametrize("name", ["my-data", "p.quarantine", "ünï/x", "select", "2024", "a+b"])
def test_names_of_every_kind_are_written_in_quotes_or_with_a_ref(shop: Repo, name: str) -> None:
    for written in (f'"{name}"', f'"{name}@main"', f"{name}@main", f"{name}@main~1"):
        assert rows(shop, f"FROM {written}") == [{"id": 1, 'ä "q"': name}]
    assert rows(shop, f'SELECT "ä ""q""" AS q FROM "{name}"') == [{"q": name}]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("'p@nope'", "p@nope"),
        ("'it''s p@nope'", "it's p@nope"),
        (r"e'it\'s p@nope'", "it's p@nope"),
        ("$$p@nope$$", "p@nope"),
        ("$x$ p@nope $$ $x$", " p@nope $$ "),
        ("/* p@nope */ 1", 1),
        ("1 -- p@nope\n", 1),
        ("@ -5", 5),
        ("[1] @> [1]", True),
    ],
)
def test_an_at_sign_in_text_comments_and_operators_means_itself(shop: Repo, sql: str, value: object) -> None:
    assert list(rows(shop, f"SELECT {sql}")[0].values()) == [value]


def test_a_quoted_name_with_an_at_sign_may_be_a_column(shop: Repo) -> None:
    assert rows(shop, 'SELECT 1 AS "ada@example.org"') == [{"ada@example.org": 1}]
    assert rows(shop, 'SELECT id AS "p@main" FROM p WHERE id = 1') == [{"p@main": 1}]


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT * FROM p", 2),
        ("FROM p", 2),
        ("TABLE p", 2),
        ("WITH q AS (SELECT * FROM p) FROM q", 2),
        ("WITH p AS (SELECT 5 AS z) FROM p", 1),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) FROM t", 3),
        ("VALUES (1), (2)", 2),
        ("PIVOT p ON a USING count(*)", 2),
        ("DESCRIBE p", 2),
        ("DESCRIBE p@main~1", 2),
        ("SUMMARIZE p", 2),
        ("SHOW TABLES", 8),
        ("EXPLAIN SELECT * FROM p", 1),
        ("EXPLAIN ANALYZE SELECT * FROM p", 1),
        ("EXPLAIN (FORMAT json) SELECT * FROM p", 1),
        ("SELECT * FROM void", 0),
        ("SELECT sum(v) FROM void", 1),
        ("SELECT * FROM P", 2),
    ],
)
def test_every_kind_of_read_runs(shop: Repo, sql: str, count: int) -> None:
    assert query(shop, sql).num_rows == count


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("INSERT INTO p VALUES (9, 'z')", "INSERT"),
        ("UPDATE p SET a = 'z'", "UPDATE"),
        ("DELETE FROM p", "DELETE"),
        ("DELETE FROM p RETURNING *", "DELETE"),
        ("CREATE TABLE t AS FROM p", "CREATE"),
        ("CREATE VIEW t AS FROM p", "CREATE"),
        ("DROP VIEW p", "DROP"),
        ("COPY p TO 'out.csv'", "COPY"),
        ("EXPORT DATABASE 'out'", "EXPORT"),
        ("ATTACH 'out.db'", "ATTACH"),
        ("INSTALL httpfs", "LOAD"),
        ("SET threads = 1", "SET"),
        ("PRAGMA show_tables", "PRAGMA"),
        ("CALL pragma_version()", "CALL"),
        ("BEGIN", "TRANSACTION"),
        ("EXPLAIN ANALYZE COPY p TO 'out.csv'", "COPY"),
        ("EXPLAIN (ANALYZE) CREATE TABLE t AS FROM p", "CREATE"),
    ],
)
def test_whatever_is_no_read_is_refused(shop: Repo, sql: str, kind: str) -> None:
    with pytest.raises(UsageError, match=f"A query reads: SELECT.* This is {kind}") as caught:
        query(shop, sql)
    assert caught.value.statement == kind


@pytest.mark.parametrize("sql", ["", " ", ";", "-- nothing", "FROM p; FROM p", "FROM p; DROP VIEW p"])
def test_a_query_is_one_statement(shop: Repo, sql: str) -> None:
    with pytest.raises(UsageError, match="A query is one statement"):
        query(shop, sql)


def test_a_query_reaches_no_files_and_writes_none(
    shop: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("id\n1\n")
    for sql in (
        "FROM 'in.csv'",
        "FROM read_csv('in.csv')",
        "FROM read_text('*')",
        "FROM glob('*')",
        "FROM 'https://nowhere.invalid/x.parquet'",
        # Since DuckDB 2 a statement that is a SELECT can write.
        "WITH w AS (COPY p TO 'out.csv') FROM w",
    ):
        with pytest.raises(UsageError, match="Import the file first: `hw import FILE`"):
            query(shop, sql)
    with pytest.raises(UsageError):
        query(shop, "WITH w AS (DELETE FROM p RETURNING *) FROM w")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("name", ["repo", "sql", "text", "names", "streams", "connection", "pa"])
def test_variables_of_the_program_are_no_tables(shop: Repo, name: str) -> None:
    with pytest.raises(NotFound, match=f"Dataset '{name}' not found"):
        query(shop, f"FROM {name}")


@pytest.mark.parametrize(
    ("sql", "error", "match"),
    [
        ("FROM my_data", NotFound, "Did you mean '\"my-data\"'"),
        ("FROM my-data", UsageError, 'as SQL writes them: .*"my-data", p'),
        ("FROM p.quarantine", UsageError, 'Write the name of dataset "p.quarantine" in quotes'),
        ("FROM p@nope", NotFound, "Ref 'nope' not found.*Refs: fix/labels, main, v1.0"),
        ('FROM "p@nope"', NotFound, "Ref 'nope' not found"),
        ("FROM p@main~9", NotFound, "reaches past commit"),
        ("FROM nope@main", NotFound, "Dataset 'nope' not found"),
        ("SELECT p@main.a FROM p@main", NotFound, r"SELECT x\.a FROM p@main x"),
        ("SELECT b FROM p", UsageError, '(?s)does not run: .*column "b" not found.*Datasets here'),
        ("SELEC * FROM p", UsageError, "(?s)does not run: .*syntax error"),
        ("SELECT a + 1 FROM p", UsageError, "does not run"),
        ("FROM p@", UsageError, "does not run"),
        ("SELECT 'open FROM p", UsageError, "unterminated"),
        ("SELECT '\udcff'", UsageError, "no Unicode text"),
        ("SELECT ?", UsageError, "Values were not provided"),
    ],
)
def test_errors_say_what_there_is(shop: Repo, sql: str, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        query(shop, sql)


def test_in_a_repository_without_commits_there_are_no_datasets(fresh: Fresh) -> None:
    empty = Repo.init(fresh())
    assert rows(empty, "SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(NotFound, match="There are no datasets yet"):
        query(empty, "FROM p")


def test_a_query_at_a_fixed_ref_sees_that_ref(shop: Repo) -> None:
    assert query(shop.at("main~1"), "FROM p").num_rows == 3
    assert query(shop.at("main~1"), "FROM p@main").num_rows == 2


def test_names_that_differ_in_case_only_are_told_apart_or_refused(shop: Repo) -> None:
    with shop.transaction("another") as tx:
        tx.append("P", [{"id": 99}], key="id")
    shop.create_branch("Main", "main~1")
    assert rows(shop, "SELECT id FROM P") == [{"id": 99}]
    assert query(shop, "FROM p").num_rows == 2
    assert query(shop, "FROM p@Main").num_rows == 2
    for sql in ("FROM p, P", "FROM p@main x, p@Main y"):
        with pytest.raises(UsageError, match="differ in the case of letters only"):
            query(shop, sql)


def test_columns_that_differ_in_case_only_are_never_mixed_up(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("t", [{"a": 1, "A": 2}])
    assert rows(repo, "FROM t") == [{"a": 1, "A_1": 2}]
    assert rows(repo, 'SELECT "A_1" FROM t') == [{"A_1": 2}]
    with pytest.raises(UsageError, match="`DESCRIBE t` shows what it calls them"):
        query(repo, "SELECT A FROM t")


def test_wide_decimals_can_be_queried(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("t", pa.table({"v": pa.array([Decimal(2), Decimal(3)], pa.decimal256(50, 0))}))
    assert rows(repo, "SELECT sum(v) AS v FROM t") == [{"v": 5.0}]


def test_an_object_that_is_broken_is_no_fault_of_the_query(place: str) -> None:
    repo = Repo.init(place)
    with repo.transaction("first") as tx:
        tx.append("t", [{"v": 1}])
    group = repo["t"].manifest.chunks[0].groups[0].object
    repo.storage.write(object_path(group), b"broken" * 100)
    with pytest.raises(StorageError) as caught:
        query(Repo.open(place), "FROM t")
    assert isinstance(caught.value, CorruptObject)


def test_times_are_utc_on_every_machine(shop: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert rows(shop, "SELECT current_setting('TimeZone') AS zone") == [{"zone": "UTC"}]
