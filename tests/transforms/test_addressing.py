"""Finding rows by key text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound
from headwater.transforms.addressing import find_rows, key_texts
from tests.transforms.cases import people, repo_of, source_of


@pytest.mark.parametrize("key", ["id", "email", ["sex", "id"], None], ids=str)
def test_rows_are_found_by_the_text_of_their_key(key: str | list[str] | None) -> None:
    repo = repo_of(people(), key=key)
    with repo.transaction("some go") as tx:
        tx.delete("people", where="id % 4 = 0")
    dataset = repo["people"]
    table = dataset.to_arrow()
    wanted = np.array([40, 3, 17])
    keys = dataset.keys_of(table.take(pa.array(wanted)))
    rows, places = find_rows(source_of(repo), keys)
    assert rows.tolist() == [3, 17, 40]
    assert places.tolist() == [1, 2, 0]


def test_without_a_key_all_equal_rows_are_found() -> None:
    two = people(3).slice(0, 2)
    table = pa.concat_tables([people(3), two])
    repo = repo_of(table, key=None)
    rows, places = find_rows(source_of(repo), repo["people"].keys_of(two))
    assert rows.tolist() == [0, 1, 3, 4]
    assert places.tolist() == [0, 1, 0, 1]


def test_plain_text_stands_for_itself_in_a_text_key() -> None:
    assert key_texts(repo_of(people(), key="email")["people"], ["a", '"b"', "7"]) == ['"a"', '"b"', '"7"']
    assert key_texts(repo_of(people())["people"], ["7"]) == ["7"]
    assert key_texts(repo_of(people(), key=None)["people"], ["00ff00ff00ff00ff"]) == ['"00ff00ff00ff00ff"']


def test_no_keys_find_no_rows() -> None:
    rows, places = find_rows(source_of(repo_of(people())), [])
    assert len(rows) == len(places) == 0


@pytest.mark.parametrize("key", ["id", None], ids=str)
def test_a_key_that_is_not_there_is_named(key: str | None) -> None:
    name = "4" if key else '"00ff00ff00ff00ff"'
    with pytest.raises(NotFound, match=rf"no row with key {name} \(1 of 1"):
        find_rows(source_of(repo_of(people(), key=key)), [name])
