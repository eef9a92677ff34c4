"""SQL over any refs at once: ``SELECT … FROM reviews@main~1 JOIN reviews USING (id)``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from headwater.core.errors import UsageError

if TYPE_CHECKING:
    from headwater.store.dataset import Dataset
    from headwater.store.repo import Repo

__all__ = ["query"]

# String literals and quoted names are skipped, so that an @ inside them means itself.
_TOKEN = re.compile(
    r"'(?:[^']|'')*'"
    r'|"(?P<quoted>[^"@]+)@(?P<quoted_ref>[^"]+)"|"(?:[^"]|"")*"'
    r"|--[^\n]*|/\*.*?\*/"
    r"|\b(?P<name>[A-Za-z_][\w.\-/]*)@(?P<ref>(?:[\w./~^+-]|@\{[^}]*\}|\{[^}]*\})+)",
    re.DOTALL,
)


def query(repo: Repo, sql: str) -> pa.Table:
    """Run a SQL query, in DuckDB's dialect, over datasets of the repository.

    Parameters
    ----------
    repo : Repo
        The repository; a plain name means the dataset here.
    sql : str
        The query. ``NAME@REF`` is dataset ``NAME`` as it was at ``REF``; quote it (``"a-b@main"``) where the
        name is no plain word.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    UsageError
        If DuckDB cannot run the query.
    NotFound
        If a dataset or ref is not there.
    """
    tables: dict[str, Dataset] = {name: repo[name] for name in repo.datasets()}

    def named(match: re.Match[str]) -> str:
        name = match["name"] or match["quoted"]
        ref = match["ref"] or match["quoted_ref"]
        if not name:
            return match.group()
        alias = f"{name}@{ref}"
        tables[alias] = repo.at(ref)[name]
        return '"' + alias.replace('"', '""') + '"'

    text = _TOKEN.sub(named, sql)
    with duckdb.connect() as connection:
        for name, dataset in tables.items():
            connection.register(name, dataset)
        try:
            relation = connection.sql(text)
            if relation is None:
                raise UsageError(
                    "This statement returns nothing. A query of a repository is a SELECT.", sql=sql
                )
            return _distinct_names(relation.to_arrow_table())
        except duckdb.Error as error:
            known = ", ".join(repo.datasets()) or "none"
            raise UsageError(
                f"The query does not run: {str(error).strip()}\nDatasets here: {known}.", sql=sql
            ) from error


def _distinct_names(table: pa.Table) -> pa.Table:
    """Return the table with a number behind each column name that stands before it already."""
    names: list[str] = []
    for name in table.schema.names:
        fresh, count = name, 1
        while fresh in names:
            fresh, count = f"{name}_{count}", count + 1
        names.append(fresh)
    return table.rename_columns(names)
