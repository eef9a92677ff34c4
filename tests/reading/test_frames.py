"""Lazy frames: Polars gets the rows of a full scan, and reads the columns and chunks that it needs."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import MissingExtra, NotFound, UsageError
from headwater.reading.frames import lazy_frame
from headwater.store.chunk import read_chunk
from headwater.versions.repo import Repo
from tests.places import Fresh
from tests.reading.conditions import MOMENTS, parts
from tests.reading.noted import Noted

if TYPE_CHECKING:
    import polars as pl
else:
    pl = pytest.importorskip("polars")


@pytest.fixture(scope="module")
def noted() -> Noted:
    """Three chunks with ten rows each."""
    return Noted(
        *(
            pa.table(
                {
                    "n": pa.array(range(10 * part, 10 * part + 10), pa.int16()),
                    "x": [part * 1.5] * 10,
                    "t": pa.array([("a", "b", None)[part]] * 10, pa.string()),
                    "day": [date(2026, 1, 1 + part)] * 10,
                    "seen": pa.array(
                        [datetime(2026, 1, 1 + part, tzinfo=UTC)] * 10, pa.timestamp("us", "UTC")
                    ),
                    "ok": [part == 1] * 10,
                }
            )
            for part in range(3)
        )
    )


@pytest.mark.parametrize(
    ("where", "read"),
    [
        (pl.col("n") > 25, [2]),
        (pl.col("n") == 5, [0]),
        (pl.col("n").is_between(9, 10), [0, 1]),
        ((pl.col("n") < 3) | (pl.col("t") == "b"), [0, 1]),
        ((pl.col("n") < 3) | (pl.col("t").str.len_chars() > 3), [0, 1, 2]),
        ((pl.col("n") < 3) & (pl.col("t").str.len_chars() < 3), [0]),
        (pl.col("x") > 2.0, [2]),
        (pl.col("t").is_null(), [2]),
        (pl.col("t").is_not_null(), [0, 1]),
        (pl.col("t").str.starts_with("b"), [1]),
        (pl.col("ok"), [1]),
        (pl.col("day") >= date(2026, 1, 3), [2]),
        (pl.col("seen") < datetime(2026, 1, 2, tzinfo=UTC), [0]),
        (pl.col("n") * 2 > 50, [0, 1, 2]),
    ],
)
def test_a_query_reads_only_the_chunks_that_its_condition_may_hold_in(
    noted: Noted, where: pl.Expr, read: list[int]
) -> None:
    noted.forget()
    frame = lazy_frame(noted.schema, noted.chunks, noted.read)
    found = frame.filter(where).select("n", "x").collect()
    assert noted.parts == read
    everything = pl.concat([pl.DataFrame(table) for table in noted.tables])
    assert found.equals(everything.filter(where).select("n", "x"))


def test_columns_and_the_limit_reach_the_scan(noted: Noted) -> None:
    frame = lazy_frame(noted.schema, noted.chunks, noted.read)
    noted.forget()
    assert frame.select("x").head(12).collect().height == 12
    assert (noted.columns, noted.parts) == ([("x",)], [0, 1])
    noted.forget()
    assert frame.filter(pl.col("n") == 11).select("t").collect().rows() == [("b",)]
    assert (noted.columns, noted.parts) == ([("n", "t")], [1])
    last = frame.filter(pl.col("n") > 5).sort("n", descending=True).head(2)
    assert last.select("n").collect().rows() == [(29,), (28,)]
    assert frame.select(pl.len()).collect().item() == 30
    assert frame.head(0).collect().schema == frame.collect_schema()
    assert frame.filter(pl.col("n") > 99).collect(engine="streaming").height == 0


@st.composite
def polars_conditions(draw: st.DrawFn, depth: int = 2) -> Any:
    """Draw a condition of Polars over the columns of the tables that `parts` draws."""
    if depth and draw(st.booleans()):
        left, right = draw(polars_conditions(depth - 1)), draw(polars_conditions(depth - 1))
        return draw(st.sampled_from([left & right, left | right, ~left]))
    moment = draw(st.sampled_from(MOMENTS))
    name: str
    value: Any
    name, value = draw(
        st.sampled_from(
            [
                *[
                    ("i", 1),
                    ("i", -5),
                    ("i", 2.5),
                    ("w", 2**53),
                    ("w", 0),
                    ("u", 0),
                    ("t", "a"),
                    ("t", "é"),
                    ("b", True),
                ],
                *[("f", 0.1), ("f", 0.0), ("f", float("nan")), ("d", 0.0), ("d", float("nan")), ("d", 1)],
                *[("s", moment.replace(tzinfo=None)), ("ns", moment.replace(tzinfo=None)), ("z", moment)],
                ("day", moment.date()),
            ]
        )
    )
    column = pl.col(name)
    value = pl.lit(value).dt.convert_time_zone("Asia/Tokyo") if name == "z" else value
    return draw(
        st.sampled_from(
            [
                *[
                    column == value,
                    column != value,
                    column < value,
                    column <= value,
                    column > value,
                    column >= value,
                ],
                *[
                    column.is_null(),
                    column.is_not_null(),
                    value <= column,
                    pl.col("i").is_between(0, 1, closed="left"),
                ],
                *[pl.col("b"), pl.col("t").str.starts_with("a"), column.eq_missing(value)],
            ]
        )
    )


@given(parts(), polars_conditions())
def test_rows_are_those_of_a_frame_in_memory(made: list[pa.Table], where: pl.Expr) -> None:
    noted = Noted(*made)
    everything = pl.concat([pl.DataFrame(table) for table in made])
    found = lazy_frame(noted.schema, noted.chunks, noted.read).filter(where).collect()
    assert repr(found.rows()) == repr(everything.filter(where).rows())


def test_a_dataset_gives_lazy_frames(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("d", [{"n": k, "x": k, "y": "long"} for k in range(10)], key="n")
    asked: list[Any] = []

    def noting(*args: Any, **kwargs: Any) -> pa.Table:
        asked.append(tuple(kwargs["columns"]))
        return read_chunk(*args, **kwargs)

    monkeypatch.setattr("headwater.reading.dataset.read_chunk", noting)
    frame = repo["d"].to_polars(["n", "y"], lazy=True)
    assert frame.collect_schema().names() == ["n", "y"]
    assert asked == []
    assert frame.filter(pl.col("n") == 3).collect().rows() == [(3, "long")]
    assert asked == [("n", "y")]
    assert repo["d"].to_polars(["n"], "n > 8").rows() == [(9,)]
    with pytest.raises(UsageError, match="its own `filter`"):
        repo["d"].to_polars(where="n > 3", lazy=True)
    with pytest.raises(NotFound):
        repo["d"].to_polars(["m"], lazy=True)


def test_without_polars_the_extra_is_named(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match=r"headwater\[polars\]"):
        lazy_frame(noted.schema, noted.chunks, noted.read)
