"""The profile of a dataset, against what its rows say."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import NotFound
from headwater.profile.report import Profile, profile
from headwater.versions.repo import Repo
from tests.profile.tables import SCHEMA, table_of


def described(table: pa.Table, *, label: str | None = None, key: str | None = None) -> Profile:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", table, key=key)
    return profile(repo["data"], label=label, cache=repo.cache)


@pytest.fixture(scope="module")
def people() -> Profile:
    rng = np.random.default_rng(5)
    age = rng.integers(18, 80, 500)
    return described(
        pa.table(
            {
                "id": np.arange(500),
                "age": age,
                "income": pa.array(age * 1000.0 + rng.normal(size=500), mask=rng.random(500) < 0.1),
                "city": rng.choice(["Rome", "Oslo", "Lima"], 500, p=[0.6, 0.3, 0.1]),
                "mail": [f"user{i}@example.org" for i in range(500)],
                "born": pa.array([date(2000, 1, 1 + i % 28) for i in range(500)]),
                "ok": rng.random(500) < 0.8,
            }
        ),
        label="ok",
        key="id",
    )


def test_numbers_are_described(people: Profile) -> None:
    age = people["age"]
    assert (age.kind, age.type, age.missing) == ("integer", "int64", 0)
    assert age.minimum == 18
    assert age.maximum == 79
    assert age.distinct == 62
    assert age.quantiles["0.5"] == pytest.approx(48, abs=3)
    assert age.histogram is not None
    assert sum(age.histogram.counts) + age.histogram.below + age.histogram.above == 500
    income = people["income"]
    assert income.missing_fraction == pytest.approx(0.1, abs=0.04)
    assert income.mean == pytest.approx(48_500, rel=0.05)
    assert income.std is not None


def test_texts_and_times_are_described(people: Profile) -> None:
    assert [value.value for value in people["city"].top] == ["Rome", "Oslo", "Lima"]
    assert people["city"].lengths == {"minimum": 4, "median": 4, "maximum": 4}
    assert people["mail"].formats == {"email": 1.0}
    assert people["born"].minimum == date(2000, 1, 1)
    assert people["born"].histogram is not None
    assert people["ok"].counts["true"] == people.classes[0].count


def test_the_key_has_as_many_values_as_rows(people: Profile) -> None:
    assert (people["id"].distinct, people["id"].distinct_is_exact) == (500, True)
    assert people["mail"].distinct <= 500


def test_correlations_leave_the_key_out_and_name_the_strongest_first(people: Profile) -> None:
    assert people.correlated == ("age", "income", "ok")
    first, second, value = people.strongest(1)[0]
    assert ({first, second}, round(value, 3)) == ({"age", "income"}, 1.0)


def test_the_label_is_spread_over_its_classes(people: Profile) -> None:
    assert people.label == "ok"
    assert [value.value for value in people.classes] == [True, False]


def test_a_profile_is_json_and_has_a_text_and_an_html_form(people: Profile) -> None:
    text = json.dumps(people.to_dict(), allow_nan=False)
    assert json.loads(text)["columns"][1]["missing_fraction"] == 0
    assert "500 rows" in repr(people)
    assert people._repr_html_().startswith("<iframe")
    with pytest.raises(KeyError):
        people["nothing"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_every_kind_of_column_can_be_described_even_without_values(rows: int) -> None:
    found = described(table_of([dict.fromkeys(SCHEMA.names)] * rows), label="items")
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.classes == ()
    assert all(one.missing == rows for one in found.columns)


def test_far_values_do_not_press_the_others_into_one_bar() -> None:
    values = np.append(np.random.default_rng(0).normal(size=2000), [1e9])
    histogram = described(pa.table({"x": values}))["x"].histogram
    assert histogram is not None
    assert histogram.above >= 1
    assert max(histogram.counts) < 600


def test_odd_numbers_can_be_described() -> None:
    found = described(pa.table({"x": [float("inf"), float("-inf"), 0.0], "y": [5.0, 5.0, 5.0]}))
    assert found["x"].mean == 0
    assert found["y"].histogram is not None
    json.dumps(found.to_dict(), allow_nan=False)
    found.to_html()


@pytest.mark.filterwarnings("error")
def test_what_is_at_the_limits_can_be_described() -> None:
    ends = [-(2**63) + 1, 0, 2**63 - 1]
    found = described(
        pa.table(
            {
                "real": [-1.7e308, 0.0, 1.7e308],
                "tiny": [5e-324, 1e308, 1.7e308],
                "whole": ends,
                "day": pa.array([date(1, 1, 1), date(9999, 12, 31), date(9999, 12, 31)]),
                "only": pa.array([date(9999, 12, 31)] * 3),
                "at": pa.array(ends).cast(pa.timestamp("us")),
                "zone": pa.array(ends).cast(pa.timestamp("ms", "Asia/Tokyo")),
                "span": pa.array(ends).cast(pa.duration("us")),
            }
        )
    )
    assert found["day"].maximum == date(9999, 12, 31)
    assert found["at"].maximum == "294247-01-10T04:00:54.775807"
    json.dumps(found.to_dict(), allow_nan=False)
    found.to_html()


def test_the_label_of_the_contract_is_used_and_must_be_there() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", pa.table({"x": [1, 2], "y": ["a", "b"]}))
        tx.set_contract("data", Contract(dataset="data", label="y"))
    assert profile(repo["data"]).label == "y"
    with pytest.raises(NotFound, match="Did you mean 'y'"):
        profile(repo["data"], label="yy")


def test_a_second_profile_reads_nothing() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", pa.table({"x": np.arange(100)}))
    first, second = (profile(repo["data"], cache=repo.cache) for _ in range(2))
    assert (first.scanned_rows, second.scanned_rows) == (100, 0)
    assert first.columns == second.columns
