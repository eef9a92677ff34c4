"""Codes among values: those of real data are found, and honest values are left alone."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.runner import run
from headwater.checks.sentinel import Sentinel
from tests.checks.targets import loans, one_finding, target_of

RNG = np.random.default_rng(11)
AGES = RNG.integers(18, 90, 1000)


def suspects(values: object, **parameters: object) -> list[str]:
    finding = one_finding(Sentinel(column="c", **parameters), target_of(pa.table({"c": values})))  # type: ignore[arg-type]
    return sorted(finding.evidence.get("values", {}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.append(AGES, [999] * 20), ["999"]),
        (np.append(AGES, [-1] * 5), ["-1"]),
        (np.append(RNG.normal(100, 5, 500), [1e6]), ["1000000.0"]),
        (["a", "b", "N/A", "?", "a"], ["?", "N/A"]),
        (pa.array([date(2020, 1, d % 28 + 1) for d in range(60)] + [date(1900, 1, 1)] * 3), ["1900-01-01"]),
    ],
)
def test_codes_are_found(values: object, expected: list[str]) -> None:
    assert suspects(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        AGES,
        RNG.lognormal(3, 2, 3000),
        RNG.normal(size=2000),
        [-1, 0, 1] * 50,
        [0, 1] * 20,
        np.arange(2000),
        [99] * 30,
        ["-", "-"],
        ["yes", "no", "maybe"],
        [True, False],
        [None, None],
    ],
    ids=lambda values: str(values)[:20],
)
def test_honest_values_are_left_alone(values: object) -> None:
    assert suspects(pa.array(values)) == []


def test_values_that_are_known_to_be_meant_are_ignored() -> None:
    assert suspects(np.append(AGES, [999] * 20), ignore=(999,)) == []


def test_the_coding_errors_of_the_mortgage_applications_are_found() -> None:
    table = loans()
    numeric = [f.name for f in table.schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    report = run(target_of(table), [Sentinel(column=name) for name in numeric])
    assert {f.column for f in report.problems()} >= {"liq", "lines", "term", "gdlin", "review", "appinc"}
    assert len(report.problems()) <= 8
