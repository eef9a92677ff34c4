"""Every registered check with thresholds right at what a full scan finds: verdicts from kept states are the same."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.checks.base import CHECKS, Check, Target
from headwater.checks.runner import run
from headwater.core.errors import HeadwaterError
from headwater.store.cache import Cache
from headwater.versions.repo import Repo
from tests.checks.test_every_check import CONTRACT, NOW, SINGLE, examples, repo_of, table, verdicts

SCANS = [name for name in CHECKS if CHECKS[name].cost == "scan"]


def near(check: Check, value: float) -> list[Check]:
    """Return the check with each of its thresholds at a value, just below and just above it."""
    out = []
    for item in fields(check):  # type: ignore[arg-type]
        if not item.name.startswith(("max", "min")):
            continue
        values: list[Any] = [value, math.nextafter(value, -math.inf), math.nextafter(value, math.inf)]
        if "float" not in str(item.type):
            values = [math.floor(value), math.floor(value) + 1]
        for one in values:
            if one < 0 <= value:
                continue  # no share or count is less than nothing
            try:
                out.append(replace(check, **{item.name: one}))  # type: ignore[type-var]
            except (HeadwaterError, TypeError):
                continue
    return out


def report_of(repo: Repo, ref: str, checks: list[Check], cache: Cache | None) -> Any:
    target = Target(
        dataset=repo.at(ref)["data"],
        contract=CONTRACT,
        baseline=repo.at("first")["data"],
        executor=SINGLE,
        cache=cache,
        now=NOW,
    )
    return run(target, checks)


@pytest.mark.parametrize("name", SCANS)
@settings(max_examples=3)
@given(seed=st.integers(0, 10**6))
def test_verdicts_at_the_threshold_are_those_of_a_full_scan(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    repo = repo_of(table(90, seed % 1000), table(60, seed % 1000 + 1, 90))
    repo.create_tag("first")
    ids = rng.permutation(150)
    with repo.transaction("fewer") as tx:
        tx.delete("data", keys=ids[: int(rng.integers(1, 12))].tolist())
    repo.create_tag("fewer")
    with repo.transaction("more") as tx:
        tx.upsert("data", table(150, seed % 1000 + 2).take(pa.array(np.sort(ids[20:26]))))
        tx.append("data", table(8, seed % 1000 + 3, 500))
    repo.create_tag("more")
    checks: list[Check] = list(examples(name))
    refs = ("fewer", "more")
    for ref in refs:
        for check in examples(name):
            values = {f.value for f in report_of(repo, ref, [check], None).findings if f.value is not None}
            checks += [
                other for value in sorted(values)[:6] if math.isfinite(value) for other in near(check, value)
            ]
    checks = list(dict.fromkeys(checks))
    report_of(repo, "first", checks, repo.cache)
    for ref in refs:
        kept, full = (report_of(repo, ref, checks, cache) for cache in (repo.cache, None))
        assert verdicts(kept, numbers=False) == verdicts(full, numbers=False)
