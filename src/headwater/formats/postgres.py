"""A table of a PostgreSQL database, or the result of a query on it, by ADBC (extra ``postgres``)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.formats.base import ReadOptions, Source, batches_of, register
from headwater.formats.dialect import name_columns
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["Postgres", "without_password"]

MOST_DIGITS = 38


class Postgres:
    """Reads from PostgreSQL, streamed over its binary COPY, in a read-only transaction."""

    names = ("postgres", "postgresql")
    suffixes = ()

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the rows of a query or a table.

        ``numeric`` becomes a decimal: of its declared size, or else of the size that its values need. What has
        no type of its own in Arrow (uuid, json, inet, interval, enums) becomes text.
        """
        place = without_password(location)
        with _connected(location) as connection:
            query = _query(connection, options, place)
            plain, picked, notes = _columns(connection, query, place)
        schema = retyped_schema(plain, options.schema, place)

        def batches() -> Iterator[pa.RecordBatch]:
            return retyped(_batches(location, f"SELECT {picked} FROM ({query}) AS q"), schema, place)

        return Source(
            location=place,
            format="postgres",
            schema=schema,
            num_rows=None,
            batches=lambda: batches_of(batches()),
            notes=notes,
        )


def without_password(location: str) -> str:
    """Return a URL without the password in it, and without its parameters, which may hold one."""
    parts = urlsplit(location)
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit((parts.scheme, f"{name}@{host}" if name else host, parts.path, "", ""))


@contextlib.contextmanager
def _connected(location: str) -> Iterator[Any]:
    dbapi = require("adbc_driver_postgresql.dbapi", extra="postgres", purpose="Reading from PostgreSQL")
    try:
        with dbapi.connect(location) as connection:
            _run(connection, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.commit()
            yield connection
    except dbapi.Error as error:
        reason = re.sub(r"\s*Query was:.*", "", str(error), flags=re.DOTALL)
        reason = re.sub(r"^\w+: (\[libpq\] )?|\nLINE .*", "", reason, flags=re.DOTALL).strip()
        raise input_error(
            without_password(location), f"PostgreSQL says: {reason}", mend="check the address and the query"
        ) from error


def _run(connection: Any, query: str) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()


def _query(connection: Any, options: ReadOptions, place: str) -> str:
    if options.query is not None:
        return options.query.strip().rstrip(";")
    if options.table is not None:
        return f"SELECT * FROM {'.'.join(_quoted(part) for part in options.table.split('.'))}"
    found = _run(
        connection,
        "SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema || '.' END || table_name AS name "
        "FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    )
    tables: list[str] = found["name"].to_pylist()
    listed = f"It has {', '.join(tables[:30])}." if tables else "It has none."
    raise UsageError(f"Say which table of {place} to read, or give a query. {listed}", tables=tables)


def _columns(connection: Any, query: str, place: str) -> tuple[pa.Schema, str, tuple[str, ...]]:
    """Return the final schema of a query, how its columns are picked from it, and notes."""
    found = _run(connection, f"SELECT * FROM ({query}) AS q LIMIT 0").schema
    if not found.names:
        raise UsageError(f"The query on {place} gives no columns.", query=query)
    name_columns(found.names, place, 1)
    fields, picked, notes = [], [], []
    for field in found:
        column = _quoted(field.name)
        kind, cast = field.type, ""
        if _name(field) == "numeric":
            kind, cast = _decimal(connection, query, field), "::text"
            if kind == pa.string():
                notes.append(f"Column {field.name!r} is read as text: it has numbers that no decimal holds.")
        elif _is_foreign(kind):
            kind, cast = (
                (pa.list_(pa.string()), "::text[]") if pa.types.is_list(kind) else (pa.string(), "::text")
            )
        fields.append(pa.field(field.name, kind))
        picked.append(f"{column}{cast} AS {column}")
    return pa.schema(fields), ", ".join(picked), tuple(notes)


def _decimal(connection: Any, query: str, field: pa.Field) -> pa.DataType:
    """Return the type of a numeric column: a decimal, or text where the digits are too many or not finite."""
    modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1"))
    if modifier >= 4:  # precision and scale, as PostgreSQL packs them (numeric.c, numerictypmodin)
        precision, scale = (modifier - 4) >> 16 & 0xFFFF, (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    else:
        column = _quoted(field.name)
        finite = f"nullif(nullif(nullif({column}, 'NaN'), 'Infinity'), '-Infinity')"
        found = _run(
            connection,
            f"SELECT max(scale({finite})) AS scale, max(length(trunc(abs({finite}))::text)) AS whole, "
            f"count({column}) = count({finite}) AS finite FROM ({query}) AS q",
        ).to_pylist()[0]
        if not found["finite"]:
            return pa.string()
        scale = found["scale"] or 0
        precision = (found["whole"] or 1) + scale
    return pa.decimal128(precision, scale) if precision <= MOST_DIGITS else pa.string()


def _batches(location: str, query: str) -> Iterator[pa.RecordBatch]:
    with _connected(location) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        yield from cursor.fetch_record_batch()


def _name(field: pa.Field) -> str:
    name: bytes = (field.metadata or {}).get(b"POSTGRESQL:type", b"")
    return name.decode()


def _is_foreign(kind: pa.DataType) -> bool:
    """Say whether a type, or that of the items of a list, is PostgreSQL's own."""
    if pa.types.is_list(kind):
        return _is_foreign(kind.value_type)
    return isinstance(kind, pa.BaseExtensionType) or pa.types.is_interval(kind)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


register(reader=Postgres())
