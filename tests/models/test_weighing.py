"""Weights of training rows: what they are made of, what is refused, and that training heeds them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.models.train import train
from headwater.models.weighing import Weighing, named_weights
from headwater.recipes.base import encode_labels
from tests.models.test_train import made

ROWS = pa.table(
    {
        "item": [0, 0, 0, 1, 1, 1, 2, 2],
        "who": ["a", "b", "c", "a", "b", "c", "a", "b"],
        "sex": ["f", "f", "f", "m", "m", None, "f", "f"],
        "weight": [1.0, 2.0, None, 1.0, 1.0, 1.0, 1.0, 1.0],
        "label": ["x", "x", "y", "y", "y", "x", "x", "x"],
    }
)


def found(**options: Any) -> tuple[np.ndarray[Any, np.dtype[np.float64]], dict[str, Any]]:
    weights, facts = Weighing(**options).weights(
        ROWS, "label", encode_labels(ROWS.column("label")), ["item", "who"]
    )
    assert weights is not None
    json.dumps(facts, allow_nan=False)
    return weights, facts


def test_nothing_given_is_no_weights() -> None:
    assert Weighing().weights(ROWS, "label", encode_labels(ROWS.column("label")), []) == (None, {})


def test_all_that_is_given_is_multiplied() -> None:
    balanced, facts = found(classes="balanced")
    assert facts["classes"] == {"x": 0.8, "y": pytest.approx(4 / 3)}
    groups, _ = found(group="sex")
    assert groups.tolist() == pytest.approx([8 / 15] * 3 + [8 / 6] * 2 + [8 / 3] + [8 / 15] * 2)
    column, _ = found(column="weight")
    assert column.tolist() == [1, 2, 1, 1, 1, 1, 1, 1]
    both, facts = found(classes="balanced", group="sex", column="weight")
    np.testing.assert_allclose(both, balanced * groups * column)
    assert facts["groups"]["weights"].keys() == {"(none)", "f", "m"}
    assert 0 < facts["effective_rows"] < 8


def test_reweighing_gives_all_groups_the_same_rates() -> None:
    rows = pa.table({"sex": ["f"] * 10 + ["m"] * 30, "label": [*"xxxxxxxyyy", *"xxx", *("y" * 27)]})
    labels = encode_labels(rows.column("label"))
    weights, facts = Weighing(reweigh="sex").weights(rows, "label", labels, [])
    assert weights is not None
    rates = [np.average(labels.values[part], weights=weights[part]) for part in (slice(10), slice(10, 40))]
    assert rates == pytest.approx([0.75, 0.75])
    first = facts["reweigh"]["weights"][0]
    assert first == {"group": "f", "label": "x", "weight": pytest.approx(10 * 10 / 40 / 7)}


def test_annotators_weigh_by_agreement_or_as_is_said() -> None:
    weights, facts = found(annotator="who")
    assert facts["annotators"]["by"] == "agreement"
    assert facts["annotators"]["weights"]["a"] > facts["annotators"]["weights"]["c"] == 0
    weights, facts = found(annotator="who:a=2, c=0.5")
    assert weights.tolist() == [2, 1, 0.5, 2, 1, 0.5, 2, 1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"classes": "x=-1"}, "no weight"),
        ({"classes": "x"}, "no weight"),
        ({"classes": "z=1"}, "z"),
        ({"classes": {"x": float("nan")}}, "finite"),
        ({"classes": "x=0,y=0"}, "all 0"),
        ({"annotator": "who:zoe=1"}, "zoe"),
        ({"annotator": "sex"}, "No two annotators"),
    ],
)
def test_weights_that_mean_nothing_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        found(**options)


def test_numbers_have_no_class_weights_and_ids_are_no_groups() -> None:
    rows = pa.table({"id": np.arange(300), "y": np.arange(300) / 7})
    labels = encode_labels(rows.column("y"))
    for options in ({"classes": "balanced"}, {"reweigh": "id"}, {"annotator": "id"}):
        with pytest.raises(UsageError, match="umbers"):
            Weighing(**options).weights(rows, "y", labels, ["id"])
    with pytest.raises(UsageError, match="too many groups"):
        Weighing(group="id").weights(rows, "y", labels, ["id"])
    assert named_weights("a=b=2") == {"a=b": 2.0}


def test_training_heeds_weights_and_records_them(rng: np.random.Generator) -> None:
    x = rng.normal(size=2000)
    rare = (x + rng.normal(size=2000) > 2.2).astype(np.int64)
    dataset = made(pa.table({"id": np.arange(2000), "x": x, "who": ["a", "b"] * 1000, "y": rare}))

    def calls(**options: Any) -> float:
        done = train(dataset, label="y", **options)
        json.dumps(done.to_dict(), allow_nan=False)
        return float(np.mean(np.asarray(done.predictions.column("predicted")) == "1"))

    assert calls(class_weight="balanced") > 2 * calls()
    done = train(dataset, label="y", class_weight={"1": 2.0}, annotator_weight="who:a=0.5")
    assert done.features == ("x",)
    assert done.to_dict()["weights"]["classes"] == {"0": 1.0, "1": 2.0}
    assert done.options["annotator_weight"] == "who:a=0.5"
    with pytest.raises(NotFound):
        train(dataset, label="y", group_weight="nope")
