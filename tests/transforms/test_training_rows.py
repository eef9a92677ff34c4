"""Which rows may be learnt from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.reading.splits import set_split
from headwater.recipes.split import split
from headwater.transforms.training_rows import learning_rows, take_rows, training_rows
from tests.transforms.cases import people, repo_of, source_of


@pytest.mark.parametrize("key", ["id", None], ids=str)
def test_the_rows_are_those_that_recipes_train_on(key: str | None) -> None:
    repo = repo_of(people(), key=key)
    with repo.transaction("some go") as tx:
        tx.delete("people", where="age < 30")
    dataset = repo["people"]
    rows = training_rows(source_of(repo))
    assert (rows.train == split(dataset, dataset.to_arrow()).train).all()
    assert (rows.real == rows.train).all()


def test_nothing_is_held_out_of_a_share_of_zero() -> None:
    assert training_rows(source_of(repo_of(people())), 0.0).train.all()


def test_augmented_rows_may_be_learnt_from_but_are_not_real() -> None:
    table = people()
    marks = pa.array(["5" if n > 70 else None for n in range(80)], pa.string())
    rows = training_rows(source_of(repo_of(table.append_column("_augmented_from", marks))), 0.0)
    assert rows.train.all()
    assert rows.real.sum() == 71


def test_rows_are_taken_by_number_over_deletions() -> None:
    repo = repo_of(people())
    with repo.transaction("some go") as tx:
        tx.delete("people", where="id % 4 = 0")
    whole = repo["people"].to_arrow()
    numbers = np.array([0, 7, 31])
    assert take_rows(source_of(repo), numbers).equals(whole.take(pa.array(numbers)))
    assert take_rows(source_of(repo), numbers, ["age"]).schema.names == ["age"]
    assert take_rows(source_of(repo), numbers[:0]).num_rows == 0


@pytest.mark.parametrize("by", [None, "name"])
def test_what_is_learnt_comes_from_the_first_part_of_the_split(by: str | None) -> None:
    repo = repo_of(people())
    with repo.transaction("split") as tx:
        set_split(tx, "people", {"train": 0.6, "dev": 0.2, "test": 0.2}, by=by)
    ids = repo["people"].to_arrow(["id"]).column("id")
    for part in ("", "train", "dev", "test"):
        learning = learning_rows(source_of(repo), part)
        wanted = repo["people"].split(part or "train").to_arrow(["id"]).column("id")
        assert learning.of(ids).to_pylist() == wanted.to_pylist()
        said = {"part": part or "train", "rows": len(wanted), "of": len(ids)}
        assert learning.facts == {"learnt_from": said}
    assert learning_rows(source_of(repo), "all").mask is None
    with pytest.raises(NotFound, match="'tset' not found"):
        learning_rows(source_of(repo), "tset")


def test_without_a_split_a_share_may_be_held_out() -> None:
    source = source_of(repo_of(people()))
    assert learning_rows(source).mask is None
    learning = learning_rows(source, holdout=0.25)
    assert learning.mask is not None
    assert (learning.mask == training_rows(source, 0.25).train).all()
    assert learning.facts["learnt_from"]["holdout"] == 0.25
    with pytest.raises(UsageError, match="has no split"):
        learning_rows(source, "train")
