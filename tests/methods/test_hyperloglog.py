"""Distinct counts: exact when small, within the stated error when large, and mergeable."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import CorruptObject, UsageError
from headwater.core.hashing import hash_array, mix
from headwater.methods.hyperloglog import EXACT_LIMIT, REGISTERS, RELATIVE_ERROR, HyperLogLog


def sketch_of(values: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> HyperLogLog:
    sketch = HyperLogLog()
    sketch.update(values)
    return sketch


def distinct(count: int, start: int = 0) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return mix(np.arange(start, start + count, dtype=np.uint64))


@given(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=200))
def test_small_columns_are_counted_exactly_without_nulls(values: list[int | None]) -> None:
    sketch = sketch_of(hash_array(pa.array(values, pa.int64())))
    truth = len({value for value in values if value is not None})
    assert sketch.is_exact
    assert sketch.estimate() == truth
    assert sketch.interval() == (truth, truth)


@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=6),
    st.integers(0, 2**32),
    st.randoms(use_true_random=False),
)
def test_merging_parts_in_any_order_gives_the_state_of_one_pass(
    sizes: list[int], seed: int, shuffler: object
) -> None:
    rng = np.random.default_rng(seed)
    parts = [mix(rng.integers(0, 2500, size).astype(np.uint64)) for size in sizes]
    whole = sketch_of(np.concatenate(parts))
    sketches = [sketch_of(part) for part in parts]
    shuffler.shuffle(sketches)  # type: ignore[attr-defined]
    merged = HyperLogLog()
    for sketch in sketches:
        merged.merge(sketch)
    assert merged.to_bytes() == whole.to_bytes()
    assert merged.estimate() == whole.estimate()


def test_repeated_values_count_once_whatever_the_batches() -> None:
    values = np.tile(distinct(700), 500)
    sketch = sketch_of(values)
    for part in np.array_split(values, 7):
        sketch.update(part)
    assert sketch.estimate() == 700


@pytest.mark.parametrize("count", [EXACT_LIMIT + 1, 5_000, 20_000, 50_000, 200_000, 2_000_000])
def test_large_counts_lie_within_four_standard_errors(count: int) -> None:
    assert sketch_of(distinct(count, start=10**9)).estimate() == pytest.approx(count, rel=4 * RELATIVE_ERROR)


@pytest.mark.parametrize("count", [3_000, 30_000, 300_000])
def test_estimates_are_unbiased_and_intervals_cover(count: int) -> None:
    estimates, covered, trials = [], 0, 60
    for trial in range(trials):
        sketch = sketch_of(distinct(count, start=trial << 32))
        low, high = sketch.interval(0.95)
        estimates.append(sketch.estimate())
        covered += low <= count <= high
    assert np.mean(estimates) == pytest.approx(count, rel=4 * RELATIVE_ERROR / np.sqrt(trials))
    assert np.std(estimates) / count < 1.3 * RELATIVE_ERROR
    assert covered >= 52


def test_every_rank_is_found_the_saturated_one_too() -> None:
    ranks = np.concatenate([np.uint64(1) << np.arange(50, dtype=np.uint64), [np.uint64(0)]])
    hashes = (np.arange(1, 52, dtype=np.uint64) << np.uint64(50)) | ranks
    few = sketch_of(distinct(2000))
    many = sketch_of(distinct(2000))
    few.update(hashes)
    many.update(np.tile(hashes, 1000))
    expected = np.append(np.arange(50, 0, -1), 51)
    for sketch in (few, many):
        assert sketch._registers is not None
        assert (sketch._registers[1:52] >= expected).all()
        assert sketch._registers[51] == 51
    assert few.to_bytes() == many.to_bytes()


@given(st.integers(0, 5000), st.integers(0, 2**63))
def test_bytes_round_trip(count: int, start: int) -> None:
    sketch = sketch_of(distinct(count, start))
    again = HyperLogLog.from_bytes(sketch.to_bytes())
    assert again.to_bytes() == sketch.to_bytes()
    assert again.estimate() == sketch.estimate()
    again.update(distinct(5000, start + count))
    assert again.to_bytes() == sketch_of(distinct(count + 5000, start)).to_bytes()


def test_bytes_are_never_larger_than_half_the_registers() -> None:
    assert len(sketch_of(distinct(EXACT_LIMIT)).to_bytes()) <= REGISTERS // 2 + 32
    assert len(sketch_of(distinct(1_000_000)).to_bytes()) <= REGISTERS // 2 + 200


def test_copies_are_independent() -> None:
    sketch = sketch_of(distinct(10))
    other = sketch.copy()
    other.update(distinct(20))
    assert (sketch.estimate(), other.estimate()) == (10, 20)


@pytest.mark.parametrize(
    "data", [b"", b"HLL1", b"HLL2" + bytes(40), sketch_of(distinct(5000)).to_bytes()[:-900]]
)
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptObject, match="not a distinct-count sketch"):
        HyperLogLog.from_bytes(data)


def test_a_confidence_outside_its_range_is_refused() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        HyperLogLog().interval(95)


def test_fifty_million_hashes_a_second_are_taken_in() -> None:
    hashes = distinct(2_000_000)
    sketch = sketch_of(hashes[:5000])
    best = min(timed(sketch, hashes) for _ in range(5))
    assert hashes.size / best > 25e6  # half of what one core does, for the sake of busy machines


def timed(sketch: HyperLogLog, hashes: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> float:
    start = time.process_time()
    sketch.update(hashes)
    return time.process_time() - start


def test_nulls_are_not_counted_by_large_sketches_either() -> None:
    values = distinct(50_000)
    with_nulls = np.concatenate([np.zeros(40_000, np.uint64), values, np.zeros(3, np.uint64)])
    assert sketch_of(with_nulls).to_bytes() == sketch_of(values).to_bytes()


def test_saturated_registers_are_corrected_for() -> None:
    sketch = sketch_of(distinct(100_000))
    before = sketch.estimate()
    sketch.update(np.arange(1, 40, dtype=np.uint64) << np.uint64(50))
    assert before < sketch.estimate() < 1.02 * before
