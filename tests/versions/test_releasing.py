"""Rows come back from quarantine mended, or as they are, through the gate."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from headwater.core.errors import GateClosed, NotFound, UsageError
from tests.versions.test_audit import filled, upsert


@pytest.fixture
def shop(home: str) -> hw.Repo:
    return filled(home)


def test_rows_come_back_mended_through_the_gate(shop: hw.Repo) -> None:
    shop.set_gate("main", divert=("validity.range",))
    upsert(shop, {"id": 98, "age": -1}, {"id": 99, "age": -5}, {"id": 3, "age": 999})
    assert shop["people.quarantine"].num_rows == 3
    shop.release_rows("people", rows=[{"id": 99, "age": 5}], reason="asked her")
    assert shop["people"].to_arrow(where="id = 99")["age"].to_pylist() == [5]
    assert sorted(shop["people.quarantine"].to_arrow()["id"].to_pylist()) == [3, 98]
    commit = shop.commit(str(shop.head))
    assert commit.provenance.parameters["reason"] == "asked her"
    assert commit.provenance.record == {"released": 1, "left_quarantine": 1}
    with pytest.raises(GateClosed) as caught:
        shop.release_rows("people", where="id = 3", reason="so it is")
    assert shop["people.quarantine"].num_rows == 2
    shop.quarantine.release(str(caught.value.commit), reason="so it is")
    assert shop["people"].to_arrow(where="id = 3")["age"].to_pylist() == [999]
    assert shop["people.quarantine"].to_arrow()["id"].to_pylist() == [98]


def test_rows_are_not_released_without_saying_which_and_why(shop: hw.Repo) -> None:
    with pytest.raises(NotFound, match="No rows"):
        shop.release_rows("people", where="true", reason="why")
    with pytest.raises(UsageError, match="reason"):
        shop.release_rows("people", where="true", reason=" ")
    with pytest.raises(UsageError, match="Which rows"):
        shop.release_rows("people", reason="why")


def test_mended_rows_of_a_file_come_back_and_keys_of_other_types_are_found(
    shop: hw.Repo, tmp_path: Path
) -> None:
    shop.set_gate("main", divert=("validity.range",))
    upsert(shop, {"id": 98, "age": -1}, {"id": 99, "age": -5})
    (tmp_path / "mended.csv").write_text("id,age\n98,1\n99,5\n")
    shop.release_rows("people", rows=tmp_path / "mended.csv", reason="typing errors")
    assert "people.quarantine" not in shop
    assert shop["people"].num_rows == 12


def test_rows_without_a_key_come_back_by_condition(home: str) -> None:
    repo = hw.init(home)
    with repo.transaction("first") as tx:
        tx.append("n", [{"x": 1}])
        tx.append("n.quarantine", [{"x": -1, "_reason": "low"}, {"x": -2, "_reason": "low"}])
    repo.release_rows("n", where="x = -1", reason="fine")
    assert sorted(repo["n"].to_arrow()["x"].to_pylist()) == [-1, 1]
    assert repo["n.quarantine"].num_rows == 1
    with pytest.raises(NotFound, match="fit"):
        repo.release_rows("n", where="x = 7", reason="fine")
