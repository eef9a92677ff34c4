"""Values in the wrong column."""

from __future__ import annotations

import pyarrow as pa

from headwater.methods.coded_values import Coded, encode
from headwater.methods.misplaced_values import joined, joined_parts, swapped


def coded(values: list[str | None]) -> Coded:
    return encode(pa.array(values, pa.string()), is_text=True)


def test_a_value_behind_another_is_told_where_its_own_column_is_empty() -> None:
    city = coded(["Salem", "Lynn", "Boston", "Salem", "Salem OR", "Lynn MA", "Bend OR"])
    state = coded(["OR", "MA", "MA", "OR", None, None, None])
    assert joined(city, state)
    assert not joined(state, city)
    parts = joined_parts(city, state)
    at = city.texts.to_pylist().index("Bend OR")
    assert parts.head[at] == "Bend"
    assert state.objects[parts.tail[at]] == "OR"


def test_columns_whose_values_always_end_so_are_not_joined() -> None:
    assert not joined(coded(["a x", "b x", "c x", "d x"] * 3), coded(["x", "x", "x", None] * 3))


def test_swapped_values_are_found() -> None:
    city, state = ["Salem", "Lynn"] * 40, ["OR", "MA"] * 40
    city[3], state[3] = state[3], city[3]
    assert swapped(coded([*city]), coded([*state])).nonzero()[0].tolist() == [3]
    assert not swapped(coded(["a", "b"] * 40), coded(["c", "d"] * 40)).any()
