"""SQL over any refs at once: ``SELECT … FROM reviews@main~1 JOIN reviews USING (id)``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from headwater.core.errors import NotFound, UsageError
from headwater.store.duck import connect, equal_but_for_case

if TYPE_CHECKING:
    from headwater.reading.dataset import Dataset
    from headwater.reading.relation import Relation
    from headwater.versions.repo import Repo

__all__ = ["absent_table", "bare", "query", "refuse_unclear_columns", "refuse_unless_read"]

# Text, comments and quoted names are skipped, so that an @ inside them means itself.
_TOKEN = re.compile(
    r"\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'"
    r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"
    r"|--[^\n]*|/\*.*?\*/"
    r'|"(?P<quoted>[^"@]+)@(?P<quoted_ref>[^"]+)"|"(?:[^"]|"")*"'
    r"|(?<![\w.])(?P<name>\w[\w.+\-/]*)@(?P<ref>(?:[\w./~^+-]|@?\{[^}]*\})+)",
    re.DOTALL,
)
_EXPLAIN = re.compile(r"\s*EXPLAIN\b(?:\s+ANALYZE\b)?(?:\s*\([^()]*\))?", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_READS = {"SELECT", "MULTI"}
_SHOW = re.compile(r"\bSHOW\b", re.IGNORECASE)
_NO_TABLE = re.compile(r"Table with name (.+?) does not exist")
_MISSING_FILE = "file system operations are disabled"


def query(repo: Repo, sql: str) -> pa.Table:
    """Run a SQL query, in DuckDB's dialect, over datasets of the repository.

    Parameters
    ----------
    repo : Repo
        The repository; a plain name means the dataset here.
    sql : str
        One statement that reads: ``SELECT``, ``WITH``, ``FROM``, ``VALUES``, ``PIVOT``, ``DESCRIBE``,
        ``SUMMARIZE``, ``SHOW``, ``EXPLAIN``. ``NAME@REF`` is dataset ``NAME`` as it was at ``REF``. Quote it
        where the name is no plain word: ``"my-data"``, ``"my-data@main"``.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    UsageError
        If DuckDB cannot run the query, or it does more than read.
    NotFound
        If a dataset or ref is not there.

    Notes
    -----
    The query sees the datasets of the repository and nothing else: no files, no network. Times are UTC. Of each
    dataset, the columns that it uses are read, in the chunks whose statistics do not rule its condition out.
    """
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"The query is no Unicode text: {error}.", sql=sql) from error
    names, lost = _Names(repo), {}

    def named(match: re.Match[str]) -> str:
        name, ref = match["name"] or match["quoted"], match["ref"] or match["quoted_ref"]
        if not name:
            return match.group()
        ref = f"@{ref}" if ref.startswith("{") else ref
        alias = f"{name}@{ref}"
        try:
            names.add(alias, repo.at(ref, dataset=name)[name])
        except NotFound as error:
            if match["name"]:
                raise _taught(error, name, ref) from error
            # A quoted name with an @ may be a column: it is an error when the query wants it as a table.
            lost[alias] = error
        return '"' + alias + '"'

    text = bare(_TOKEN.sub(named, sql))
    names.add_mentioned(text)
    refuse_unclear_columns(names.tables, text)
    with connect() as connection:
        relations = {name: dataset.relation() for name, dataset in names.tables.items()}
        for name, relation in relations.items():
            connection.register(name, relation)
        try:
            refuse_unless_read(connection, text, sql)
            answer = connection.sql(text)
            if answer is None:
                raise UsageError("This statement returns nothing; a query is a SELECT.", sql=sql)
            return _distinct_names(answer.to_arrow_table())
        except duckdb.Error as error:
            raise _translated(error, repo, sql, lost, relations) from error


class _Names:
    """The datasets that a query may mean, by the name it uses."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self.tables: dict[str, Dataset] = {}

    def add(self, alias: str, dataset: Dataset) -> None:
        """Take a dataset in, unless DuckDB could not tell its name from that of another one."""
        for twins in equal_but_for_case({*self.tables, alias}):
            raise UsageError(
                f"SQL does not tell {' and '.join(twins)} apart, which differ in the case of letters only. "
                "Name one of them by the id of a commit, such as NAME@3f2a91c, or use them in two queries."
            )
        self.tables[alias] = dataset

    def add_mentioned(self, text: str) -> None:
        """Take in the datasets here that ``text`` mentions; of names that SQL takes for one, those spelled so."""
        lower, every = text.lower(), bool(_SHOW.search(text))
        mentioned = [name for name in self._repo.datasets() if every or name.lower() in lower]
        unclear = {name for group in equal_but_for_case(mentioned) for name in group}
        for name in mentioned:
            first = every and not any(equal_but_for_case([name, other]) for other in self.tables)
            if name not in unclear or first or re.search(rf"(?<!\w){re.escape(name)}(?![\w@])", text):
                self.add(name, self._repo[name])


