"""What a transform proposes, and the part of it that is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import MergeConflict, UsageError
from headwater.transforms.base import Edit, Source, Transform, make
from headwater.transforms.review import PROPOSED, is_accepted
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.transforms.cases import Given, people, repo_of

TRIM = {"columns": ["city"], "trim": True, "case": "title"}


def proposed(repo: Repo, name: str = "clean.values", **parameters: Any) -> pa.Table:
    return run(repo, "people", make(name, parameters or TRIM), dry_run=True).changes()


def deciding(table: pa.Table, accept: list[str] | Any) -> pa.Table:
    at = table.schema.get_field_index("accept")
    return table.set_column(at, "accept", pa.array(list(accept), pa.string()))


def test_each_cell_that_would_change_is_a_row_with_key_values_and_reason() -> None:
    repo = repo_of(people())
    table = proposed(repo)
    assert table.schema == PROPOSED
    changed = run(repo, "people", make("clean.values", TRIM), dry_run=True).diff.cells()
    assert table.num_rows == changed.num_rows > 0
    first = table.to_pylist()[0]
    assert first["change"] == "cell"
    assert first["column"] == "city"
    assert (first["old"], first["new"], first["accept"]) == (" boston", "Boston", "yes")
    assert first["alike"] == table.num_rows
    assert first["reason"] == "wrong values"
    assert {row["key"] for row in table.to_pylist()} == {str(key) for key in changed.column("id").to_pylist()}


@pytest.mark.parametrize("key", ["id", None], ids=["keyed", "unkeyed"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("clean.values", TRIM),
        ("clean.missing", {}),
        ("clean.missing", {"columns": ["income"], "strategy": "drop_rows"}),
        ("clean.missing", {"columns": ["income"], "strategy": "indicator"}),
        ("clean.deduplicate", {"columns": ["name"]}),
        ("augment.typos", {"column": "note", "fraction": 0.5}),
    ],
)
def test_accepting_everything_is_the_transform_and_nothing_is_no_commit(
    key: str | None, name: str, parameters: dict[str, Any]
) -> None:
    repo, twin = (repo_of(people(), key=key) for _ in range(2))
    transform = make(name, parameters)
    table = run(repo, "people", transform, seed=4, dry_run=True).changes()
    head = repo.head
    none = run(repo, "people", transform, seed=4, accept=deciding(table, ["no"] * table.num_rows))
    assert not none.is_new
    assert repo.head == head
    assert "0 of" in none.summary()
    done = run(repo, "people", transform, seed=4, accept=table)
    plain = run(twin, "people", transform, seed=4)
    assert repo["people"].fingerprint == twin["people"].fingerprint
    assert done.record["review"]["accepted"] == done.record["review"]["proposed"] == table.num_rows
    assert {k: v for k, v in done.record.items() if k != "review"} == plain.record


@given(st.lists(st.booleans(), min_size=200, max_size=200), st.booleans())
def test_exactly_the_accepted_cells_change(says: list[bool], keyed: bool) -> None:
    repo = repo_of(people(), key="id" if keyed else None)
    table = run(repo, "people", make("clean.missing", {}), dry_run=True).changes()
    table = deciding(table, ["yes" if said else "no" for said in says[: table.num_rows]])
    accepted = table.filter(pa.array(is_accepted(table.column("accept"))))
    before = repo["people"].to_arrow().sort_by("id")
    keys = repo["people"].keys_of(before)
    done = run(repo, "people", make("clean.missing", {}), accept=table)
    after = repo["people"].to_arrow().sort_by("id")
    found = {
        (keys[row], name)
        for name in before.schema.names
        for row in np.flatnonzero(
            [
                a != b
                for a, b in zip(before.column(name).to_pylist(), after.column(name).to_pylist(), strict=True)
            ]
        )
    }
    wanted = {(row["key"], row["column"]) for row in accepted.to_pylist()}
    assert found == wanted
    assert done.is_new == bool(wanted)
    assert done.record["review"]["accepted"] == len(wanted)
    assert sum(done.record["cells"].values()) == len(wanted)


def test_rows_that_go_and_come_are_decided_one_by_one() -> None:
    repo = repo_of(people())
    table = proposed(repo, "clean.deduplicate", columns=["name", "city"])
    assert set(table.column("change").to_pylist()) == {"delete"}
    assert "name=Person" in table.column("old")[0].as_py()
    says = ["yes", *["no"] * (table.num_rows - 1)]
    done = run(
        repo, "people", make("clean.deduplicate", {"columns": ["name", "city"]}), accept=deciding(table, says)
    )
    assert done.record["deleted"] == 1
    assert done.diff.stat()["removed"] == 1


def test_what_the_review_leaves_out_is_not_done() -> None:
    repo = repo_of(people())
    done = run(repo, "people", make("clean.values", TRIM), accept=proposed(repo).slice(0, 1))
    assert done.record["updated"] == 1
    assert done.record["review"]["refused"] == 0
    assert "1 of" in done.summary()


def test_a_review_is_stale_where_the_data_moved() -> None:
    repo = repo_of(people())
    table = proposed(repo)
    key = int(table.column("key")[0].as_py())
    with repo.transaction("moved") as tx:
        tx.upsert("people", [{"id": key, "city": "salem "}])
    head = repo.head
    with pytest.raises(
        MergeConflict, match=f"1 of .* not what the transform proposes now.*row {key}"
    ) as caught:
        run(repo, "people", make("clean.values", TRIM), accept=table)
    assert repo.head == head
    conflict = caught.value.facts["conflicts"].to_pylist()
    assert [(row["key"], row["old"], row["old_now"], row["is_proposed"]) for row in conflict] == [
        (str(key), " boston", "salem ", True)
    ]
    says = ["no" if row["key"] == str(key) else "yes" for row in table.to_pylist()]
    assert run(repo, "people", make("clean.values", TRIM), accept=deciding(table, says)).is_new


def test_a_review_is_stale_where_the_row_went_or_another_value_is_asked_for() -> None:
    repo = repo_of(people())
    table = proposed(repo)
    at = table.schema.get_field_index("new")
    other = table.set_column(at, "new", pa.array(["Elsewhere"] * table.num_rows))
    with pytest.raises(MergeConflict, match="Review again"):
        run(repo, "people", make("clean.values", TRIM), accept=other)
    with repo.transaction("gone") as tx:
        tx.delete("people", where="true")
    with pytest.raises(MergeConflict) as caught:
        run(repo, "people", make("clean.values", TRIM), accept=table)
    assert not any(caught.value.facts["conflicts"].column("is_proposed").to_pylist())


def test_a_decision_says_yes_or_no_once() -> None:
    repo = repo_of(people())
    table = proposed(repo)
    with pytest.raises(UsageError, match="Row 2 of the review says 'perhaps'"):
        run(
            repo,
            "people",
            make("clean.values", TRIM),
            accept=deciding(table, ["yes", "perhaps", *["no"] * (table.num_rows - 2)]),
        )
    torn = pa.concat_tables([table, deciding(table.slice(0, 1), ["no"])])
    with pytest.raises(UsageError, match="both accepted and refused"):
        run(repo, "people", make("clean.values", TRIM), accept=torn)
    with pytest.raises(UsageError, match="Column 'accept' not found in the review"):
        run(repo, "people", make("clean.values", TRIM), accept=table.drop_columns(["accept"]))


def test_words_for_yes_and_no_are_read_in_any_case() -> None:
    said = is_accepted(pa.array(["yes", " Y ", "TRUE", "1", "x", "no", "N", "0", "", None, "False"]))
    assert said.tolist() == [True] * 5 + [False] * 6


@dataclass(frozen=True, kw_only=True)
class Retyping(Transform):
    """Turns a text column to numbers."""

    id = "test.retyping"
    title = "Numbers"
    column: str

    def targets(self, source: Source) -> tuple[str, ...]:
        return (self.column,)

    def plan(self, source: Source) -> Iterator[Edit]:
        for start, chunk in source.chunks():
            before = chunk.read([self.column])
            numbers = pc.utf8_length(before.column(0)).cast(pa.float64())
            yield Edit.between(before, pa.table({self.column: numbers})).shifted(start)


@pytest.mark.parametrize("key", ["id", None], ids=["keyed", "unkeyed"])
def test_a_column_gets_another_type_as_a_whole_or_not_at_all(key: str | None) -> None:
    repo = repo_of(people(), key=key)
    before = repo["people"].to_arrow().sort_by("id")
    transform = Retyping(column="city")
    table = run(repo, "people", transform, dry_run=True).changes()
    first = table.to_pylist()[0]
    assert (first["change"], first["old"], first["new"], first["key"]) == ("type", "string", "double", None)
    half = deciding(table, ["yes", "no", *["yes"] * (table.num_rows - 2)])
    for torn in (half, deciding(table, ["no", *["yes"] * (table.num_rows - 1)]), table.slice(1)):
        with pytest.raises(UsageError, match="all of its cells change or none"):
            run(repo, "people", transform, accept=torn)
    assert not run(repo, "people", transform, accept=deciding(table, ["no"] * table.num_rows)).is_new
    done = run(repo, "people", transform, accept=table.slice(0, 1))
    assert done.is_new
    after = repo["people"].to_arrow().sort_by("id")
    assert after.schema.names == before.schema.names
    assert after.column("city").to_pylist() == pc.utf8_length(before.column("city")).to_pylist()
    assert after.drop_columns(["city"]).equals(before.drop_columns(["city"]))


def test_a_transform_of_whole_columns_is_not_reviewed() -> None:
    repo = repo_of(people())
    planned = run(repo, "people", make("embed.column", {"column": "note", "encoder": "hash"}), dry_run=True)
    with pytest.raises(UsageError, match="computes a whole column"):
        planned.changes()


def test_nothing_proposed_is_an_empty_table() -> None:
    repo = repo_of(people())
    table = run(repo, "people", Given(), dry_run=True).changes()
    assert table.num_rows == 0
    assert not run(repo, "people", Given(), accept=table).is_new


def test_reasons_of_cells_come_along() -> None:
    repo = repo_of(people())
    edit = Edit(
        rows=np.array([1, 4]),
        values=pa.table({"age": pa.array([1, 2], pa.int32())}),
        why={"age": pa.array(["first", "second"])},
    )
    table = run(repo, "people", Given(edits=(edit,)), dry_run=True).changes()
    assert table.column("reason").to_pylist() == ["first", "second"]
