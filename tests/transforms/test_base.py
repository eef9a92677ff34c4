"""Edits, and transforms made from JSON."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.transforms.base import Edit, make, plain, require_targets
from tests.transforms.cases import people, repo_of, source_of


def test_an_edit_between_equal_tables_is_empty() -> None:
    table = people().select(["city", "income"])
    edit = Edit.between(table, table)
    assert len(edit.rows) == 0
    assert edit.cells == {"city": 0, "income": 0}


@given(st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)), min_size=1))
def test_an_edit_holds_exactly_the_rows_that_differ(pairs: list[tuple[int | None, int | None]]) -> None:
    before = pa.table({"a": pa.array([old for old, _ in pairs], pa.int64())})
    after = pa.table({"a": pa.array([new for _, new in pairs], pa.int64())})
    edit = Edit.between(before, after)
    wanted = [number for number, (old, new) in enumerate(pairs) if old != new]
    assert edit.rows.tolist() == wanted
    assert edit.values.column("a").to_pylist() == [pairs[number][1] for number in wanted]
    assert edit.cells == {"a": len(wanted)}


def test_a_new_column_touches_every_row_and_counts_its_values() -> None:
    before = pa.table({"a": [1, 2, 3]})
    edit = Edit.between(before, pa.table({"b": pa.array([None, True, False])}))
    assert edit.rows.tolist() == [0, 1, 2]
    assert edit.cells == {"b": 2}


def test_two_nans_are_equal() -> None:
    table = pa.table({"a": [float("nan"), 1.0]})
    assert len(Edit.between(table, pa.table({"a": [float("nan"), 1.0]})).rows) == 0


def test_shifting_moves_all_row_numbers() -> None:
    edit = Edit(rows=np.array([1]), values=pa.table({"a": [5]}), delete=np.array([0, 2])).shifted(10)
    assert (edit.rows.tolist(), edit.delete.tolist()) == ([11], [10, 12])


def test_an_edit_with_too_few_cells_is_refused() -> None:
    with pytest.raises(UsageError, match="2 rows and holds cells for 1"):
        Edit(rows=np.array([1, 2]), values=pa.table({"a": [5]}))


def test_make_reads_lists_as_tuples_and_names_what_is_wrong() -> None:
    made = make("clean.deduplicate", {"columns": ["name"]})
    assert made == make("clean.deduplicate", {"columns": ("name",)})
    with pytest.raises(NotFound, match=r"'colums' not found in transform 'clean.deduplicate'.*'columns'"):
        make("clean.deduplicate", {"colums": ["name"]})
    with pytest.raises(NotFound, match=r"clean\.deduplicate"):
        make("clean.dedup")


def test_facts_become_plain_json_values() -> None:
    assert plain({"a": (np.int64(1), float("inf")), 2: np.float64(0.5)}) == {"a": [1, "inf"], "2": 0.5}


def test_the_key_is_no_target() -> None:
    source = source_of(repo_of(people()))
    with pytest.raises(SchemaError, match="'id' is part of the key"):
        require_targets(make("clean.missing"), source, ("id",))
    with pytest.raises(NotFound, match="incme"):
        require_targets(make("clean.missing"), source, ("incme",))


def test_generators_differ_by_use_and_agree_by_seed() -> None:
    repo = repo_of(people())
    one, other = source_of(repo, seed=1), source_of(repo, seed=2)
    assert one.rng("a", 0).random() == one.rng("a", 0).random()
    assert len({one.rng("a", 0).random(), one.rng("a", 1).random(), other.rng("a", 0).random()}) == 3


@pytest.mark.parametrize("rows", [0, 3, 80])
def test_columns_are_read_in_their_order_several_at_once(rows: int) -> None:
    source = source_of(repo_of(people().slice(0, rows)))
    names = [name for name in source.schema.names if name != "id"] * 12
    found = list(source.columns(names))
    assert [name for name, _ in found] == names
    whole = source.dataset.to_arrow()
    assert all(column.equals(whole.column(name)) for name, column in found)
    assert list(source.columns([])) == []
