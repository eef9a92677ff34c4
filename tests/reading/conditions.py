"""Hypothesis strategies for conditions, and for tables on which statistics tell something about them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

__all__ = ["MOMENTS", "SCHEMA", "conditions", "parts"]

NAN, INF = float("nan"), float("inf")
TEXT = ["", "a", "ab", "abc", "a%", "b", "Z", "é", "e\u0301", "𐍈", "\uffff", "'", "x" * 70]
TIMES = ["1969-12-31", "2020-01-01", "2020-01-01 12:00:00", "2020-01-01 12:00:00.000001", "2196-02-29"]
MOMENTS = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in TIMES]
KINDS: dict[str, tuple[pa.DataType, list[Any], list[str]]] = {
    "i": (pa.int32(), [None, -5, 0, 1, 2, 100], ["0", "1", "2.5", "-5", "1e2", "'1'", "'1'::INTEGER", "2::DOUBLE"]),
    "w": (pa.int64(), [None, -(2**63), 2**53 + 1, 2**63 - 1], ["9007199254740993", "9007199254740992::DOUBLE", "1e19"]),
    "u": (pa.uint64(), [None, 0, 2**64 - 1], ["0", "-1", "18446744073709551615", "18446744073709551616"]),
    "f": (pa.float32(), [None, 0.1, -0.0, 0.0, 1.5, NAN, INF, -INF], ["0.1", "0", "-0.0", "'nan'::FLOAT", "1.5"]),
    "d": (pa.float64(), [None, 0.1, -0.0, 0.0, NAN, INF], ["0.1", "0.0", "'nan'::DOUBLE", "'inf'::DOUBLE", "true"]),
    "t": (pa.string(), [None, *TEXT], ["'a'", "'é'", "''", "'ab'::VARCHAR", "5", "DATE '2020-01-01'", f"'{'x' * 70}'"]),
    "b": (pa.bool_(), [None, True, False], ["true", "false", "1", "'true'"]),
    "day": (pa.date32(), [None, *map(date.fromisoformat, ["1969-12-31", "2020-01-01", "2020-01-02"])],
            [*[f"'{t}'" for t in TIMES], "DATE '2020-01-01'", "TIMESTAMP '2020-01-01 00:00:01'"]),
    "s": (pa.timestamp("s"), [None, *MOMENTS[:3]], [f"TIMESTAMP '{t}'" for t in TIMES]),
    "ns": (pa.timestamp("ns"), [None, *MOMENTS], [f"'{t}'" for t in TIMES]),
    "z": (pa.timestamp("us", "Asia/Tokyo"), [None, *MOMENTS],
          [*[f"'{t}+09'" for t in TIMES], "TIMESTAMP '2020-01-01'", "TIMESTAMPTZ '2020-01-01 00:00+01'"]),
}  # fmt: skip
SCHEMA = pa.schema([(name, kind) for name, (kind, _, _) in KINDS.items()])


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> str:
    """Draw a condition over the columns of `KINDS`."""
    if depth and draw(st.booleans()):
        left, right = draw(conditions(depth - 1)), draw(conditions(depth - 1))
        return draw(st.sampled_from([f"({left}) AND ({right})", f"({left}) OR ({right})", f"NOT ({left})"]))
    name = draw(st.sampled_from(sorted(KINDS)))
    one, two = (draw(st.sampled_from(KINDS[name][2])) for _ in range(2))
    sign = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]))
    form = draw(
        st.sampled_from(
            [
                f"{name} {sign} {one}",
                f"{one} {sign} data.{name}",
                f"{name} IN ({one}, {two})",
                f"{name} NOT IN ({one}, {two})",
                f"{name} IN ({one}{', ' + two + ', ' + one if one != two else ''}{(', ' + one) * 20})",
                f"{name} BETWEEN {one} AND {two}",
                f"{name} NOT BETWEEN {one} AND {two}",
                f"{name} IS NULL",
                f"{name} IS NOT NULL",
                f"{name} = NULL",
                "b",
                f"t LIKE {one}" if name == "t" else "t LIKE 'a%'",
                r"t LIKE 'a\%'",
                "starts_with(t, 'ab')",
                "NOT t LIKE 'a_'",
                f"CAST(z AS DATE) {sign} DATE '2020-01-01'",
                f"s::DATE {sign} '2020-01-01'",
                f"i + 1 {sign} {one}" if name == "i" else "i % 2 = 0",
            ]
        )
    )
    return str(form)


@st.composite
def parts(draw: st.DrawFn) -> list[pa.Table]:
    """Draw small tables whose columns have few values, so that statistics tell something."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(1, 3))
        columns = [
            pa.array(draw(st.lists(st.sampled_from(some), min_size=rows, max_size=rows)), kind)
            for kind, some, _ in KINDS.values()
        ]
        made.append(pa.table(columns, schema=SCHEMA))
    return made
