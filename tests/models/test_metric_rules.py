"""Rules about metrics are read as they are written, and hold or do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, UsageError
from headwater.models.metric_rules import Measured, MetricRule

FIGURES = [
    Measured(metric="accuracy", part="all", kind="all", value=0.9, interval=(0.85, 0.95)),
    Measured(metric="accuracy", part="age < 30", kind="slice", value=0.7, interval=(0.6, 0.8)),
    Measured(metric="accuracy", part="region = north", kind="group", value=0.8, interval=(0.7, 0.9)),
    Measured(metric="selection_rate_gap", part="region", kind="gap", value=0.2, interval=(0.1, 0.3)),
    Measured(metric="roc_auc", part="all", kind="all", value=float("nan"), interval=(float("nan"),) * 2),
]


@pytest.mark.parametrize(
    ("text", "value", "passed"),
    [
        ("accuracy >= 0.9", 0.9, True),
        ("accuracy > 0.9", 0.9, False),
        (" accuracy>=.5 ", 0.9, True),
        ("accuracy <= 1e0", 0.9, True),
        ("lower(accuracy) >= 0.86", 0.85, False),
        ("upper( accuracy ) < 0.96", 0.95, True),
        ("accuracy[age < 30] >= 0.75", 0.7, False),
        ("lower(accuracy[region = north]) >= 0.7", 0.7, True),
        ("selection_rate_gap[region] <= 0.25", 0.2, True),
    ],
)
def test_a_rule_meets_the_figure_that_it_names(text: str, value: float, passed: bool) -> None:
    judged = MetricRule.parse(text).judge(FIGURES)
    assert (judged.value, judged.passed) == (value, passed)


def test_a_figure_that_is_not_defined_holds_no_rule() -> None:
    for sign in ("<", "<=", ">", ">="):
        judged = MetricRule.parse(f"roc_auc {sign} 0.5").judge(FIGURES)
        assert not judged.passed
        assert judged.to_dict()["value"] is None


def test_changes_are_told_from_values() -> None:
    rule = MetricRule.parse("lower(change(accuracy)) >= -0.01")
    assert (rule.is_change, rule.end, rule.bound) == (True, "lower", -0.01)
    assert MetricRule.parse("change(lower(accuracy)) >= -0.01") == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accuracy",
        "accuracy = 0.9",
        "0.9 <= accuracy",
        "lower(upper(accuracy)) > 1",
        "a b > 1",
        "accuracy >= high",
    ],
)
def test_what_is_no_rule_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match=r"accuracy >= 0\.9"):
        MetricRule.parse(text)


def test_what_was_not_measured_is_told_with_what_was() -> None:
    with pytest.raises(NotFound, match=r"age < 30, region, region = north"):
        MetricRule.parse("accuracy[age < 40] > 0").judge(FIGURES)
    with pytest.raises(NotFound, match="accuracy"):
        MetricRule.parse("acuracy > 0").judge(FIGURES)


@given(
    st.builds(
        MetricRule,
        metric=st.from_regex(r"[a-z][a-z_]{0,9}", fullmatch=True).filter(
            lambda word: word not in ("lower", "upper")
        ),
        part=st.sampled_from(["", "age < 30", "a >= 1 AND b[1] < 2", "región = ø"]),
        is_change=st.booleans(),
        end=st.sampled_from(["value", "lower", "upper"]),
        sign=st.sampled_from([">=", "<=", ">", "<"]),
        bound=st.integers(-1000, 1000).map(lambda n: n / 1000),
    )
)
def test_a_rule_reads_as_it_is_written(rule: MetricRule) -> None:
    assert MetricRule.parse(str(rule)) == rule
