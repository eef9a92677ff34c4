"""Names and values survive the way through SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.profile.quoting import identifier, literal, literals


def answer(sql: str) -> Any:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()[0][0]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@given(
    name=TEXT.filter(bool), value=st.one_of(TEXT, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())
)
def test_names_and_values_come_back(name: str, value: Any) -> None:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {literal(value)} AS {identifier(name)}")
        assert found.description is not None
        assert found.description[0][0] == name
        assert found.fetchall() == [(value,)]


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        -2.5e300,
        float("inf"),
        float("-inf"),
        Decimal("12.50"),
        date(2026, 1, 2),
        time(3, 4, 5),
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC).replace(tzinfo=None),
        b"a'\x00\xff",
    ],
)
def test_every_kind_of_value_comes_back(value: Any) -> None:
    assert answer(f"SELECT {literal(value)}") == value


def test_not_a_number_and_times_with_a_zone_come_back() -> None:
    assert answer(f"SELECT isnan({literal(float('nan'))})")
    moment = datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert answer(f"SELECT epoch({literal(moment)})") == moment.timestamp()


def test_a_list_of_values() -> None:
    assert literals([1, "a", None]) == "1, 'a', NULL"


def test_what_sql_has_no_literal_for_is_refused() -> None:
    with pytest.raises(UsageError, match="no SQL literal"):
        literal(object())
