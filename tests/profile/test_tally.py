"""Counts with their bounds."""

from __future__ import annotations

from headwater.profile.tally import Tally


def test_bounds_hold_whatever_rows_are_gone() -> None:
    state = Tally({"rows": 10, "nulls": 3, "zeros": 9}).aged(2)
    assert state.rows == 8
    assert state.bounds("nulls") == (1, 3)
    assert state.bounds("zeros") == (7, 8)
    assert state.fraction_bounds("nulls") == (1 / 8, 3 / 8)


def test_shares_of_no_rows_are_zero() -> None:
    none = Tally({"rows": 0, "nulls": 0})
    assert none.fraction("nulls") == 0
    assert none.fraction_bounds("nulls") == (0, 0)
    assert Tally({"rows": 4, "nulls": 1}).fraction("nulls") == 0.25
