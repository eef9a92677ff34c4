"""What the values of one column say of each other."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from headwater.methods.coded_values import encode
from headwater.methods.value_clues import value_clues


def said(values: Sequence[str | None], *, is_text: bool = True) -> dict[str, set[str]]:
    column = encode(pa.array(values), is_text=is_text)
    return {
        clue.reason: {str(text) for text in column.objects[clue.chance > 0.5]}
        for clue in value_clues(column)
        if (clue.chance > 0.5).any()
    }


def test_each_detector_speaks_for_itself() -> None:
    numbers = [f"{n / 4}" for n in range(200)]
    assert said([*numbers, "none"]) == {"placeholder": {"none"}}
    assert said([*numbers, "3 kg"]) == {"unit": {"3 kg"}, "form": {"3 kg"}}
    assert said([*numbers, "99000"]) == {"number": {"99000"}}
    assert said(["harbour"] * 50 + ["station"] * 50 + ["statoin"]) == {"spelling": {"statoin"}}
    assert said([f"AB-{n:03}" for n in range(200)] + ["AB-1q2"]) == {"form": {"AB-1q2"}}


def test_a_few_missing_values_are_doubted_but_not_wrong() -> None:
    column = encode(pa.array(["a", "b"] * 50 + [None]), is_text=True)
    (clue,) = [one for one in value_clues(column) if one.chance.any()]
    assert clue.reason == "missing"
    assert clue.chance.max() < 0.5


def test_a_column_without_values_has_no_clues() -> None:
    assert said([None, None]) == {}
    assert value_clues(encode(pa.array([], pa.string()), is_text=True)) == []
