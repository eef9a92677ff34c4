"""Pairs as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headwater as hw
from headwater.core.errors import UsageError
from headwater.recipes.entities import Linked
from headwater.recipes.link_table import _agreeing

PEOPLE: list[dict[str, Any]] = [
    {"id": n, "name": f"{first} {last}", "city": city, "phone": f"0{n * 7919 % 100000:05}"}
    for n, (first, last, city) in enumerate(
        (first, last, city)
        for first in ("anna", "bertram", "cecilia", "dietrich", "eleonore")
        for last, city in (
            ("meyer", "hamburg"),
            ("schulz", "berlin"),
            ("okafor", "lagos"),
            ("tanaka", "osaka"),
        )
    )
]


def repo_of() -> hw.Repo:
    repo = hw.init("memory://")
    with repo.transaction("people") as tx:
        tx.append("people", PEOPLE, key="id")
        others = [
            {**one, "id": 100 + one["id"], "name": str(one["name"]).replace("e", "ee", 1)}
            for one in PEOPLE[::2]
        ]
        tx.append("others", others, key="id")
    return repo


def test_pairs_have_keys_a_probability_and_the_fields_that_agree() -> None:
    found = repo_of().link("people", "others")
    assert found.schema.names[:4] == ["left_id", "right_id", "probability", "agree"]
    assert found.schema.names[4:] == ["similarity_name", "similarity_city", "similarity_phone"]
    rows = found.to_pylist()
    assert {(row["left_id"], row["right_id"]) for row in rows} == {
        (one["id"], 100 + one["id"]) for one in PEOPLE[::2]
    }
    assert all("city, phone" in row["agree"] and row["probability"] > 0.5 for row in rows)


def test_pairs_become_a_dataset() -> None:
    repo = repo_of()
    for _ in range(2):
        found = repo.link("people", "others", columns=["name", "phone"], into="links")
    assert repo["links"].num_rows == found.num_rows
    assert repo["links"].key == ("left_id", "right_id")


def test_datasets_with_too_little_in_common_are_refused() -> None:
    repo = repo_of()
    with repo.transaction("else") as tx:
        tx.append("else", [{"id": 1, "name": "x", "size": 3}], key="id")
    with pytest.raises(UsageError, match="in common"):
        repo.link("people", "else")


def test_real_pairs_are_inside_the_table(shared: Path) -> None:
    pytest.importorskip("pandas")
    repo = hw.init("memory://")
    repo.import_("people", str(shared / "er_febrl" / "dataset1.csv.gz"), key="rec_id")
    found = repo.link("people")
    assert found.num_rows == 500
    assert found.schema.names[:2] == ["left_rec_id", "right_rec_id"]


def test_a_pair_of_which_no_field_agrees_is_a_row_too() -> None:
    order = np.arange(2)
    similarity = np.array([[0.5, 0.95], [np.nan, 1.0]])
    found = Linked(order, order, np.array([0.9, 0.8]), similarity, ("name", "city"))
    assert _agreeing(found, order).to_pylist() == ["", "name, city"]
