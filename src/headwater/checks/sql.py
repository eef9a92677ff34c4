"""``consistency.sql``: a query over the whole dataset gives one number, which keeps to limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import duckdb

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import judged
from headwater.core.errors import HeadwaterError, UsageError
from headwater.core.findings import Finding
from headwater.core.schema import require_columns
from headwater.profile.base import Measure
from headwater.profile.quoting import identifier
from headwater.reading.dataset import Dataset
from headwater.reading.relation import Relation
from headwater.store.duck import connect, lower_ascii
from headwater.versions.sql import absent_table, bare, refuse_unclear_columns, refuse_unless_read

__all__ = ["Sql"]

Number = int | float | Decimal

_PLACES = re.compile(r'(?P<quote>"?)\$?\{\s*(?P<name>object|table|property|column)\s*\}(?P=quote)')
# Beside the functions that DuckDB calls so: keywords, and a function that is so with one argument.
_CHANGING = r"current_time|current_timestamp|localtime|localtimestamp|sample|tablesample|age\s*\("


@CHECKS.register("consistency.sql")
@dataclass(frozen=True, kw_only=True)
class Sql(Check):
    """A SQL query over the dataset gives one number (or true or false), which keeps to every limit given.

    Parameters
    ----------
    query : str
        One statement that reads, in DuckDB's dialect. ``${object}`` (or ``${table}``) is the dataset,
        ``${property}`` (or ``${column}``) the column, both quoted as they need. Other datasets of the same commit
        go by their names.
    column : str, optional
        The column that the query is about.
    equals, not_equals : float, optional
        What it must, or must not, give. True counts as 1, false as 0.
    minimum, maximum : float, optional
        The least and the greatest it may give.
    above, below : float, optional
        What it must be greater, or less, than.
    outside : tuple of float, optional
        Two numbers; what it gives is neither one of them nor between them.
    description : str
        What it means, for messages.
    level : {"warn", "fail"}
        The outcome where a limit is broken.

    Notes
    -----
    The query reads its columns anew in all rows when any of them changed: use ``consistency.rule`` for what a
    row says of itself. What it gave is kept by the content of all that it reads; not where it asks for the time
    or chance. It sees datasets of the commit and nothing else: no files, no network.
    """

    id = "consistency.sql"
    title = "Answers out of limits"
    cost = "rows"

    query: str
    column: str | None = None
    equals: float | None = None
    not_equals: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    outside: tuple[float, ...] | None = None
    description: str = ""
    level: Level = "fail"

    def depends_on(self, target: Target) -> str:
        """Name the dataset, the rows of others that the query reads, and the time where it asks for it."""
        try:
            with self._prepared(target) as prepared:
                others = [f"{name}={other.fingerprint}" for name, other in sorted(prepared.others.items())]
                changes = _changes_by_itself(self.query, prepared.connection)
        except HeadwaterError:
            return ""  # The judge tells it.
        return "\n".join([target.dataset.name, *others, *([target.now.isoformat()] if changes else [])])

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Ask for nothing, but refuse a query that cannot run; nothing is read for that."""
        self._limits()
        with self._prepared(target):
            return []

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Run the query, and hold what it gives against the limits."""
        limits = self._limits()
        number = self._answer(target)
        facts: dict[str, Any] = {"column": self.column, "evidence": {"query": self._text(target)}}
        about = f": {self.description.rstrip('.')}." if self.description else "."
        if number is None:
            return [judged(self, False, f"There are no rows that the query could judge{about}", **facts)]
        broken = [words for words, holds in limits if not holds(number)]
        wanted = broken or [words for words, _ in limits]
        return [
            judged(
                self,
                bool(broken),
                f"The query gives {_shown(number)}, {'but' if broken else 'and'} must be "
                f"{' and '.join(wanted)}{about}",
                severity=0.5,
                value=float(number),
                threshold=self._threshold(),
                **facts,
            )
        ]

    def _limits(self) -> list[tuple[str, _Holds]]:
        """Return the limits given, in words and as conditions."""
        if self.outside is not None and (len(self.outside) != 2 or self.outside[0] > self.outside[1]):
            raise UsageError(
                f"outside is two numbers, the smaller one first, not {list(self.outside)}.", check=self.id
            )
        limits = [
            (f"{words} {_shown(limit)}".strip(), _Holds(kind, limit))
            for words, kind, limit in (
                ("", "equals", self.equals),
                ("other than", "not_equals", self.not_equals),
                ("at least", "minimum", self.minimum),
                ("at most", "maximum", self.maximum),
                ("greater than", "above", self.above),
                ("less than", "below", self.below),
            )
            if limit is not None
        ]
        if self.outside is not None:
            low, high = self.outside
            limits.append((f"outside {_shown(low)} to {_shown(high)}", _Holds("outside", low, high)))
        if not limits:
            raise UsageError(
                "It is not said what the query must give. Name equals, not_equals, minimum, maximum, above, below "
                "or outside (in a rule of type sql: mustBe, mustBeGreaterThan, …).",
                check=self.id,
            )
        return limits

    def _threshold(self) -> float | None:
        given = [self.equals, self.not_equals, self.minimum, self.maximum, self.above, self.below]
        numbers = [float(one) for one in given if one is not None]
        return numbers[0] if len(numbers) == 1 and self.outside is None else None

    def _text(self, target: Target) -> str:
        """Return the query with the names of this dataset and column."""

        def named(match: re.Match[str]) -> str:
            if match["name"] in ("object", "table"):
                return identifier(target.dataset.name)
            if self.column is None:
                raise UsageError(
                    f"The query names {match.group()}, but the rule is not about a column. Move it to the property, "
                    "or write the name of the column.",
                    check=self.id,
                )
            return identifier(self.column)

        try:
            return bare(_PLACES.sub(named, self.query))
        except UnicodeEncodeError as error:
            raise UsageError(f"The query is no Unicode text: {error}.", check=self.id) from error

    def _answer(self, target: Target) -> Number | None:
        """Return what the query gives; None for null where there are no rows."""
        with self._prepared(target) as prepared:
            columns = prepared.answer.columns
            rows = prepared.answer.limit(2).fetchall()
        if len(columns) != 1 or len(rows) != 1:
            shape = "no row" if not rows else "1 row" if len(rows) == 1 else "several rows"
            raise self._no_number(f"{shape} of {len(columns)} column{'s' * (len(columns) != 1)}")
        value = rows[0][0]
        if value is None and not target.dataset.num_rows:
            return None
        if not isinstance(value, bool | int | float | Decimal):
            raise self._no_number("null" if value is None else f"{value!r}")
        return value

    def _no_number(self, given: str) -> UsageError:
        return UsageError(
            f"The query gives {given}; it must give one number, such as SELECT count(*) FROM ${{object}} WHERE …: "
            f"{' '.join(self.query.split())}",
            check=self.id,
        )

    @contextmanager
    def _prepared(self, target: Target) -> Iterator[_Prepared]:
        """Open a database in which the query reads this dataset, and the others that it names."""
        if self.column is not None:
            require_columns(target.schema, [self.column], where=f"dataset {target.dataset.name!r}")
        text = self._text(target)
        with connect() as connection:
            prepared = _Prepared(connection)
            for name in _names_of(target):
                prepared.add(name, target.dataset)
            try:
                refuse_unless_read(connection, text, self.query)
                prepared.ask(text, target)
                refuse_unclear_columns(prepared.tables, text)
                yield prepared
            except duckdb.Error as error:
                broken = next((one.error for one in prepared.relations if one.error), None)
                raise broken or UsageError(
                    f"The query does not run: {_reason(error)}. Query: {' '.join(text.split())}",
                    check=self.id,
                ) from error


@dataclass(frozen=True, slots=True)
class _Holds:
    """A condition on a number."""

    kind: str
    limit: float
    high: float = 0.0

    def __call__(self, number: Number) -> bool:
        limit = self.limit
        match self.kind:
            case "equals":
                return number == limit
            case "not_equals":
                # A NaN is no number that could be another one.
                return number < limit or number > limit
            case "minimum":
                return number >= limit
            case "maximum":
                return number <= limit
            case "above":
                return number > limit
            case "below":
                return number < limit
        return number < limit or number > self.high


@dataclass
class _Prepared:
    """A query in a database, with the datasets that it reads."""

    connection: duckdb.DuckDBPyConnection
    tables: dict[str, Dataset] = field(default_factory=dict)
    others: dict[str, Dataset] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)

    def add(self, name: str, dataset: Dataset) -> None:
        relation = dataset.relation()
        self.connection.register(name, relation)
        self.tables[name] = dataset
        self.relations.append(relation)

    def ask(self, text: str, target: Target) -> None:
        """Find the datasets that the query names beside its own; DuckDB knows its grammar best."""
        while True:
            try:
                answer = self.connection.sql(text)
                break
            except duckdb.CatalogException as error:
                name = absent_table(error)
                if name is None or name in self.tables:
                    raise
                self.others[name] = target.beside(name)
                self.add(name, self.others[name])
        if answer is None:
            raise UsageError(f"This statement returns nothing; a query is a SELECT: {text}")
        self.answer: duckdb.DuckDBPyRelation = answer


def _names_of(target: Target) -> list[str]:
    """Return what a query may call the dataset: its name here, and those that the contract gives it."""
    said = target.contract.kept.get("table", {}).get("physicalName")
    names = [target.dataset.name, target.contract.dataset, *([said] if isinstance(said, str) else [])]
    return list({lower_ascii(name): name for name in reversed(names) if name}.values())


def _changes_by_itself(query: str, connection: duckdb.DuckDBPyConnection) -> bool:
    """Say whether a query may give another number for the same rows: by time or chance."""
    found = connection.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    ).fetchall()
    words = "|".join(re.escape(name) for (name,) in found)
    return re.search(rf"(?<!\w)(?:(?:{words})(?!\w)|(?:{_CHANGING}))", query, re.IGNORECASE) is not None


def _reason(error: duckdb.Error) -> str:
    """Return what DuckDB says is wrong, on one line; the query itself is shown beside it."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split()).rstrip(".")


def _shown(number: Number) -> str:
    if isinstance(number, bool):
        return "true" if number else "false"
    return f"{number:,}" if isinstance(number, int) else f"{float(number):.6g}"
