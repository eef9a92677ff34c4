"""What a model version says of itself."""

from __future__ import annotations

import datetime
import json
import math

import pyarrow as pa
import pytest

from headwater.models.registered import describe_inputs, scores_of
from tests.models.registered import repo_with_model

pytest.importorskip("sklearn")
pytest.importorskip("skops")


def test_inputs_are_described_by_type_gaps_and_usual_values() -> None:
    features = pa.table(
        {
            "age": [30, None, 50, 40],
            "size": [1.0, float("nan"), float("inf"), 3.0],
            "job": ["a", "b", "b", None],
            "day": pa.array([datetime.date(2020, 1, 1)] * 4),
            "none": pa.nulls(4, pa.float64()),
        }
    )
    age, size, job, day, none = describe_inputs(features)
    assert age == {"name": "age", "type": "int64", "missing": 0.25, "least": 30, "most": 50, "middle": 40.0}
    assert (size["least"], size["most"]) == (1.0, 3.0)
    assert job["values"] == ["b", "a"]
    assert day == {"name": "day", "type": "date32[day]", "missing": 0.0}
    assert none["missing"] == 1.0
    assert none["least"] is None
    json.dumps(describe_inputs(features), allow_nan=False)


def test_no_rows_are_described_too() -> None:
    (found,) = describe_inputs(pa.table({"x": pa.array([], pa.string())}))
    assert found["missing"] == 0.0


def test_scores_come_back_as_they_were() -> None:
    repo, found = repo_with_model()
    again = scores_of(found.facts)
    fresh = repo.train("loans").scores
    assert [one.metric for one in again] == [one.metric for one in fresh]
    for one, other in zip(again, fresh, strict=True):
        assert one.value == other.value or math.isnan(other.value)


def test_the_contract_that_a_version_keeps_speaks_of_its_features_alone() -> None:
    _, found = repo_with_model()
    assert found.contract is not None
    assert {one.name for one in found.contract.columns} <= {"income", "debt", "job"}
    assert found.to_dict()["model"] == "loans"
    assert found.id == "loans@1"
