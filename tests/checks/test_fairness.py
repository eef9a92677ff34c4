"""Group sizes and label rates by group, on data whose published numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.fairness import BaseRate, Representation
from headwater.core.findings import Outcome
from headwater.methods.intervals import wilson
from tests.checks.targets import findings_of, loans, one_finding, target_of


def adult(shared: Path) -> pa.Table:
    pandas = pytest.importorskip("pandas")
    return pa.Table.from_pandas(pandas.read_csv(shared / "fairness" / "adult.csv.gz"), preserve_index=False)


def test_adult_shows_the_difference_between_women_and_men_that_is_known(shared: Path) -> None:
    target = target_of(adult(shared), label="salary-class", sensitive=("sex",))
    finding = one_finding(BaseRate(), target)
    # 1,179 of 10,771 women and 6,662 of 21,790 men: a demographic parity difference of 0.196.
    assert finding.outcome is Outcome.WARN
    assert finding.value == pytest.approx(6662 / 21790 - 1179 / 10771)
    assert finding.interval is not None
    assert finding.interval[0] < 0.196 < finding.interval[1]
    assert finding.slice == "\"sex\" = 'Female'"
    assert finding.evidence["label"] == "salary-class = >50K"
    assert finding.fix is not None
    assert (finding.fix.transform, finding.fix.parameters) == ("rebalance.reweigh", {"columns": ["sex"]})
    assert "10.9 %" in finding.message
    assert "30.6 %" in finding.message


def test_black_applicants_are_approved_less_often_and_sex_makes_no_certain_difference() -> None:
    target = target_of(loans(), key="application", label="approve", sensitive=("race", "sex"))
    by_column = {finding.column: finding for finding in findings_of(BaseRate(), target)}
    race, sex = by_column["race"], by_column["sex"]
    assert race.outcome is Outcome.WARN
    assert race.slice == "\"race\" = 'black'"
    assert race.value == pytest.approx(1527 / 1681 - 133 / 197)
    assert sex.outcome is Outcome.PASS
    assert "chance may explain" in sex.message
    assert sex.interval is not None
    assert sex.interval[0] == 0.0


def test_rare_groups_of_adult_are_named(shared: Path) -> None:
    target = target_of(adult(shared), label="salary-class", sensitive=("race",))
    finding = one_finding(Representation(), target)
    assert finding.outcome is Outcome.WARN
    assert finding.message.startswith("3 groups have few rows: race = Amer-Indian-Eskimo (311 rows")
    groups = {row["group"]: row for row in finding.evidence["groups"]}
    low, high = wilson(271, 32561)
    assert (groups["Other"]["low"], groups["Other"]["high"]) == (float(low), float(high))
    assert finding.interval == (float(low), float(high))


def test_a_group_of_one_has_one_row() -> None:
    finding = one_finding(Representation(), target_of(pa.table({"sex": ["f", "m", "m"]}), sensitive=("sex",)))
    assert "sex = f (1 row, 33.3 %)" in finding.message


def test_a_group_that_is_rarer_than_where_the_model_is_used_is_told() -> None:
    table = pa.table({"sex": ["f"] * 300 + ["m"] * 700})
    target = target_of(table, sensitive=("sex",))
    assert one_finding(Representation(), target).outcome is Outcome.PASS
    assert one_finding(Representation(reference={"f": 0.5, "m": 0.5}), target).outcome is Outcome.WARN
    # Four fifths of 0.35 lie inside the interval of 300 in 1,000.
    assert one_finding(Representation(reference={"f": 0.35}), target).outcome is Outcome.PASS


def test_missing_groups_are_shown_and_not_judged() -> None:
    table = pa.table({"sex": ["f"] * 200 + ["m"] * 200 + [None] * 3, "y": [0, 1] * 200 + [0, 0, 0]})
    target = target_of(table, label="y", sensitive=("sex",))
    assert one_finding(Representation(), target).outcome is Outcome.PASS
    assert one_finding(BaseRate(), target).outcome is Outcome.PASS


def test_of_several_classes_the_one_that_differs_most_is_told() -> None:
    rng = np.random.default_rng(1)
    sex = rng.choice(["f", "m"], 3000)
    label = np.where((sex == "f") & (rng.random(3000) < 0.4), "c", rng.choice(["a", "b"], 3000))
    target = target_of(pa.table({"sex": sex, "y": label}), label="y", sensitive=("sex",))
    finding = one_finding(BaseRate(), target)
    assert finding.evidence["label"] == "y = c"
    assert finding.value == pytest.approx(0.4, abs=0.03)


def test_a_chosen_label_value_is_judged_and_an_unknown_one_refused() -> None:
    table = pa.table({"sex": ["f", "m"] * 500, "y": ["no", "yes"] * 500})
    target = target_of(table, label="y", sensitive=("sex",))
    assert one_finding(BaseRate(positive="no"), target).evidence["label"] == "y = no"
    broken = one_finding(BaseRate(positive="maybe"), target)
    assert broken.outcome is Outcome.ERROR
    assert "No row has the label 'maybe'" in broken.message


def test_a_small_difference_passes_even_where_it_is_certain() -> None:
    y = np.concatenate([np.arange(20000) % 20 == 0, np.arange(20000) % 10 == 0])
    target = target_of(
        pa.table({"sex": ["f"] * 20000 + ["m"] * 20000, "y": y}), label="y", sensitive=("sex",)
    )
    assert one_finding(BaseRate(), target).outcome is Outcome.PASS
    assert one_finding(BaseRate(maximum=0.04), target).outcome is Outcome.WARN


@pytest.mark.parametrize("check", [Representation(), BaseRate()], ids=lambda check: check.id)
def test_without_sensitive_features_the_message_says_what_to_name(check: Representation | BaseRate) -> None:
    finding = one_finding(check, target_of(pa.table({"a": [1, 2], "y": [0, 1]}), label="y"))
    assert finding.outcome is Outcome.ERROR
    assert "--sensitive" in finding.message


def test_too_many_values_are_refused_in_words() -> None:
    table = pa.table({"name": [str(n) for n in range(10_001)]})
    finding = one_finding(Representation(columns=("name",)), target_of(table))
    assert finding.outcome is Outcome.ERROR
    assert "more than 10,000 combinations" in finding.message


def test_rates_are_for_labels_of_a_few_classes() -> None:
    table = pa.table({"sex": ["f", "m"] * 100, "y": [str(n) for n in range(200)]})
    finding = one_finding(BaseRate(), target_of(table, label="y", sensitive=("sex",)))
    assert (finding.outcome, "'y' has 200 values, too many" in finding.message) == (Outcome.PASS, True)
