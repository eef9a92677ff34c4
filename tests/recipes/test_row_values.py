"""What rows are worth: wrong labels are worth least, held-out rows have no say, and bad input is told."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.recipes.row_values import row_values
from headwater.recipes.split import split
from headwater.versions.repo import Repo

datasets = pytest.importorskip("sklearn.datasets")


def tumours(noise: float = 0.1) -> tuple[Repo, np.ndarray]:
    """Return 569 real tumours as dataset ``tumours``, and which ids have a wrong label."""
    values, malignant = datasets.load_breast_cancer(return_X_y=True)
    count = len(values)
    wrong = np.random.default_rng(0).random(count) < noise
    columns = {f"x{place}": values[:, place] for place in range(10)}
    return repo_with(pa.table({"id": np.arange(count), **columns, "label": malignant ^ wrong})), wrong


def repo_with(table: pa.Table, key: str | None = "id") -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("tumours", table, key=key)
    return repo


def test_wrong_labels_are_worth_least_and_the_mean_value_is_the_worth() -> None:
    repo, wrong = tumours()
    found = row_values(repo["tumours"], "label", cache=repo.cache)
    ids = np.asarray(repo["tumours"].to_arrow(["id"]).column(0))[found.rows]
    values, bad = found.values, wrong[ids]
    tenth = np.argsort(values)[: len(values) // 10]
    assert bad[tenth].sum() / bad.sum() > 0.6
    assert (values[bad] < 0).mean() > 0.7
    assert (values[~bad] < 0).mean() < 0.1
    assert values.mean() == pytest.approx(found.worth, abs=0.02)
    again = row_values(repo["tumours"], "label", cache=repo.cache)
    np.testing.assert_array_equal(values, again.values)


def test_held_out_rows_are_neither_valued_nor_asked() -> None:
    repo, _ = tumours()
    found = row_values(repo["tumours"], "label")
    held = split(repo["tumours"], repo["tumours"].to_arrow()).test
    assert not held[found.rows].any()
    assert len(found.rows) == (~held).sum()
    changed = repo["tumours"].to_arrow().filter(pa.array(held))
    with repo.transaction("other labels where nobody looks") as tx:
        at = changed.schema.get_field_index("label")
        tx.upsert("tumours", changed.set_column(at, "label", pa.array(np.zeros(held.sum(), np.int64))))
    other = row_values(repo["tumours"], "label")
    one = dict(
        zip(np.asarray(repo["tumours"].to_arrow(["id"]).column(0))[other.rows], other.values, strict=True)
    )
    before = np.asarray(tumours()[0]["tumours"].to_arrow(["id"]).column(0))[found.rows]
    np.testing.assert_allclose([one[key] for key in before], found.values)
    assert len(row_values(repo["tumours"], "label", holdout=0.0).rows) == 569


def test_the_order_rows_are_stored_in_changes_nothing() -> None:
    repo, _ = tumours()
    table = repo["tumours"].to_arrow()
    turned = repo_with(table.take(pa.array(np.arange(569)[::-1])))
    one, two = (
        each.table(of["tumours"], "label")
        for each, of in (
            (row_values(repo["tumours"], "label"), repo),
            (row_values(turned["tumours"], "label"), turned),
        )
    )
    assert one.sort_by("id").equals(two.sort_by("id"))


def test_few_rows_may_be_chosen_by_their_key() -> None:
    repo, _ = tumours()
    some = row_values(repo["tumours"], "label", limit=200, judges=40)
    assert 100 < len(some.rows) < 200
    assert 15 < some.judges.sum() < 70
    assert some.table(repo["tumours"], "label").schema.names[:3] == ["id", "label", "value"]


def test_what_cannot_be_valued_is_told() -> None:
    few = repo_with(pa.table({"id": range(12), "x": range(12), "label": ["a", "b"] * 6}))
    with pytest.raises(UsageError, match="at least 20"):
        row_values(few["tumours"], "label")
    numbers = repo_with(pa.table({"id": range(60), "x": range(60), "label": np.linspace(0, 1, 60)}))
    with pytest.raises(UsageError, match="--by"):
        row_values(numbers["tumours"], "label")
    one = repo_with(pa.table({"id": range(60), "x": range(60), "label": ["a"] * 60}))
    with pytest.raises(UsageError, match="two classes"):
        row_values(one["tumours"], "label")
    with pytest.raises(UsageError, match="2 parts"):
        row_values(one["tumours"], "label", folds=1)
