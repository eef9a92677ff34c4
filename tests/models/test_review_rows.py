"""Rows to look at: wrong labels come first, and they are committed where reviewers find them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import UsageError
from headwater.models.review_rows import queue_for_review, rows_to_review
from tests.models.registered import loans, repo_with_model

pytest.importorskip("sklearn")
pytest.importorskip("skops")


def test_flipped_labels_are_the_first_to_be_looked_at() -> None:
    table = loans(2000, seed=4)
    clear = np.abs(np.asarray(table["income"]) - np.asarray(table["debt"].fill_null(20.0)) - 25) > 25
    flipped = np.flatnonzero(clear)[::8]
    labels = np.array(table["approve"].to_pylist(), object)
    labels[flipped] = np.where(labels[flipped] == "yes", "no", "yes")
    repo = hw.init("memory://")
    repo.import_("loans", table.set_column(5, "approve", pa.array(labels)), key="id", label="approve")
    version = repo.models.register(repo.train("loans"), "loans")
    held = set(repo.models.rows("loans", held_out=True)["id"].to_pylist())
    known = {int(table["id"][int(n)].as_py()) for n in flipped} & held
    first = rows_to_review(repo, version, limit=len(known))
    found = len(known & set(first["id"].to_pylist()))
    assert len(known) >= 15
    assert found >= 0.5 * len(known)
    doubt = first["_doubt"].to_pylist()
    assert doubt == sorted(doubt, reverse=True)


def test_the_queue_is_replaced_and_the_data_stay() -> None:
    repo, version = repo_with_model()
    head = repo.head
    first = queue_for_review(repo, version, limit=10)
    second = queue_for_review(repo, version, limit=5)
    assert (first.rows, second.rows) == (10, 5)
    assert len(repo.orphan(second.branch)[second.dataset]) == 5
    assert repo.head == head
    assert "wrong, and in the weakest part: region" in str(rows_to_review(repo, version)["_why"].to_pylist())


def test_numbers_are_ordered_by_their_error() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = 3 * x + rng.normal(size=400) * 0.1
    y[::40] += 50
    repo = hw.init("memory://")
    repo.import_("lines", pa.table({"id": np.arange(400), "x": x, "y": y}), key="id", label="y")
    version = repo.models.register(repo.train("lines"), "lines")
    rows = rows_to_review(repo, version, limit=2)
    assert {one % 40 for one in rows["id"].to_pylist()} == {0}


def test_a_model_from_elsewhere_has_no_rows_to_look_at() -> None:
    repo, version = repo_with_model()
    far = repo.models.register_file("far", repo.models.file(version.id))
    with pytest.raises(UsageError, match="elsewhere"):
        rows_to_review(repo, far)
