"""Which chunks a condition can hold in, by their statistics, and which columns it needs.

A SQL condition is read as DuckDB parses it. Of each chunk a second condition asks whether the first may be
true, or false, of any of its rows: ``price > 3`` may be true where the maximum is above 3. DuckDB answers it for
all chunks at once, over a table with one row a chunk, so that constants are converted and compared as they are
in the rows. What it cannot tell counts as "may be".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.store.bounds import bounds, has_bounds, is_number, is_text
from headwater.store.chunk import Chunk, live_mask, read_chunk
from headwater.store.chunklist import Entry
from headwater.store.duck import lower_ascii, shared_session
from headwater.store.objects import Objects
from headwater.store.values import where_holds

__all__ = ["Condition", "analyse", "may_hold", "read_matching"]

_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
# What has no rows, variables or names of its own. With anything else, all columns are read.
_PLAIN_CLASSES = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "OPERATOR",
    "TYPE",
}
_NUMBER_TYPES = {
    *("TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    *("UBIGINT", "REAL", "FLOAT", "DOUBLE"),
}
_TIME_TYPES = {
    *("DATE", "TIMESTAMP", "DATETIME", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"),
    *("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),
}
_TEXT_TYPES = {"VARCHAR", "TEXT", "STRING"}
_PREFIX_FUNCTIONS = {"starts_with", "prefix", "^@"}
_LIKE = "~~"
_FEW = 16
"""Of more values than these in a list, only the least and the greatest are compared."""
_UNKNOWN = "true"
_NEVER = "false"


@dataclass(frozen=True, slots=True)
class Condition:
    """A SQL condition over the columns of one row, and what is known about it.

    Parameters
    ----------
    text : str
        The condition.
    columns : tuple of str
        The columns to read for it.
    may_be_true : str
        A SQL condition over the statistics of a chunk (`may_hold`): false where no row can satisfy ``text``.
    asked : tuple of str
        The columns whose statistics that needs.
    """

    text: str
    columns: tuple[str, ...]
    may_be_true: str = _UNKNOWN
    asked: tuple[str, ...] = ()


def analyse(where: str, schema: pa.Schema, dataset: str) -> Condition:
    """Read a condition that DuckDB accepts for rows of ``schema``.

    Parameters
    ----------
    where : str
        The condition, in DuckDB's dialect.
    schema : pyarrow.Schema
        The columns of the dataset.
    dataset : str
        Its name, by which columns may be called: ``reviews.id``.

    Returns
    -------
    Condition
        With all columns, and nothing to tell from statistics, where the condition is beyond what is understood.
    """
    try:
        tree = _parsed(where)
        reader = _Reader(schema, dataset)
        if tree is None or not reader.collect(tree):
            return Condition(where, tuple(schema.names))
        possible = reader.true(tree)
    except RecursionError:
        return Condition(where, tuple(schema.names))
    # A condition without columns still needs to know how many rows there are.
    names = [name for name in schema.names if name in reader.needed] or schema.names[:1]
    return Condition(where, tuple(names), possible, tuple(reader.asked))


def may_hold(condition: Condition, chunks: Sequence[Entry], schema: pa.Schema) -> NDArray[np.bool_]:
    """Return, for each chunk, whether the condition may hold for one of its rows.

    Parameters
    ----------
    condition : Condition
        From `analyse`, for the same schema.
    chunks : sequence of Chunk or Page
        The chunks, or pages of them.
    schema : pyarrow.Schema
        The columns of the dataset.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        False only where no row, deleted or not, can satisfy it.

    Notes
    -----
    Deleted rows are part of the statistics, and floats leave NaN out, which DuckDB takes for the greatest
    number: a bound that may not hold for them counts as unknown.
    """
    if condition.may_be_true == _UNKNOWN or not len(chunks):
        return np.ones(len(chunks), np.bool_)
    table = bounds(chunks, [schema.field(name) for name in condition.asked])
    found = np.zeros(len(chunks), np.bool_)
    with shared_session() as session:
        try:
            rows = session.from_arrow(table).filter(duckdb.SQLExpression(condition.may_be_true))
            found[np.asarray(rows.project("n").to_arrow_table().column(0))] = True
        except duckdb.Error:
            # A bound that cannot be converted, such as a date beyond the times of the other side.
            return np.ones(len(chunks), np.bool_)
    return found


def read_matching(
    chunk: Chunk,
    schema: pa.Schema,
    objects: Objects,
    condition: Condition,
    *,
    columns: Sequence[str],
    dataset: str,
) -> pa.Table:
    """Return the live rows of a chunk for which a condition holds.

    The columns of the condition are read first, the others only where it holds for a row. Of those, the whole
    column of the chunk is read: pyarrow writes the page index of a Parquet file and uses it for nothing.

    Parameters
    ----------
    chunk : Chunk
        The chunk.
    schema : pyarrow.Schema
        The dataset's schema.
    objects : Objects
        Where from.
    condition : Condition
        From `analyse`.
    columns : sequence of str
        The columns to return.
    dataset : str
        Name of the dataset, for the condition and for messages.

    Returns
    -------
    pyarrow.Table
    """
    seen = read_chunk(chunk, schema, objects, columns=condition.columns)
    rows = where_holds(seen, condition.text, dataset, objects if chunk.has_large else None)
    every = len(rows) == seen.num_rows
    found = seen if every else seen.take(pa.array(rows))
    rest = [name for name in columns if name not in condition.columns]
    if rest and len(rows):
        positions = None if every else np.flatnonzero(live_mask(chunk, objects))[rows]
        more = read_chunk(chunk, schema, objects, columns=rest, rows=positions)
        for name in rest:
            found = found.append_column(schema.field(name), more.column(name))
    if not len(rows):
        return pa.schema([schema.field(name) for name in columns]).empty_table()
    if not columns:
        # Arrow forgets how many rows a table without columns has when it takes some.
        return pa.table({"_": pa.nulls(len(rows))}).select([])
    return found.select(list(columns))


def _parsed(where: str) -> Any:
    """Return the tree of the condition, or None if it is not one expression by itself."""
    with shared_session() as session:
        text = session.execute("SELECT json_serialize_sql(?)", [f"SELECT 1 WHERE {where}"]).fetchone()
    parsed: dict[str, Any] = json.loads(text[0]) if text else {"error": True}
    if parsed["error"] or len(parsed["statements"]) != 1:
        return None
    node = parsed["statements"][0]["node"]
    more = ("modifiers", "group_expressions", "group_sets", "having", "qualify", "sample")
    if node["type"] != "SELECT_NODE" or node["from_table"]["type"] != "EMPTY" or any(map(node.get, more)):
        return None
    return node["where_clause"]


class _Reader:
    """Turns the tree of a condition into one over statistics.

    Those of column number ``i`` are called as `headwater.store.bounds.bounds` calls them.
    """

    def __init__(self, schema: pa.Schema, dataset: str) -> None:
        self._schema, self._dataset = schema, lower_ascii(dataset)
        self._names = {lower_ascii(name): name for name in schema.names}
        self.needed: set[str] = set()
        self.asked: list[str] = []

    def collect(self, tree: Any) -> bool:
        """Note the columns that are named; say whether that is all the condition can see."""
        for node in _nodes(tree):
            if node.get("class", "TYPE") not in _PLAIN_CLASSES:
                return False
            if node.get("class") == "COLUMN_REF":
                parts = [lower_ascii(part) for part in node["column_names"]]
                found = [self._names[part] for part in parts if part in self._names]
                if not found:
                    return False
                self.needed.update(found)
        return True

    def true(self, node: Any) -> str:
        """Return the condition under which ``node`` may be true."""
        return self._possible(node, want=True)

    def _possible(self, node: Any, *, want: bool) -> str:
        match node["class"], node["type"]:
            case "CONJUNCTION", kind:
                parts = [self._possible(child, want=want) for child in node["children"]]
                return _all(parts) if (kind == "CONJUNCTION_AND") == want else _any(parts)
            case "OPERATOR", "OPERATOR_NOT":
                return self._possible(node["children"][0], want=not want)
            case "OPERATOR", "OPERATOR_IS_NULL" | "OPERATOR_IS_NOT_NULL" as kind:
                column = self._plain_column(node["children"][0])
                return _UNKNOWN if column is None else f"{'uv'[(kind == 'OPERATOR_IS_NULL') != want]}{column}"
            case "OPERATOR", "COMPARE_IN" | "COMPARE_NOT_IN" as kind:
                left, rest = node["children"][0], list(node["children"][1:])
                wanted = (kind == "COMPARE_IN") == want
                if len(rest) > _FEW:
                    return self._within(left, rest) if wanted else _UNKNOWN
                parts = [self._compared(left, "=" if wanted else "<>", right) for right in rest]
                return _any(parts) if wanted else _all(parts)
            case "BETWEEN", "COMPARE_BETWEEN" | "COMPARE_NOT_BETWEEN" as kind:
                inside = (kind == "COMPARE_BETWEEN") == want
                signs = (">=", "<=") if inside else ("<", ">")
                bounds = (node["lower"], node["upper"])
                parts = [
                    self._compared(node["input"], sign, bound)
                    for sign, bound in zip(signs, bounds, strict=True)
                ]
                return _all(parts) if inside else _any(parts)
            case "COMPARISON", kind if kind in _COMPARISONS:
                sign = _COMPARISONS[kind] if want else _OPPOSITE[_COMPARISONS[kind]]
                if self._column(node["left"]) is None:
                    return self._compared(node["right"], _MIRRORED[sign], node["left"])
                return self._compared(node["left"], sign, node["right"])
            case "COLUMN_REF", _:
                column = self._plain_column(node)
                if column is None or not pa.types.is_boolean(self._kind(column)):
                    return _UNKNOWN
                return f"(v{column} AND coalesce({f'h{column}' if want else f'NOT l{column}'}, true))"
            case "FUNCTION", _ if want:
                return self._prefixed(node)
        return _UNKNOWN

    def _compared(self, left: Any, sign: str, right: Any) -> str:
        column = self._column(left)
        if column is None:
            return _UNKNOWN
        number, low, high, kind = column
        value = _constant(right, kind)
        if value is None:
            return _UNKNOWN
        test = {
            "=": f"coalesce({low} <= {value}, true) AND coalesce({high} >= {value}, true)",
            "<>": f"coalesce(NOT ({low} = {value} AND {high} = {value}), true)",
            "<": f"coalesce({low} < {value}, true)",
            "<=": f"coalesce({low} <= {value}, true)",
            ">": f"coalesce({high} > {value}, true)",
            ">=": f"coalesce({high} >= {value}, true)",
        }[sign]
        return f"(v{number} AND {test})"

    def _within(self, left: Any, values: Sequence[Any]) -> str:
        """Return what a long list asks: that the least and the greatest of its values are not both outside."""
        column = self._column(left)
        literals = {value["literal"]["kind"] for value in values if value["class"] == "CONSTANT"}
        plain = literals == {"STRING"} or literals <= {"INTEGER", "NUMERIC"}
        constants = [None if column is None else _constant(value, column[3]) for value in values]
        if (
            column is None
            or not plain
            or None in constants
            or not (is_number(column[3]) or is_text(column[3]))
        ):
            return _UNKNOWN
        number, low, high, _ = column
        listed = ", ".join(map(str, constants))
        return (
            f"(v{number} AND coalesce({low} <= greatest({listed}), true) "
            f"AND coalesce({high} >= least({listed}), true))"
        )

    def _prefixed(self, node: Any) -> str:
        """Return what a test for the beginning of a text asks: values with it lie from it on, side by side."""
        name, arguments = node["function_name"], node["arguments"]
        if len(arguments) != 2 or name not in {_LIKE, *_PREFIX_FUNCTIONS}:
            return _UNKNOWN
        left, right = (argument["expression"] for argument in arguments)
        column = self._column(left)
        if column is None or not is_text(column[3]) or right.get("class") != "CONSTANT":
            return _UNKNOWN
        text = right["literal"]["text"]
        start = re.split(r"[%_\\]", text, maxsplit=1)[0] if name == _LIKE else text
        if right["literal"]["kind"] != "STRING" or not start or "\0" in start:
            return _UNKNOWN
        number, low, high, _ = column
        value = _quoted(start)
        return (
            f"(v{number} AND coalesce({high} >= {value}, true) "
            f"AND coalesce({low} <= {value} OR starts_with({low}, {value}), true))"
        )

    def _column(self, node: Any) -> tuple[int, str, str, pa.DataType] | None:
        """Return number, bounds and type of a column, or of a time's date."""
        if node["class"] == "CAST" and not node["try_cast"] and _type_name(node) == "DATE":
            inner = self._column(node["child"])
            if inner is None or not pa.types.is_timestamp(inner[3]):
                return None
            number, low, high, _ = inner
            return number, f"CAST({low} AS DATE)", f"CAST({high} AS DATE)", pa.date32()
        place = self._plain_column(node)
        return None if place is None else (place, f"l{place}", f"h{place}", self._kind(place))

    def _plain_column(self, node: Any) -> int | None:
        """Return the number of a column among those asked about; None for anything else."""
        if node["class"] != "COLUMN_REF":
            return None
        parts = [lower_ascii(part) for part in node["column_names"]]
        # With two parts it is a field of a column, unless no column has the dataset's name.
        if len(parts) == 2 and parts[0] == self._dataset and parts[0] not in self._names:
            parts = parts[1:]
        if len(parts) != 1 or parts[0] not in self._names:
            return None
        name = self._names[parts[0]]
        if not has_bounds(self._schema.field(name).type):
            return None
        if name not in self.asked:
            self.asked.append(name)
        return self.asked.index(name)

    def _kind(self, place: int) -> pa.DataType:
        return self._schema.field(self.asked[place]).type


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every expression in a tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "class" in node:
                yield node
            elif "node" in node or "named_param_map" in node:
                # A query inside the condition.
                yield {"class": "SUBQUERY"}
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _constant(node: Any, kind: pa.DataType) -> str | None:
    """Return a constant as SQL if values of ``kind`` keep their order when they are compared with it."""
    target = None
    if node["class"] == "CAST" and not node["try_cast"]:
        target = _type_name(node)
        if target is None:
            return None
        node = node["child"]
    if node["class"] != "CONSTANT":
        return None
    literal, text = node["literal"]["kind"], node["literal"]["text"]
    written = _quoted(text) if literal == "STRING" else text
    if "\0" in written or literal not in ("STRING", "INTEGER", "NUMERIC", "BOOLEAN"):
        return None
    if is_number(kind):
        fits = target in _NUMBER_TYPES if target else literal in ("INTEGER", "NUMERIC")
    elif is_text(kind):
        fits = literal == "STRING" and (target is None or target in _TEXT_TYPES)
    elif pa.types.is_boolean(kind):
        fits = literal == "BOOLEAN" and target is None
    else:
        fits = literal == "STRING" and (target is None or target in _TIME_TYPES)
    if not fits:
        return None
    return f"({written})" if target is None else f"CAST({written} AS {target})"


def _type_name(cast: Any) -> str | None:
    """Return the name of the type that a cast goes to, in capitals; None if it has arguments or a schema."""
    kind = cast["type_expr"]
    if kind.get("class") != "TYPE" or kind["children"] or kind["schema"] or kind["catalog"]:
        return None
    return str(kind["type_name"]).upper()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _all(parts: Iterable[str]) -> str:
    kept = [part for part in parts if part != _UNKNOWN]
    if _NEVER in kept:
        return _NEVER
    return f"({' AND '.join(kept)})" if kept else _UNKNOWN


def _any(parts: Iterable[str]) -> str:
    kept = list(parts)
    return _UNKNOWN if _UNKNOWN in kept else f"({' OR '.join(kept)})"
