"""Dependencies: measured as defined, broken by the right rows, and found in real dirty data."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, UsageError
from headwater.methods.dependencies import discover, measure, measure_counts, violations

ROWS = st.lists(
    st.tuples(*[st.one_of(st.none(), st.sampled_from("pqr"))] * 2, st.one_of(st.none(), st.integers(0, 2))),
    max_size=30,
)


def table_of(rows: list[tuple[str | None, str | None, int | None]]) -> pa.Table:
    a, b, c = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {"a": pa.array(a, pa.string()), "b": pa.array(b, pa.string()), "c": pa.array(c, pa.int64())}
    )


@given(ROWS)
def test_measures_are_those_of_the_definition(rows: list[tuple[str | None, str | None, int | None]]) -> None:
    result = measure(table_of(rows), ["a", "b"], "c")
    known = [row for row in rows if None not in row]
    groups = {row[:2]: Counter(c for *lhs, c in known if tuple(lhs) == row[:2]) for row in known}
    assert result.rows == len(known)
    assert result.breaking == sum(group.total() - max(group.values()) for group in groups.values())
    assert result.evidence == sum(group.total() for group in groups.values() if group.total() > 1)
    assert result.error == (result.breaking / len(known) if known else 0.0)


@given(ROWS, st.randoms(use_true_random=False))
def test_counts_of_parts_in_any_order_give_the_measure_of_the_whole(
    rows: list[tuple[str | None, str | None, int | None]], shuffler: object
) -> None:
    known = [(str(a), str(b)) for a, b, _ in rows if a is not None and b is not None]
    tally = [(pair, part) for pair, n in Counter(known).items() for part in (n // 2, n - n // 2)]
    shuffler.shuffle(tally)  # type: ignore[attr-defined]
    left, right = (np.array(["pqr".index(pair[i]) for pair, _ in tally], np.int64) for i in (0, 1))
    counts = np.array([n for _, n in tally], np.int64)
    ours = measure_counts(left, right, counts, lhs=["a"], rhs="b")
    assert repr(ours) == repr(measure(table_of(rows), ["a"], "b"))


@given(ROWS)
def test_without_the_rows_that_break_it_the_dependency_holds(
    rows: list[tuple[str | None, str | None, int | None]],
) -> None:
    table = table_of(rows)
    found = violations(table, ["a"], "c")
    keep = np.ones(len(rows), bool)
    keep[found.rows] = False
    assert measure(table.filter(pa.array(keep)), ["a"], "c").error == 0.0
    for row, model in zip(found.rows.tolist(), found.model.tolist(), strict=True):
        group = Counter(c for a, _, c in rows if a == rows[row][0] and c is not None)
        if model < 0:
            assert list(group.values()).count(max(group.values())) > 1
        else:
            assert rows[model][0] == rows[row][0]
            assert group[rows[model][2]] == max(group.values()) > group[rows[row][2]]
    if not (found.model < 0).any():
        assert len(found.rows) == measure(table, ["a"], "c").breaking


def test_strength_sees_through_keys_and_constants(rng: np.random.Generator) -> None:
    n = 2000
    table = pa.table(
        {
            "key": np.arange(n),
            "nearly_key": np.arange(n) // 2,
            "constant": np.ones(n, int),
            "nearly_constant": (rng.random(n) < 0.02).astype(int),
            "zip": rng.integers(0, 50, n),
        }
    )
    table = table.append_column("city", pa.array(table["zip"].to_numpy() // 5))
    assert measure(table, ["key"], "city").evidence == 0
    assert np.isnan(measure(table, ["zip"], "constant").strength)
    assert measure(table, ["zip"], "nearly_constant").error < 0.05
    assert measure(table, ["zip"], "nearly_constant").strength < 0.1
    assert measure(table, ["nearly_key"], "city").strength < 0.2
    assert measure(table, ["zip"], "city").strength == 1.0
    assert [(found.lhs, found.rhs) for found in discover(table, rng=rng)] == [(("zip",), "city")]


def test_real_dirty_data_has_its_dependencies_and_its_errors_break_them(shared: Path) -> None:
    folder = shared / "raha_hospital"
    dirty, clean = (pa.csv.read_csv(folder / f"{name}.csv.gz") for name in ("dirty", "clean"))
    clean = clean.rename_columns(dirty.column_names)
    found = discover(dirty, rng=np.random.default_rng(0))
    assert {(("zip",), "city"), (("phone",), "name"), (("measure_code",), "measure_name")} <= {
        (dependency.lhs, dependency.rhs) for dependency in found
    }
    wrong = {
        (name, row)
        for name in dirty.column_names
        for row, (a, b) in enumerate(zip(dirty[name].to_pylist(), clean[name].to_pylist(), strict=True))
        if str(a) != str(b)
    }
    flagged = set()
    for dependency in found:
        broken = violations(dirty, dependency.lhs, dependency.rhs)
        flagged |= {(dependency.rhs, int(row)) for row in broken.rows[broken.model >= 0]}
    assert len(flagged & wrong) / len(flagged) > 0.8
    assert len(flagged & wrong) / len(wrong) > 0.75


def test_a_sample_finds_what_the_whole_finds(rng: np.random.Generator) -> None:
    zips = rng.integers(0, 300, 30_000)
    noise = np.where(rng.random(30_000) < 0.03, rng.integers(0, 60, 30_000), zips // 5)
    table = pa.table({"zip": zips, "city": noise, "random": rng.integers(0, 9, 30_000)})
    names = [
        [(d.lhs, d.rhs, d.breaking) for d in discover(table, rng=rng, sample=size)] for size in (2000, 10**6)
    ]
    assert names[0] == names[1] != []


def test_a_hundred_thousand_rows_take_a_fraction_of_a_second(rng: np.random.Generator) -> None:
    table = pa.table({"zip": rng.integers(0, 5000, 100_000), "city": rng.integers(0, 500, 100_000)})
    start = time.process_time()
    measure(table, ["zip"], "city")
    violations(table, ["zip"], "city")
    assert time.process_time() - start < 0.5


def test_empty_and_all_null_tables_hold_everything_for_want_of_evidence() -> None:
    for table in (table_of([]), table_of([(None, None, None)] * 3), table_of([("p", "q", 1)])):
        assert measure(table, ["a"], "c").error == 0.0
        assert violations(table, ["a"], "c").rows.size == 0
        assert discover(table, rng=np.random.default_rng(0)) == []


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(NotFound, match="'d' not found"):
        measure(table_of([]), ["a"], "d")
    with pytest.raises(UsageError, match="at least one"):
        measure(table_of([]), [], "a")