def refuse_unclear_columns(tables: Mapping[str, Dataset], text: str) -> None:
    """Refuse a column that SQL would take for another one, whose name differs in the case of letters.

    Parameters
    ----------
    tables : mapping of str to Dataset
        The datasets that a query reads, by the name it uses.
    text : str
        The query.

    Raises
    ------
    UsageError
        If it names such a column.
    """
    for alias, dataset in tables.items():
        for group in equal_but_for_case(dataset.schema.names):
            if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in group[1:]):
                raise UsageError(
                    f"SQL does not tell the columns {' and '.join(map(repr, group))} of {alias} apart. "
                    f"`DESCRIBE {_as_written(alias)}` shows what it calls them.",
                    columns=list(group),
                )


def bare(text: str) -> str:
    """Return a statement without the semicolons and comments behind it, which a relation of DuckDB does not take."""
    data = text.encode()
    end = len(data)
    for place, kind in reversed(duckdb.tokenize(text)):
        if kind != duckdb.token_type.comment and data[place : place + 1] != b";":
            break
        end = place
    return data[:end].decode().strip()


def absent_table(error: duckdb.Error) -> str | None:
    """Return the table that a query names and DuckDB does not know, if that is what it complains of."""
    found = _NO_TABLE.search(str(error))
    return found[1] if found else None


def refuse_unless_read(connection: duckdb.DuckDBPyConnection, text: str, sql: str) -> None:
    """Refuse what is not one statement that reads.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where it would run.
    text : str
        The statement.
    sql : str
        The statement as it was given, for errors.

    Raises
    ------
    UsageError
        If it is none, several, or does more than read.
    """
    statements = connection.extract_statements(text)
    if len(statements) != 1:
        found = f"These are {len(statements)}" if statements else "There is none"
        raise UsageError(f"A query is one statement. {found}.", sql=sql)
    kind = statements[0].type.name
    if kind == "EXPLAIN":
        # What is explained may run, so it must be a read as well.
        refuse_unless_read(connection, _EXPLAIN.sub("", statements[0].query, count=1), sql)
    elif kind not in _READS:
        raise UsageError(
            f"A query reads: SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW. This is {kind}. "
            "Write answers to a file with `hw sql … -o FILE`, and change data with `hw import`, `hw clean` or a "
            "transaction.",
            sql=sql,
            statement=kind,
        )


def _taught(error: NotFound, name: str, ref: str) -> NotFound:
    """Return the error with a hint where a column seems to be meant: ``reviews@main.stars``."""
    table, dot, column = ref.rpartition(".")
    if not dot or error.facts.get("kind") == "dataset":
        return error
    return NotFound(
        f"{error.message} If {column!r} is a column of {name}@{table}, give the dataset a short name: "
        f"SELECT x.{column} FROM {name}@{table} x.",
        **error.facts,
    )


def _translated(
    error: duckdb.Error, repo: Repo, sql: str, lost: dict[str, NotFound], relations: dict[str, Relation]
) -> Exception:
    """Return the error that says what to do about it."""
    reason = str(error).strip()
    broken = next((relation.error for relation in relations.values() if relation.error), None)
    if broken:
        return broken
    known = [_as_written(name) for name in repo.datasets()]
    absent = absent_table(error)
    if absent and absent in known:
        return UsageError(f"Write the name of dataset {absent} in quotes, as here.", sql=sql)
    if absent and isinstance(error, duckdb.CatalogException):
        return lost.get(absent) or NotFound.among("dataset", absent, known)
    if _MISSING_FILE in reason:
        reason += "\nA query reads the repository only. Import the file first: `hw import FILE`."
    listed = ", ".join(known) or "none"
    return UsageError(
        f"The query does not run: {reason}\nDatasets here, as SQL writes them: {listed}.", sql=sql
    )


def _as_written(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f'"{name}"'


def _distinct_names(table: pa.Table) -> pa.Table:
    """Return the table with a number behind each column name that stands before it already."""
    given = set(table.schema.names)
    fresh: dict[str, None] = {}
    for name in table.schema.names:
        other, count = name, 0
        while other in fresh or (count and other in given):
            count += 1
            other = f"{name}_{count}"
        fresh[other] = None
    return table.rename_columns(list(fresh))
