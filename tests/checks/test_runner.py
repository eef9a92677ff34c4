"""Running a suite: one scan, verdicts of a full scan, and errors that stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.checks.balance import Balance
from headwater.checks.base import Check, States, Target
from headwater.checks.completeness import NullFraction
from headwater.checks.consistency import Dependency, RowRule
from headwater.checks.drift import Distribution
from headwater.checks.runner import run
from headwater.checks.sentinel import Sentinel
from headwater.checks.statistics import Mean, Quantile
from headwater.checks.uniqueness import Columns
from headwater.checks.validity import Range, Set
from headwater.core.contract import Contract
from headwater.core.findings import Finding, Outcome
from headwater.engine.local import LocalExecutor
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import Counts
from headwater.versions.repo import Repo
from tests.checks.targets import target_of

TABLE = pa.table({"id": [1, 2, 3, 4], "x": [1.0, None, 3.0, -1.0], "word": ["a", "b", "a", None]})


@dataclass(frozen=True, kw_only=True)
class Odd(Check):
    id = "test.odd"
    title = "Odd"

    breaks_in: str = ""
    wants: int = 0

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        if self.breaks_in == "measures":
            raise RuntimeError("no measures")
        return [Counts(column="x")]

    def judge(self, states: States, target: Target) -> list[Finding]:
        if self.breaks_in == "judge":
            raise ValueError("no judgement")
        if self.wants:
            raise NeedExact([Counts(column="x")])
        return [Finding(check=self.id, outcome=Outcome.FAIL, message="Odd.", row_count=1)]

    def offending(self, finding: Finding, target: Target) -> str:
        if self.breaks_in == "offending":
            raise KeyError("no rows")
        return "nonsense >" if self.breaks_in == "rows" else "x < 0"


def outcomes(*checks: Check) -> dict[str, list[str]]:
    report = run(target_of(TABLE, key="id"), checks)
    return {str(outcome): [f.message for f in report.findings if f.outcome is outcome] for outcome in Outcome}


def test_a_check_that_breaks_becomes_a_finding_and_the_others_go_on() -> None:
    for place in ("measures", "judge", "offending", "rows"):
        found = outcomes(Odd(breaks_in=place), NullFraction(column="x"))
        assert len(found["error"]) == 1, place
        assert "could not run" in found["error"][0]
        assert any("lacks" in message for message in found["fail"])


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    (message,) = outcomes(NullFraction(column="wort"))["fail"]
    assert "Did you mean 'word'?" in message


def test_a_check_that_never_settles_is_an_error() -> None:
    assert "kept asking" in outcomes(Odd(wants=1))["error"][0]


def test_rows_are_named_by_their_keys() -> None:
    (finding,) = run(target_of(TABLE, key="id"), [Odd()]).findings
    assert finding.rows == ("4",)
    assert finding.dataset == "data"


def test_the_same_check_twice_is_run_once() -> None:
    assert len(run(target_of(TABLE, key="id"), [Odd(), Odd()]).findings) == 1


def test_the_report_says_what_was_read() -> None:
    target = target_of(TABLE, key="id")
    first, second = (run(target, [NullFraction(column="x")], suite="mine") for _ in range(2))
    assert (first.scanned_rows, second.scanned_rows) == (4, 0)
    assert first.suite == "mine"
    assert first.ref == target.dataset.commit
    assert set(first.timings) >= {"measure", "judge", "rows"}


CHECKS = st.lists(
    st.one_of(
        st.builds(NullFraction, column=st.sampled_from(["x", "word"]), maximum=st.floats(0, 0.5)),
        st.builds(Range, column=st.just("x"), minimum=st.integers(0, 4), max_fraction=st.floats(0, 0.6)),
        st.builds(Set, column=st.just("word"), values=st.just(("a", "b")), max_fraction=st.floats(0, 0.6)),
        st.builds(Mean, column=st.just("x"), minimum=st.floats(2, 6)),
        st.builds(Quantile, column=st.just("x"), q=st.floats(0, 1), maximum=st.floats(0, 9)),
        st.builds(Columns, columns=st.sampled_from([("x",), ("x", "word")]), max_fraction=st.floats(0, 1)),
        st.builds(RowRule, condition=st.just("x > 3"), max_fraction=st.floats(0, 1)),
        st.builds(
            Dependency, determinants=st.just(("word",)), dependent=st.just("x"), maximum=st.floats(0, 1)
        ),
        st.builds(
            Distribution,
            column=st.just("x"),
            statistic=st.sampled_from(["psi", "js", "ks"]),
            maximum=st.floats(0, 0.5),
        ),
        st.builds(Distribution, column=st.just("word"), maximum=st.floats(0, 0.3)),
        st.builds(Balance, column=st.just("word"), minimum=st.floats(0, 1), minimum_rows=st.integers(0, 30)),
        st.builds(Sentinel, column=st.just("x")),
    ),
    min_size=3,
    max_size=8,
    unique=True,
)


@settings(max_examples=20)
@given(checks=CHECKS, seed=st.integers(0, 10**6), gone=st.integers(0, 12), changed=st.integers(0, 8))
def test_verdicts_are_those_of_a_full_scan_whatever_the_thresholds(
    checks: list[Check], seed: int, gone: int, changed: int
) -> None:
    rng = np.random.default_rng(seed)
    repo = Repo.init("memory://")
    repo.executor = LocalExecutor(1)
    with repo.transaction("first") as tx:
        tx.append("data", sample(np.arange(100), rng), key="id")
    base = repo["data"]

    run_of(repo, base, checks, True)
    for _ in range(2):
        ids = rng.permutation(np.asarray(repo["data"].to_arrow(["id"])["id"]))
        with repo.transaction("change") as tx:
            if gone:
                tx.delete("data", keys=[int(i) for i in ids[:gone]])
            if changed:
                tx.upsert("data", sample(ids[gone : gone + changed], rng))
            tx.append("data", sample(np.arange(ids.max() + 1, ids.max() + 4), rng))
        assert verdicts(run_of(repo, base, checks, True)) == verdicts(run_of(repo, base, checks, False))


def run_of(repo: Repo, base: Any, checks: list[Check], cached: bool) -> list[Finding]:
    target = Target(
        dataset=repo["data"],
        contract=Contract(dataset="data"),
        baseline=base,
        executor=repo.executor,
        cache=repo.cache if cached else None,
    )
    return list(run(target, checks).findings)


def verdicts(findings: list[Finding]) -> list[str]:
    """Return what was found; of what does not pass, with its numbers."""
    return sorted(
        f"{f.check} {f.column} {f.threshold} {f.outcome}"
        + ("" if f.outcome is Outcome.PASS else f" {f.row_count} {f.value:.9g}")
        for f in findings
    )


def sample(ids: Any, rng: np.random.Generator) -> pa.Table:
    count = len(ids)
    return pa.table(
        {
            "id": ids,
            "x": pa.array(
                rng.choice([0.0, 1.0, 2.0, 5.0, 5.5, 9.0, 999.0], count), mask=rng.random(count) < 0.2
            ),
            "word": pa.array(
                rng.choice(["a", "b", "c"], count, p=[0.6, 0.3, 0.1]), mask=rng.random(count) < 0.1
            ),
        }
    )
