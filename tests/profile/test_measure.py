"""Measuring a dataset: incremental equals full, errors stay with their measure, little is read twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import HeadwaterError, UsageError
from headwater.engine.local import LocalExecutor
from headwater.profile.base import Measure
from headwater.profile.columns import Counts, Extent, Moments
from headwater.profile.conformance import Holds, InRange
from headwater.profile.distinct import Distinct
from headwater.profile.groups import Groups
from headwater.profile.hashes import Determines, Repeats
from headwater.profile.measure import Measured, measure, measure_chunks, measure_table
from headwater.profile.quantiles import Quantiles
from headwater.profile.top import TopValues
from headwater.reading.dataset import Dataset
from headwater.versions.repo import Repo
from tests.profile.test_base import summary

MEASURES: list[Measure[Any]] = [
    Counts(column="x"),
    Counts(column="word"),
    Moments(column="x"),
    Extent(column="x"),
    Distinct(column="word"),
    Quantiles(column="x"),
    TopValues(column="word"),
    Groups(by=("word",)),
    Repeats(of=("x",)),
    Determines(by=("word",), determined="x"),
    Holds(condition="x > 2", reads=("x",)),
]
SINGLE = LocalExecutor(1)


def rows(ids: Any, seed: int = 0) -> pa.Table:
    ids = np.asarray(ids)
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "id": ids,
            "x": pa.array(rng.integers(0, 9, len(ids)).astype(float), mask=rng.random(len(ids)) < 0.2),
            "word": rng.choice(["a", "b", "c"], len(ids)),
        }
    )


def small(count: int = 200) -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", rows(np.arange(count)), key="id")
    return repo


def taken(dataset: Dataset, repo: Repo | None = None, **options: Any) -> Measured:
    cache = None if repo is None else repo.cache
    return measure(dataset, MEASURES, executor=SINGLE, cache=cache, **options)


def assert_same(measured: Measured, fresh: Measured) -> None:
    for one in MEASURES:
        state = measured[one]
        if state.stale_rows == 0:
            assert summary(state) == pytest.approx(summary(fresh[one])), one


EDITS = st.lists(
    st.tuples(st.sampled_from(["append", "delete", "upsert", "column"]), st.integers(0, 10**6)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25)
@given(edits=EDITS)
def test_states_after_any_edits_are_those_of_a_full_scan(edits: list[tuple[str, int]]) -> None:
    repo = small(60)
    top = 60
    for verb, seed in edits:
        rng = np.random.default_rng(seed)
        known = np.asarray(repo["data"].to_arrow(["id"])["id"])
        some = rng.choice(known, min(len(known), int(rng.integers(1, 8))), replace=False)
        with repo.transaction(verb) as tx:
            if verb == "append":
                tx.append("data", rows(np.arange(top, top + 5), seed))
                top += 5
            elif verb == "delete":
                tx.delete("data", keys=[int(value) for value in some])
            elif verb == "upsert":
                tx.upsert("data", rows(some, seed))
            else:
                names = repo["data"].schema.names
                extra = pa.table({"id": known, f"extra{len(names)}": rng.random(len(known))})
                tx.add_columns("data", extra)
        data = repo["data"]
        fresh = taken(data)
        assert all(fresh[one].stale_rows == 0 for one in MEASURES)
        assert_same(taken(data, repo), fresh)
        exact = taken(data, repo, exact=MEASURES)
        assert all(exact[one].stale_rows == 0 for one in MEASURES)
        assert_same(exact, fresh)
        assert_same(taken(data, repo), fresh)


@settings(max_examples=20)
@given(gone=st.sets(st.integers(0, 199), min_size=1, max_size=30))
def test_a_stale_state_says_how_many_rows_are_gone_and_bounds_hold(gone: set[int]) -> None:
    repo = small()
    taken(repo["data"], repo)
    with repo.transaction("less") as tx:
        tx.delete("data", keys=sorted(gone))
    measured, fresh = taken(repo["data"], repo), taken(repo["data"])
    assert measured.scanned_rows == 0
    for one in (Counts(column="x"), MEASURES[-1]):
        stale, true = measured[one], fresh[one]
        assert stale.stale_rows == len(gone)
        assert stale.rows == true.rows
        for name in true.counts:
            low, high = stale.bounds(name)
            assert low <= true[name] <= high or name == "rows"
    low, high = measured[Quantiles(column="x")].quantile_bounds(0.5)
    assert low <= fresh[Quantiles(column="x")].quantile([0.5])[0] <= high
    low, high = measured[Distinct(column="word")].interval()
    assert low <= fresh[Distinct(column="word")].estimate <= high


def test_nothing_is_read_again_when_nothing_changed() -> None:
    repo = small()
    assert taken(repo["data"], repo).scanned_rows == 200
    assert taken(repo["data"], repo).scanned_rows == 0


def test_appended_rows_alone_are_read() -> None:
    repo = small()
    taken(repo["data"], repo)
    with repo.transaction("more") as tx:
        tx.append("data", rows(np.arange(200, 220)))
    assert taken(repo["data"], repo).scanned_rows <= 20
    assert_same(taken(repo["data"], repo), taken(repo["data"]))


def test_deleted_rows_are_read_and_subtracted_where_a_fresh_state_is_wanted() -> None:
    repo = small()
    taken(repo["data"], repo)
    with repo.transaction("less") as tx:
        tx.delete("data", keys=list(range(10)))
    counts = Counts(column="x")
    measured = measure(repo["data"], [counts], executor=SINGLE, cache=repo.cache, exact=[counts])
    assert measured.scanned_rows == 10
    assert measured[counts].counts == taken(repo["data"])[counts].counts


def test_an_extent_whose_end_went_away_is_measured_again() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", pa.table({"id": range(50), "x": range(50)}), key="id")
    extent = Extent(column="x")
    measure(repo["data"], [extent], executor=SINGLE, cache=repo.cache)
    with repo.transaction("less") as tx:
        tx.delete("data", keys=[49])
    measured = measure(repo["data"], [extent], executor=SINGLE, cache=repo.cache, exact=[extent])
    assert measured[extent].high == 48


def test_many_deletions_are_no_longer_kept_up_with() -> None:
    repo = small()
    taken(repo["data"], repo)
    with repo.transaction("less") as tx:
        tx.delete("data", keys=list(range(45)))
    measured = taken(repo["data"], repo)
    assert measured.scanned_rows == 155
    assert measured[Quantiles(column="x")].stale_rows == 0


def test_a_new_measure_reads_but_keeps_what_is_known() -> None:
    repo = small()
    taken(repo["data"], repo)
    other = InRange(column="x", minimum=1)
    assert measure(repo["data"], [other], executor=SINGLE, cache=repo.cache).scanned_rows == 200
    assert measure(repo["data"], [other, *MEASURES], executor=SINGLE, cache=repo.cache).scanned_rows == 0


def test_damaged_packs_are_measured_anew(caplog: pytest.LogCaptureFixture) -> None:
    repo = small()
    taken(repo["data"], repo)
    for path in repo.cache.list("states"):
        repo.cache.put(path, b"damaged")
    assert taken(repo["data"], repo).scanned_rows == 200
    assert_same(taken(repo["data"], repo), taken(repo["data"]))


def test_one_measure_that_cannot_be_taken_does_not_harm_the_others() -> None:
    table = pa.table({"word": ["1", "x"]})
    good = Holds(condition="word = '1'", reads=("word",))
    bad = Holds(condition="word::INTEGER > 0", reads=("word",))
    measured = measure_table(table, [good, bad])
    assert measured[good]["true"] == 1
    with pytest.raises(UsageError, match="does not fit the SQL"):
        measured[bad]
    with pytest.raises(KeyError):
        measured[Counts(column="word")]
    assert bad in measured
    assert Counts(column="word") not in measured


def test_an_error_in_one_chunk_is_the_error_of_the_dataset() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", pa.table({"word": ["1", "2"]}))
    with repo.transaction("second") as tx:
        tx.append("data", pa.table({"word": ["x"]}))
    bad = Holds(condition="word::INTEGER > 0", reads=("word",))
    for _ in range(2):
        measured = measure(repo["data"], [bad], cache=repo.cache)
        with pytest.raises(HeadwaterError, match="does not fit"):
            measured[bad]


def test_a_dataset_without_rows_can_be_measured() -> None:
    repo = small(3)
    with repo.transaction("none") as tx:
        tx.delete("data", where="TRUE")
    assert taken(repo["data"], repo)[Counts(column="x")].rows == 0


def test_workers_give_the_same_states_as_one() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", rows(np.arange(1000)), key="id")
    for part in range(3):
        with repo.transaction("more") as tx:
            tx.append("data", rows(np.arange(1000 * (part + 1), 1000 * (part + 2)), part))
    many = measure(repo["data"], MEASURES, executor=LocalExecutor(4))
    assert_same(many, taken(repo["data"]))


def test_some_chunks_are_measured_by_themselves_and_kept() -> None:
    repo = Repo.init("memory://")
    for number in range(2):
        with repo.transaction("part") as tx:
            tx.append("data", pa.table({"x": np.arange(number * 200_000, (number + 1) * 200_000)}))
    dataset = repo["data"]
    one = Extent(column="x")
    last = dataset.chunks[-1:]
    found = measure_chunks(last, dataset.schema, [one, Extent(column="nope")], cache=repo.cache)
    assert found.rows == last[0].live_rows
    assert found[one].high == 399_999
    assert found[one].low == 400_000 - found.rows
    with pytest.raises(HeadwaterError):
        found[Extent(column="nope")]
    assert measure_chunks(last, dataset.schema, [one], cache=repo.cache).scanned_rows == 0
