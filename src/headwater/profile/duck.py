"""One DuckDB for the process, and a session of one's own in it for each table that is queried.

Opening a DuckDB takes ten times longer than a query over a chunk; sessions share one and see nothing of
each other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

__all__ = ["session"]

_MEMORY = "512MB"
_lock = threading.Lock()
_databases: dict[int, duckdb.DuckDBPyConnection] = {}


@contextmanager
def session(rows: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a session in which the table ``rows`` can be queried, on the caller's thread alone.

    Parameters
    ----------
    rows : pyarrow.Table
        The table.

    Yields
    ------
    duckdb.DuckDBPyConnection
        Closed on leaving.
    """
    with _database().cursor() as cursor:
        cursor.register("rows", rows)
        yield cursor


def _database() -> duckdb.DuckDBPyConnection:
    # A forked process must not touch its parent's.
    process = os.getpid()
    with _lock:
        if process not in _databases:
            _databases.clear()
            _databases[process] = duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY})
        return _databases[process]
