"""Numbers with units written behind them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater.methods.unit_texts import Units, canonical_number, unit_errors


def found(values: list[str]) -> tuple[list[str], Units | None]:
    distinct, counts = np.unique(np.array(values, object), return_counts=True)
    texts = pa.array(distinct.tolist(), pa.string())
    return distinct.tolist(), unit_errors(texts, counts, ignore=np.zeros(len(distinct), np.bool_))


def test_one_unit_throughout_is_a_format() -> None:
    assert found([f"{n} patients" for n in range(100)])[1] is None


def test_a_unit_among_plain_numbers_is_taken_off() -> None:
    texts, units = found([f"{n / 8}" for n in range(100)] + ["0.50 kg"])
    assert units is not None
    at = texts.index("0.50 kg")
    assert np.flatnonzero(units.chance).tolist() == [at]
    assert units.suggestion[at] == "0.5"


def test_a_unit_spelled_in_several_ways_is_taken_off_everywhere() -> None:
    texts, units = found(["12.0 g", "12.0 G.", "13.50 g.", "14 gram", "15 g", "16 G."] * 5)
    assert units is not None
    assert (units.chance > 0.5).all()
    assert dict(zip(texts, units.suggestion, strict=True))["13.50 g."] == "13.5"


def test_different_units_are_no_spellings() -> None:
    assert found([f"{n} {unit}" for n in range(20) for unit in ("days", "weeks", "years")])[1] is None


def test_letters_behind_identifiers_are_no_sure_unit() -> None:
    texts, units = found([str(n) for n in range(10_000, 10_200)] + ["1023x"])
    assert units is not None
    assert units.confidence[texts.index("1023x")] < 0.5


def test_numbers_are_written_in_their_shortest_form() -> None:
    assert canonical_number(pa.array(["012.50", ".5", None])).tolist() == ["12.5", "0.5", None]
