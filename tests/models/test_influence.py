"""Influence: a source of wrong labels is seen to harm, and what cannot be left out is told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.models.influence import influence
from headwater.versions.repo import Repo
from tests.models.test_impact import cancer


@pytest.fixture(scope="module")
def repo() -> Repo:
    """Tumours from four clinics, of which one turns every training label round."""
    table = cancer()
    rng = np.random.default_rng(1)
    clinic = np.array(["a", "b", "c", "bad"])[rng.integers(0, 4, table.num_rows)]
    labels = np.asarray(table.column("label"))
    other = np.where(labels == "benign", "malignant", "benign")
    table = table.append_column("clinic", pa.array(clinic))
    table = table.set_column(
        table.schema.get_field_index("label"), "label", pa.array(np.where(clinic == "bad", other, labels))
    )
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("tumours", table, key="id")
    return repo


def found(repo: Repo, **options: Any) -> Any:
    given = {"by": "clinic", "label": "label", "exclude": ["clinic", "site"], "seeds": 3, **options}
    return influence(repo["tumours"], cache=repo.cache, **given)


def test_the_clinic_with_wrong_labels_harms_the_others_and_comes_first(repo: Repo) -> None:
    said = found(repo, metric="accuracy")
    assert {one.group for one in said.groups} == {"a", "b", "c", "bad"}
    worst = next(one for one in said.groups if one.group == "bad")
    assert worst.elsewhere is not None
    assert worst.elsewhere.difference < 0
    assert worst.elsewhere.verdict == "worse"
    differences = [one.overall.difference for one in said.groups]
    assert differences == sorted(differences)
    assert sum(one.rows for one in said.groups) == said.train_rows
    assert "4 groups by clinic" in said.summary()
    assert "bad" in repr(said)
    json.dumps(said.to_dict(), allow_nan=False)


def test_a_metric_where_less_is_better_is_read_the_right_way_round(repo: Repo) -> None:
    said = found(repo, metric="log_loss")
    differences = [one.overall.difference for one in said.groups]
    assert differences == sorted(differences, reverse=True)


def test_the_result_is_the_same_again_and_kept(repo: Repo) -> None:
    one = found(repo)
    kept = repo.cache.list("scores/influence")
    assert found(repo) == one
    assert repo.cache.list("scores/influence") == kept
    assert influence(repo["tumours"], by="clinic", label="label", exclude=["clinic", "site"], seeds=3) == one


def test_what_cannot_be_left_out_is_told(repo: Repo) -> None:
    with pytest.raises(UsageError, match="2 to 50 groups"):
        found(repo, by="id")
    with pytest.raises(UsageError, match="only one class is left"):
        found(repo, by="label")
    with pytest.raises(NotFound, match="clinics"):
        found(repo, by="clinics")
    with pytest.raises(UsageError, match="seed"):
        found(repo, seeds=0)


def test_rows_without_a_group_are_a_group() -> None:
    table = cancer().append_column("clinic", pa.array(["a", None] * 284 + ["a"]))
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("tumours", table, key="id")
    assert {one.group for one in found(repo, seeds=1).groups} == {"a", None}
