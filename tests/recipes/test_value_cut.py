"""How many rows to drop: some where labels are wrong, none where they are right."""

from __future__ import annotations

import numpy as np

from headwater.recipes.row_values import row_values
from headwater.recipes.value_cut import value_cut
from tests.recipes.test_row_values import tumours


def test_some_rows_are_dropped_where_labels_are_wrong_and_they_are_the_wrong_ones() -> None:
    repo, wrong = tumours(0.3)
    found = row_values(repo["tumours"], "label")
    cut = value_cut(found, (0.05, 0.15, 0.25))
    assert cut.share > 0
    assert cut.errors[f"{cut.share:g}"] < cut.errors["0"]
    ids = np.asarray(repo["tumours"].to_arrow(["id"]).column(0))[found.rows]
    gone = np.argsort(found.values)[: round(cut.share * len(ids))]
    assert wrong[ids[gone]].mean() > 0.6


def test_nothing_is_dropped_where_labels_are_right() -> None:
    repo, _ = tumours(0.0)
    cut = value_cut(row_values(repo["tumours"], "label"), (0.1, 0.3))
    assert cut.share == 0.0
    assert set(cut.errors) == {"0", "0.1", "0.3"}
