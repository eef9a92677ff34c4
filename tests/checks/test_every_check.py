"""The laws that every registered check keeps. A new check is covered as soon as it is registered."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.base import CHECKS, Check, Target
from headwater.checks.report import Report
from headwater.checks.runner import run
from headwater.checks.suite import check_of, rule_of
from headwater.core.contract import Contract
from headwater.core.findings import Finding, Outcome
from headwater.engine.local import LocalExecutor
from headwater.reading.dataset import Dataset
from headwater.versions.repo import Repo

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("x", pa.float64()),
        ("whole", pa.int32()),
        ("word", pa.string()),
        ("group", pa.string()),
        ("at", pa.timestamp("us")),
        ("label", pa.int64()),
        ("split", pa.string()),
    ]
)
CONTRACT = Contract(dataset="data", label="label", sensitive=("group",), time="at")
NOW = datetime(2026, 5, 1, tzinfo=UTC)

REQUIRED: dict[str, list[Any]] = {
    "column": ["x", "whole", "word", "at"],
    "columns": [("word",), ("word", "whole")],
    "values": [("a", "b")],
    "pattern": ["[a-z]+"],
    "type": ["int64"],
    "condition": ["x > 0"],
    "determinants": [("word",)],
    "dependent": ["group"],
    "dataset": ["data"],
    "words": [("a", "7")],
    "query": ["SELECT count(*) FROM ${object}"],
}
"""What to give a field that has no default. A check with another one needs a line here."""

EXTRA: dict[str, list[dict[str, Any]]] = {
    "validity.range": [
        {"column": "x", "minimum": 0, "maximum": 1},
        {"column": "at", "maximum": "2026-04-01"},
    ],
    "validity.length": [{"column": "word", "maximum": 1}],
    "distribution.mean": [{"column": "x", "minimum": 0.2}],
    "distribution.quantile": [{"column": "x", "maximum": 0.2}],
    "drift.distribution": [
        {"column": "x", "statistic": s, "maximum": 0.0} for s in ("psi", "js", "ks", "wasserstein")
    ],
    "drift.label": [{"maximum": 0.0, "alpha": 0.9}, {"by": ("word",), "maximum": 0.0}],
    "timeliness.gaps": [{"maximum": "20h"}, {"by": "group"}, {"by": "group", "maximum": "2d"}],
    "timeliness.future": [{"tolerance": "0s"}],
    "timeliness.order": [{"by": "group", "maximum": 0.5}],
    "volume.season": [{"every": every, "maximum": 0.0, "alpha": 0.5} for every in ("hour", "day")],
    "validity.media": [{"column": "word"}],
    "validity.images": [{"column": "word"}],
    "consistency.reference": [
        {"columns": ("whole",), "dataset": "data", "references": ("label",)},
        {"columns": ("label", "group"), "dataset": "data", "references": ("whole", "group")},
    ],
    "consistency.sql": [
        {"query": "SELECT count(*) FROM ${object} WHERE ${column} < 0", "column": "x", "equals": 0},
        {"query": "SELECT coalesce(avg(x), 0) FROM data", "below": 0, "level": "warn"},
        {"query": "SELECT count(*) > 0 FROM ${table}", "equals": True},
    ],
    "volume.rows": [{"max_growth": 0.0}],
    "duplicates.near_text": [{"column": "word"}],
    "duplicates.near_rows": [{"columns": ("word", "x", "at"), "absolute": 0.2, "days": 20.0}],
    "duplicates.entities": [{"columns": ("word", "x", "group")}],
}
"""Further parameters that are worth a try."""

MODELS = [name for name in CHECKS if CHECKS[name].cost == "model"]
SINGLE = LocalExecutor(1)


def table(rows: int, seed: int = 0, start: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    base = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    times = [base + timedelta(hours=int(hours)) for hours in rng.integers(0, 2000, rows)]
    return pa.table(
        {
            "id": np.arange(start, start + rows),
            "x": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1),
            "whole": pa.array(rng.choice([1, 2, 3, 999], rows, p=[0.5, 0.3, 0.15, 0.05]), pa.int32()),
            "word": rng.choice(["a", "b", "A ", "n/a", "7", ""], rows),
            "group": pa.array(
                rng.choice(["u", "v", "w"], rows, p=[0.7, 0.25, 0.05]), mask=rng.random(rows) < 0.05
            ),
            "at": pa.array(times, pa.timestamp("us")),
            "label": rng.choice([0, 1], rows, p=[0.95, 0.05]),
            "split": rng.choice(["train", "test"], rows),
        },
        schema=SCHEMA,
    )


@cache
def examples(name: str) -> tuple[Check, ...]:
    """Return checks of a kind, with every sensible value of the fields that have no default."""
    kind: Any = CHECKS[name]
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    unknown = [field for field in needed if field not in REQUIRED]
    assert not unknown, f"say in REQUIRED what to give {unknown} of {name}"
    sets: list[dict[str, Any]] = [{}]
    for field in needed:
        sets = [{**chosen, field: value} for chosen in sets for value in REQUIRED[field]]
    return tuple(kind(**chosen) for chosen in [*sets, *EXTRA.get(name, ())])


def repo_of(*parts: pa.Table, key: str | None = "id") -> Repo:
    repo = Repo.init("memory://")
    repo.executor = SINGLE
    for number, part in enumerate(parts):
        with repo.transaction(f"part {number}") as tx:
            tx.append("data", part, key=key)
    return repo


def found(
    name: str, dataset: Dataset, *, baseline: Dataset | None = None, repo: Repo | None = None
) -> Report:
    target = Target(
        dataset=dataset,
        contract=CONTRACT,
        baseline=baseline,
        executor=SINGLE,
        cache=None if repo is None else repo.cache,
        now=NOW,
        beside=lambda name: dataset,
    )
    return run(target, examples(name))


def verdicts(report: Report, *, numbers: bool) -> list[tuple[Any, ...]]:
    """Return what a report says, the numbers of what passes left out unless asked for."""
    out = []
    for finding in report.findings:
        facts: tuple[Any, ...] = (finding.check, finding.column, finding.slice, finding.outcome)
        if numbers or finding.outcome is not Outcome.PASS:
            facts += (finding.value and round(finding.value, 6), finding.row_count, finding.message)
        out.append(facts)
    return sorted(out, key=str)


def assert_well_formed(finding: Finding) -> None:
    assert finding.check in CHECKS
    assert finding.message[:1].isupper() or finding.message[:1].isdigit()
    assert finding.message.endswith((".", "?"))
    assert 0 <= finding.severity <= 1
    assert finding.row_count >= len(finding.rows) >= 0
    if finding.interval is not None and finding.value is not None:
        low, high = finding.interval
        assert low - 1e-9 <= finding.value <= high + 1e-9


@pytest.fixture(scope="module")
def usual() -> Repo:
    return repo_of(table(150), table(150, 1, 150))


@pytest.fixture(autouse=True, scope="module")
def needs() -> None:
    pytest.importorskip("sklearn", reason="the model-based checks need it")


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_says_what_it_is(name: str) -> None:
    kind = CHECKS[name]
    assert kind.id == name
    assert kind.title[:1].isupper()
    assert not kind.title.endswith(".")
    assert kind.cost in ("scan", "rows", "model")
    assert (kind.__doc__ or "").strip()


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_stands_in_the_page_of_dimensions_with_its_cost(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "quality-dimensions.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    assert row.endswith(f" {CHECKS[name].cost} |")


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_can_be_asked_for_by_a_contract(name: str) -> None:
    for check in examples(name):
        assert check_of(rule_of(check)) == check


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_finds_something_to_say_about_usual_data(name: str, usual: Repo) -> None:
    report = found(name, usual["data"], baseline=usual.at("main~1")["data"], repo=usual)
    assert report.findings
    for finding in report.findings:
        assert_well_formed(finding)
    sensible = [finding for finding in report.findings if finding.outcome is not Outcome.ERROR]
    assert sensible, report.findings


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(SCHEMA.empty_table(), id="empty"),
        pytest.param(table(1), id="one-row"),
        pytest.param(
            pa.table([pa.array([0, 1, 2]), *(pa.nulls(3, f.type) for f in list(SCHEMA)[1:])], schema=SCHEMA),
            id="all-null",
        ),
    ],
)
def test_a_check_copes_with_next_to_nothing(name: str, rows: pa.Table, usual: Repo) -> None:
    fits = {
        check
        for check, finding in zip(examples(name), _first_findings(name, usual), strict=True)
        if finding.outcome is not Outcome.ERROR
    }
    data = repo_of(rows)["data"]
    target = Target(dataset=data, contract=CONTRACT, executor=SINGLE, now=NOW, beside=lambda name: data)
    for check in fits:
        for finding in run(target, [check]).findings:
            assert_well_formed(finding)
            assert finding.outcome is not Outcome.ERROR, finding.message


@pytest.mark.parametrize("name", [name for name in CHECKS if CHECKS[name].cost == "scan"])
def test_the_order_of_rows_and_chunks_does_not_matter(name: str) -> None:
    first, second = table(120), table(80, 1, 120)
    turned = first.take(pa.array(np.random.default_rng(3).permutation(120)))
    reports = [found(name, repo_of(*parts)["data"]) for parts in ((first, second), (second, turned))]
    assert verdicts(reports[0], numbers=True) == verdicts(reports[1], numbers=True)


@pytest.mark.parametrize("name", CHECKS)
def test_verdicts_after_changes_are_those_of_a_full_scan(name: str) -> None:
    repo = repo_of(table(150))
    repo.create_tag("before")
    found(name, repo["data"], baseline=repo.at("before")["data"], repo=repo)
    changed = table(12, 5, 20)
    for number in range(2 if name in MODELS else 4):
        with repo.transaction("change") as tx:
            if number % 2:
                tx.delete("data", keys=[number, 30 + number])
                tx.append("data", table(6, number, 500 + 10 * number))
            else:
                tx.upsert("data", changed.slice(number, 6))
        data, baseline = repo["data"], repo.at("before")["data"]
        incremental = found(name, data, baseline=baseline, repo=repo)
        assert verdicts(incremental, numbers=False) == verdicts(
            found(name, data, baseline=baseline), numbers=False
        )


@pytest.mark.parametrize("name", CHECKS)
def test_the_rows_of_a_finding_are_as_many_as_it_says(name: str) -> None:
    repo = repo_of(table(200))
    keys = set(repo["data"].keys_of(repo["data"].to_arrow(["id"])))
    for finding in found(name, repo["data"], baseline=repo["data"]).problems():
        assert set(finding.rows) <= keys
        assert len(set(finding.rows)) == len(finding.rows)
        if finding.rows:
            assert len(finding.rows) == min(finding.row_count, 50)


def _first_findings(name: str, usual: Repo) -> list[Finding]:
    target = Target(
        dataset=usual["data"],
        contract=CONTRACT,
        executor=SINGLE,
        cache=usual.cache,
        now=NOW,
        beside=lambda name: usual["data"],
    )
    return [run(target, [check]).findings[0] for check in examples(name)]
