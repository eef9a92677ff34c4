"""What recipes share: labels as numbers, feature columns, choice by columns."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.recipes.base import RECIPES, choose, encode_labels, feature_columns, identity, load

SCHEMA = pa.schema(
    [("id", pa.int64()), ("text", pa.string()), ("label", pa.string()), ("_augmented_from", pa.string())]
)


def test_whole_numbers_and_fractions_without_a_fraction_are_the_same_classes() -> None:
    assert encode_labels(pa.array([1, 0, 10])).classes == ("0", "1", "10")
    assert encode_labels(pa.array([1.0, 0.0, 10.0])).classes == ("0", "1", "10")
    assert encode_labels(pa.array([True, False])).classes == ("false", "true")
    assert encode_labels(pa.array([0.5, 1.5])).classes == ()


def test_many_whole_numbers_are_for_regression() -> None:
    assert encode_labels(pa.array(range(500))).task == "regression"


def test_one_class_is_refused() -> None:
    with pytest.raises(UsageError, match="every row has 'x'"):
        encode_labels(pa.array(["x", "x"]))
    with pytest.raises(UsageError, match="none of the classes"):
        encode_labels(pa.array(["x", "z"]), ["x", "y"])


def test_key_label_and_bookkeeping_are_no_features() -> None:
    assert feature_columns(SCHEMA, label="label", key=["id"]) == ["text"]
    with pytest.raises(UsageError, match="No column is left"):
        feature_columns(SCHEMA, label="label", key=["id"], exclude=["text"])
    with pytest.raises(NotFound, match="lable"):
        feature_columns(SCHEMA, label="lable")


def test_one_text_column_chooses_text() -> None:
    assert choose(SCHEMA, ["text"]) == "text"
    assert choose(SCHEMA, ["id", "text"]) == "tabular"


def test_embeddings_beside_a_text_do_not_change_the_recipe() -> None:
    schema = SCHEMA.append(pa.field("text_embedding", pa.list_(pa.float32(), 4)))
    assert choose(schema, ["text", "text_embedding"]) == "text"
    assert choose(schema, ["text_embedding"]) == "tabular"


def test_recipes_are_found_by_name_and_as_module_and_function() -> None:
    assert {"tabular", "text"} <= set(RECIPES)
    assert identity(load("tabular")).startswith("tabular@")
    assert identity(load("tests.recipes.test_estimator:nearest")).startswith("estimator@")
    with pytest.raises(NotFound, match="Did you mean 'tabular'"):
        load("tabluar")
    with pytest.raises(NotFound, match="no recipe"):
        load("nowhere_at_all:make")
