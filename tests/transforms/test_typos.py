"""Rows with typing errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.recipes.split import split
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.transforms.cases import people, repo_of


@pytest.fixture
def messages(shared: Path) -> pa.Table:
    frame = pytest.importorskip("pandas").read_csv(shared / "sms_spam" / "sms_spam.csv.gz").head(1500)
    return pa.Table.from_pandas(frame.assign(id=[f"m{n}" for n in range(len(frame))]), preserve_index=False)


def typed(table: pa.Table, *, key: Any = "id", **parameters: Any) -> tuple[Repo, Any]:
    repo = repo_of(table, key=key, contract=Contract(dataset="people", label="label"))
    return repo, run(repo, "people", make("augment.typos", parameters))


@pytest.mark.parametrize("key", ["id", None], ids=str)
def test_copies_have_the_label_of_their_source_and_another_text(key: Any, messages: pa.Table) -> None:
    table = messages if key else messages.drop_columns(["id"])
    repo, result = typed(table, key=key, fraction=0.2)
    dataset = repo["people"]
    after = dataset.to_arrow()
    made = after.filter(after.column("_augmented_from").is_valid())
    masks = split(dataset, after)
    real = int(masks.train.sum()) - made.num_rows
    assert 0.14 * real < made.num_rows <= 0.2 * real + 1
    sources = dataset.take(made.column("_augmented_from").to_pylist())
    assert sources.column("label") == made.column("label")
    assert all(a != b for a, b in zip(*[t.column("text").to_pylist() for t in (sources, made)], strict=True))
    held = set(dataset.keys_of(after.filter(pa.array(masks.test))))
    assert not held & set(made.column("_augmented_from").to_pylist())
    assert result.record["errors"] > made.num_rows
    assert result.record["column"] == "text"


def test_text_keys_get_a_suffix(messages: pa.Table) -> None:
    repo, _ = typed(messages, fraction=0.05)
    table = repo["people"].to_arrow()
    made = table.filter(table.column("_augmented_from").is_valid())
    for row in made.to_pylist():
        assert row["id"] == json.loads(row["_augmented_from"]) + "~1"


def test_running_again_makes_other_copies_of_real_rows(messages: pa.Table) -> None:
    repo, _ = typed(messages, fraction=0.5)
    before = repo["people"].num_rows
    run(repo, "people", make("augment.typos", {"fraction": 0.5}), seed=1)
    table = repo["people"].to_arrow()
    assert table.num_rows > before
    made = table.filter(table.column("_augmented_from").is_valid())
    real = set(np.asarray(messages.column("id")))
    assert {json.loads(text) for text in made.column("_augmented_from").to_pylist()} <= real


def test_what_does_not_fit_is_refused(messages: pa.Table) -> None:
    with pytest.raises(UsageError, match="8 text columns"):
        run(repo_of(people()), "people", make("augment.typos"))
    with pytest.raises(SchemaError, match="'age' is int32"):
        run(repo_of(people()), "people", make("augment.typos", {"column": "age"}))
    with pytest.raises(UsageError, match="fraction is 2"):
        typed(messages, fraction=2)
    with pytest.raises(UsageError, match="rate"):
        typed(messages, rate=7)
    with pytest.raises(UsageError, match="kinds"):
        typed(messages, kinds=["shout"])
