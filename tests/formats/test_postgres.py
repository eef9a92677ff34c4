"""PostgreSQL, on a real server started for these tests; they are skipped where its programs are not installed."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.core.types import parse_type
from headwater.formats.base import BATCH_ROWS, ReadOptions, Source
from headwater.formats.postgres import Postgres, without_password

dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")

TABLES = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE kinds (i int4, b int8, f float8, s text, ok bool, d date, ts timestamp, tz timestamptz, ar int[],
    j jsonb, u uuid, y bytea, t time, iv interval, n numeric(10, 2), nn numeric, m mood, nothing text, na numeric[]);
INSERT INTO kinds VALUES (1, 2, 1.5, 'é', true, '2020-01-01', '2020-01-01 10:00', '2020-01-01 10:00+02', '{1,null}',
    '{"a": 1}', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', '\\x00ff', '10:00', '1 day', 1.5, 12345.678, 'happy', null,
    '{1.5}');
INSERT INTO kinds (nn) VALUES (-0.1);
CREATE SCHEMA other;
CREATE TABLE other."Odd name" ("a b" int);
INSERT INTO other."Odd name" VALUES (7);
CREATE TABLE many AS SELECT i, md5(i::text) AS s FROM generate_series(1, 300000) AS i;
"""


def program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None
    )
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed")
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a server in an empty folder and return its address; it refuses to run as root."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="hw-pg-", ignore_cleanup_errors=True) as folder:
        how: dict[str, Any] = {"capture_output": True, "cwd": folder}
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            os.chown(folder, user.pw_uid, user.pw_gid)
            how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        subprocess.run(
            [initdb, "-D", "data", "-A", "trust", "-U", "tester", "--no-sync", "-E", "UTF8"],
            check=True,
            **how,
        )
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        subprocess.run([pg_ctl, "-D", "data", "-o", options, "-l", "log", "-w", "start"], check=True, **how)
        try:
            address = f"postgresql://tester:secret@127.0.0.1:{port}/postgres"
            with dbapi.connect(address) as connection, connection.cursor() as cursor:
                for statement in TABLES.split(";\n"):
                    if statement.strip():
                        cursor.execute(statement)
                connection.commit()
            yield address
        finally:
            subprocess.run([pg_ctl, "-D", "data", "-m", "immediate", "stop"], check=True, **how)


def read(server: str, *, schema: dict[str, str] | None = None, **how: Any) -> Source:
    types = {name: parse_type(kind) for name, kind in (schema or {}).items()}
    return Postgres().read(server, options=ReadOptions(schema=types, **how))


def test_every_common_type_arrives(server: str) -> None:
    source = read(server, table="kinds")
    assert dict(zip(source.schema.names, source.schema.types, strict=True)) == {
        "i": pa.int32(),
        "b": pa.int64(),
        "f": pa.float64(),
        "s": pa.string(),
        "ok": pa.bool_(),
        "d": pa.date32(),
        "ts": pa.timestamp("us"),
        "tz": pa.timestamp("us", "UTC"),
        "ar": pa.list_(pa.int32()),
        "j": pa.string(),
        "u": pa.string(),
        "y": pa.binary(),
        "t": pa.time64("us"),
        "iv": pa.string(),
        "n": pa.decimal128(10, 2),
        "nn": pa.decimal128(8, 3),
        "m": pa.string(),
        "nothing": pa.string(),
        "na": pa.list_(pa.string()),
    }
    first, second = source.table().to_pylist()
    assert first["tz"] == dt.datetime(2020, 1, 1, 8, tzinfo=dt.UTC)
    assert first["u"] == "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    assert (first["n"], first["nn"], second["nn"]) == (
        Decimal("1.50"),
        Decimal("12345.678"),
        Decimal("-0.100"),
    )
    assert (first["j"], first["m"], first["iv"], first["ar"], first["na"]) == (
        *('{"a": 1}', "happy", "1 day", [1, None], ["1.5"]),
    )
    assert all(value is None for name, value in second.items() if name != "nn")


def test_queries_stream_in_order_and_can_be_drawn_again(server: str) -> None:
    source = read(server, query="SELECT * FROM many ORDER BY i DESC;")
    batches = list(source.batches())
    assert max(batch.num_rows for batch in batches) <= BATCH_ROWS
    table = pa.Table.from_batches(batches)
    assert table["i"].to_pylist() == list(range(300_000, 0, -1))
    assert source.table().equals(table)


def test_tables_in_other_schemas_are_named_with_a_dot(server: str) -> None:
    assert read(server, table="other.Odd name").table().to_pylist() == [{"a b": 7}]


def test_the_tables_are_listed_when_none_is_named(server: str) -> None:
    with pytest.raises(UsageError, match=r"It has kinds, many, other\.Odd name"):
        read(server)


def test_types_asked_for_are_kept_to_and_misfits_named(server: str) -> None:
    query = "SELECT unnest(ARRAY['1', 'x']) AS a"
    with pytest.raises(InputError, match="row 2, column 'a': 'x' is not an int64"):
        read(server, query=query, schema={"a": "int64"}).table()
    with pytest.raises(NotFound, match="Column 'b'"):
        read(server, query=query, schema={"b": "int64"})


def test_numbers_that_no_decimal_holds_are_text(server: str) -> None:
    source = read(
        server, query="SELECT unnest(ARRAY['NaN', 1.5]::numeric[]) AS a, repeat('9', 50)::numeric AS b"
    )
    assert source.table().to_pydict() == {"a": ["NaN", "1.5"], "b": ["9" * 50] * 2}
    assert [note.split("'")[1] for note in source.notes] == ["a", "b"]


def test_nothing_can_be_changed(server: str) -> None:
    for query in ("DELETE FROM many", "DELETE FROM many RETURNING i", "SELECT 1; DELETE FROM many"):
        with pytest.raises(InputError, match="PostgreSQL says"):
            read(server, query=query).table()
    assert read(server, query="SELECT count(*) AS n FROM many").table()["n"].to_pylist() == [300_000]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM nope", 'relation "nope" does not exist'),
        ("SELECT (", "syntax error"),
        ("SELECT 1 AS a, 2 AS a", "more than once: 'a'"),
    ],
)
def test_mistakes_are_told_in_the_servers_words_without_the_password(
    server: str, query: str, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(server, query=query)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unreachable_server_is_told_without_the_password() -> None:
    with pytest.raises(InputError, match=r"PostgreSQL says: .*refused") as caught:
        read("postgresql://me:secret@127.0.0.1:1/db?sslpassword=secret", table="t")
    assert "secret" not in str(caught.value)


def test_no_password_is_shown(server: str) -> None:
    assert read(server, table="kinds").location == server.replace(":secret", "")
    assert without_password("postgresql://u:p@h:1/db?password=p") == "postgresql://u@h:1/db"
    assert without_password("postgresql://h/db") == "postgresql://h/db"
