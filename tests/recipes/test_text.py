"""The text recipe: real messages are told apart; empty and odd texts do no harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from headwater.core.errors import UsageError
from headwater.recipes.base import Labels, encode_labels, load


def test_real_messages_are_told_apart(shared: Path) -> None:
    table = csv.read_csv(
        shared / "sms_spam" / "sms_spam.csv.gz", parse_options=csv.ParseOptions(newlines_in_values=True)
    )
    table = table.slice(0, 3000)
    labels = encode_labels(table.column("label"))
    train = np.arange(table.num_rows) % 4 > 0
    known = Labels(values=labels.values[train], classes=labels.classes)
    texts = table.select(["text"])
    model = load("text").fit(texts.filter(pa.array(train)), known, weights=None, seed=0)
    said = model.predict(texts.filter(pa.array(~train))).argmax(axis=1)
    assert (said == labels.values[~train]).mean() > 0.97


def test_nulls_unicode_and_several_columns_are_read() -> None:
    table = pa.table(
        {"a": ["gut ö", None, "schlecht", "übel"] * 5, "b": ["", "gut", "übel", None] * 5, "n": [1] * 20}
    )
    labels = encode_labels(pa.array(["+", "+", "-", "-"] * 5))
    model = load("text").fit(table, labels, weights=None, seed=0)
    assert (model.predict(table).argmax(axis=1) == labels.values).all()


def test_what_it_cannot_learn_from_is_refused() -> None:
    labels = encode_labels(pa.array(["x", "y"]))
    with pytest.raises(UsageError, match="text column"):
        load("text").fit(pa.table({"n": [1, 2]}), labels, weights=None, seed=0)
    with pytest.raises(UsageError, match="no words"):
        load("text").fit(pa.table({"t": ["", ""]}), labels, weights=None, seed=0)


def test_numbers_are_predicted_from_words() -> None:
    table = pa.table(
        {"t": [f"good {place}" for place in range(20)] + [f"bad {place}" for place in range(20)]}
    )
    labels = Labels(values=np.r_[np.full(20, 5.5), np.full(20, 1.5)])
    said = load("text").fit(table, labels, weights=None, seed=0).predict(pa.table({"t": ["good one", "bad"]}))
    assert said[0, 0] > 4 > 3 > said[1, 0]
