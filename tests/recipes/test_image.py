"""The recipe for pictures: accurate on digits, the same each time, and kept without code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.models.train import train
from headwater.recipes.base import encode_labels, load
from headwater.recipes.image import Image
from headwater.recipes.model_file import Signature, model_bytes, read_model
from tests.models.test_train import made
from tests.recipes.pictures import digits, files_of

pytest.importorskip("PIL")
linear = pytest.importorskip("sklearn.linear_model")


def test_digits_are_told_apart_at_least_as_well_as_by_their_pixels() -> None:
    table = digits()
    done = train(made(table, key="path", label="label"))
    assert done.recipe.startswith("image@")
    assert done.features == ("picture",)
    ours = next(score.value for score in done.scores if score.metric == "accuracy")
    from sklearn.datasets import load_digits

    data = load_digits()
    held = np.isin(table.column("path"), done.predictions.column("path"))
    plain = linear.LogisticRegression(max_iter=500).fit(data.data[~held] / 16, data.target[~held])
    assert ours >= plain.score(data.data[held] / 16, data.target[held])


def test_two_thousand_digits_of_mnist(shared: Path) -> None:
    with np.load(next((shared / "mnist_test").glob("*.npz"))) as kept:
        pixels, labels = kept["images"][:2000], kept["labels"][:2000]
    table = pa.table({"id": np.arange(2000), "picture": files_of(pixels), "label": labels.astype(str)})
    done = train(made(table, label="label"))
    ours = next(score.value for score in done.scores if score.metric == "accuracy")
    held = np.isin(np.arange(2000), done.predictions.column("id"))
    flat = pixels.reshape(2000, -1) / 255
    plain = linear.LogisticRegression(max_iter=200).fit(flat[~held], labels[~held])
    assert ours > plain.score(flat[held], labels[held])


def test_the_same_model_each_time_and_from_its_file() -> None:
    features, labels = digits(200).select(["picture"]), encode_labels(digits(200).column("label"))
    one, two = (Image().fit(features, labels, weights=None, seed=3) for _ in range(2))
    said = one.predict(features)
    np.testing.assert_array_equal(said, two.predict(features))
    signature = Signature(inputs=features.schema, label="label", classes=labels.classes)
    again, _ = read_model(model_bytes("image", one, signature))
    np.testing.assert_allclose(again.predict(features), said)
    assert again.predict(features.slice(0, 0)).shape == (0, 10)


def test_broken_pictures_are_passed_over_and_none_at_all_is_told() -> None:
    table = digits(120)
    files = [b"broken", None, *table.column("picture").to_pylist()[2:]]
    features = pa.table({"picture": pa.array(files, pa.binary())})
    labels = encode_labels(table.column("label"))
    said = Image().fit(features, labels, weights=np.ones(120), seed=0).predict(features)
    np.testing.assert_allclose(said.sum(axis=1), 1.0)
    np.testing.assert_allclose(said[0], said[1])
    with pytest.raises(UsageError, match="cannot read any"):
        Image().fit(pa.table({"a": [b"x"] * 120}), labels, weights=None, seed=0)


def test_numbers_are_learnt_from_pictures_too() -> None:
    table = digits(600)
    bright = np.array([len(one) for one in table.column("picture").to_pylist()], np.float64) / 7
    found = load("image(strength=10)").fit(
        table.select(["picture"]), encode_labels(pa.array(bright)), weights=None, seed=0
    )
    assert np.corrcoef(found.predict(table.select(["picture"]))[:, 0], bright)[0, 1] > 0.8


def test_a_recipe_for_pictures_needs_one_column_of_them() -> None:
    table = pa.table({"id": np.arange(100), "x": np.arange(100) / 3, "y": np.arange(100) % 2})
    with pytest.raises(UsageError, match="one column of pictures"):
        train(made(table), label="y", recipe="image")
    beside = digits(200).append_column("weight_g", pa.array(np.arange(200) / 7))
    assert train(made(beside, key="path"), label="label").recipe.startswith("tabular@")
    assert train(made(beside, key="path"), label="label", recipe="image").features == ("picture",)
