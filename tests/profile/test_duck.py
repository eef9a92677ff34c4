"""Sessions share one database and see nothing of each other."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from headwater.profile.duck import session


def least(start: int) -> int:
    with session(pa.table({"x": np.arange(start, start + 5000)})) as connection:
        return int(connection.execute("SELECT min(x) FROM rows").fetchall()[0][0])


def test_sessions_on_many_threads_see_their_own_rows() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(least, range(100))) == list(range(100))


def test_a_session_leaves_nothing_behind() -> None:
    least(1)
    with session(pa.table({"y": [1]})) as connection, pytest.raises(duckdb.BinderException):
        connection.execute("SELECT x FROM rows")


def test_a_session_inside_a_session_has_rows_of_its_own() -> None:
    with session(pa.table({"x": [7]})) as outer:
        assert least(3) == 3
        assert outer.execute("SELECT x FROM rows").fetchall() == [(7,)]


def test_other_processes_have_a_database_of_their_own() -> None:
    least(1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(least, [5]) == [5]
