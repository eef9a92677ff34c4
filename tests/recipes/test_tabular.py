"""The tabular recipe: mixed columns, missing values, values never seen, and the same model each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from headwater.recipes.base import encode_labels, load


def rows(rng: np.random.Generator, count: int) -> tuple[pa.Table, pa.Array]:
    """Return mixed features, and a label that follows from two of them."""
    number = rng.normal(size=count)
    city = np.array(["Ulm", "Köln", "東京"])[rng.integers(0, 3, count)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "number": pa.array(number, mask=rng.random(count) < 0.1),
            "city": pa.array(city, mask=rng.random(count) < 0.1),
            "flag": pa.array(rng.random(count) < 0.5),
            "time": pa.array([start + timedelta(hours=int(h)) for h in rng.integers(0, 999, count)]),
            "nothing": pa.nulls(count, pa.string()),
            "list": pa.array([[1, 2]] * count),
        }
    )
    return table, pa.array(np.where((number > 0) ^ (city == "Ulm"), "yes", "no"))


def test_mixed_columns_are_learnt_and_values_never_seen_do_no_harm(rng: np.random.Generator) -> None:
    train, given = rows(rng, 1500)
    test, truth = rows(rng, 500)
    labels = encode_labels(given)
    model = load("tabular").fit(train, labels, weights=None, seed=0)
    said = np.array(labels.classes)[model.predict(test).argmax(axis=1)]
    complete = np.asarray(test.column("number").is_valid()) & np.asarray(test.column("city").is_valid())
    assert (said == np.asarray(truth))[complete].mean() > 0.9
    strange = test.set_column(1, "city", pa.array(["Atlantis"] * 500))
    assert np.isfinite(model.predict(strange)).all()
    assert model.predict(test.slice(0, 0)).shape == (0, 2)


def test_same_seed_gives_the_same_model(rng: np.random.Generator) -> None:
    train, given = rows(rng, 300)
    said = [
        load("tabular").fit(train, encode_labels(given), weights=None, seed=3).predict(train)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(said[0], said[1])


def test_weights_count_and_numbers_are_predicted(rng: np.random.Generator) -> None:
    table = pa.table({"x": np.zeros(200)})
    labels = encode_labels(pa.array(["a"] * 100 + ["b"] * 100))
    weights = np.r_[np.full(100, 9.0), np.full(100, 1.0)]
    said = load("tabular").fit(table, labels, weights=weights, seed=0).predict(table)
    assert abs(said[0, 0] - 0.9) < 0.02
    line = pa.table({"x": np.linspace(0, 1, 400)})
    model = load("tabular").fit(
        line, encode_labels(pa.array(np.linspace(0.1, 2.1, 400))), weights=None, seed=0
    )
    assert abs(model.predict(pa.table({"x": [0.5]}))[0, 0] - 1.1) < 0.1


def test_columns_without_any_value_are_left_out() -> None:
    dates = pa.array(np.datetime64("2026-01-01") + np.arange(60).astype("m8[D]"))
    table = pa.table({"day": dates, "none": pa.nulls(60, pa.float64()), "x": np.arange(60.0)})
    labels = encode_labels(pa.array(["low"] * 30 + ["high"] * 30))
    model = load("tabular").fit(table, labels, weights=None, seed=0)
    assert model.predict(table).shape == (60, 2)
