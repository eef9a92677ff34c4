"""What every transform must hold, whoever wrote it."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.core.hashing import hash_columns
from headwater.transforms.base import TRANSFORMS, make
from headwater.transforms.computed import ColumnTransform
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.transforms.cases import CASES, Case, people, repo_of, source_of

every_case = pytest.mark.parametrize("case", CASES, ids=str)
with_and_without_key = pytest.mark.parametrize("key", ["id", None], ids=["keyed", "unkeyed"])


def test_every_transform_has_a_case() -> None:
    assert {case.transform for case in CASES} == set(TRANSFORMS)


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_every_transform_says_what_it_is(name: str) -> None:
    kind = TRANSFORMS[name]
    assert kind.id == name
    assert kind.title
    assert kind.version
    assert kind.__doc__
    assert kind.__doc__.splitlines()[0].endswith((".", ";"))


@every_case
@with_and_without_key
def test_changes_something_and_says_what_in_the_commit(case: Case, key: str | None) -> None:
    repo = repo_of(people(), key=key)
    base = repo.head
    transform = case.make(repo["people"])
    result = run(repo, "people", transform, seed=3)
    assert result.is_new
    assert repo.head == result.commit != base
    commit = repo.commit(result.commit)
    provenance = commit.provenance
    assert commit.parents == (base,)
    assert provenance.kind == "transform"
    assert provenance.id == case.transform
    assert provenance.version == TRANSFORMS[case.transform].version
    assert provenance.seed == 3
    assert provenance.inputs == (base,)
    assert provenance.code.startswith("headwater ")
    assert provenance.record == result.record
    assert {"rows", "updated", "added", "deleted", "cells", "columns_added"} <= set(result.record)
    again = make(provenance.id, json.loads(json.dumps(provenance.parameters)))
    assert again.parameters == transform.parameters


@every_case
@with_and_without_key
def test_the_same_seed_gives_the_same_content(case: Case, key: str | None) -> None:
    prints = set()
    for _ in range(2):
        repo = repo_of(people(), key=key)
        run(repo, "people", case.make(repo["people"]), seed=11)
        prints.add(repo["people"].fingerprint)
    assert len(prints) == 1


@every_case
@with_and_without_key
def test_nothing_to_do_makes_no_commit(case: Case, key: str | None) -> None:
    repo = repo_of(people(), key=key)
    transform = case.make(repo["people"], idle=True)
    if case.idle is None:
        run(repo, "people", transform)
    head, before = repo.head, repo["people"].fingerprint
    result = run(repo, "people", transform)
    assert not result.is_new
    assert result.commit == repo.head == head
    assert repo["people"].fingerprint == before
    assert "nothing to change" in result.summary()


@every_case
@with_and_without_key
def test_a_dry_run_shows_the_change_and_makes_no_commit(case: Case, key: str | None) -> None:
    repo = repo_of(people(), key=key)
    head = repo.head
    transform = case.make(repo["people"])
    planned = run(repo, "people", transform, dry_run=True)
    assert repo.head == head
    assert not planned.is_new
    assert planned.diff
    assert "would change" in planned.summary()
    done = run(repo, "people", transform)
    assert done.record == planned.record
    assert done.diff.stat() == planned.diff.stat()


@every_case
def test_only_declared_columns_of_existing_rows_change(case: Case) -> None:
    repo = repo_of(people())
    before = repo["people"].to_arrow()
    allowed = set(case.make(repo["people"]).targets(source_of(repo)))
    result = run(repo, "people", case.make(repo["people"]))
    after = repo["people"].to_arrow()
    kept = [name for name in before.schema.names if name not in allowed]
    ids = np.asarray(after.column("id"))
    stayed = np.isin(ids, np.asarray(before.column("id")))
    there = np.isin(np.asarray(before.column("id")), ids)
    assert rows_of(after.filter(pa.array(stayed)), kept) == rows_of(before.filter(pa.array(there)), kept)
    assert set(after.schema.names) - set(before.schema.names) == set(result.record["columns_added"])
    assert set(result.record["cells"]) <= allowed


@every_case
def test_the_record_counts_what_the_diff_shows(case: Case) -> None:
    repo = repo_of(people())
    result = run(repo, "people", case.make(repo["people"]))
    stat = result.diff.stat()
    record = result.record
    assert (stat["added"], stat["removed"], stat["changed"]) == tuple(
        record[name] for name in ("added", "deleted", "updated")
    )
    assert record["rows"] == stat["rows_before"]
    cells = result.diff.cells()
    counted = {name: count for name, count in record["cells"].items() if name not in record["columns_added"]}
    columns = [item for item in cells.column("_column").to_pylist() if item in counted]
    assert {name: columns.count(name) for name in set(columns)} == counted


@every_case
@with_and_without_key
@pytest.mark.parametrize("kind", ["empty", "one row", "all null"])
def test_tables_without_much_in_them_are_no_trouble(case: Case, key: str | None, kind: str) -> None:
    whole = people()
    table = {"empty": whole.slice(0, 0), "one row": whole.slice(0, 1), "all null": nulls_like(whole)}[kind]
    repo = repo_of(table, key=key)
    run(repo, "people", case.make(repo["people"]))
    rows = repo["people"].num_rows
    assert rows <= 2 * table.num_rows


@every_case
def test_rows_are_found_again_after_deletions(case: Case) -> None:
    plain = repo_of(people().filter(pa.array(np.arange(80) % 5 != 0)))
    holed = repo_of(people())
    with holed.transaction("some go") as tx:
        tx.delete("people", where="(id - 5) // 3 % 5 = 0")
    assert holed["people"].fingerprint == plain["people"].fingerprint
    for repo in (plain, holed):
        run(repo, "people", case.make(repo["people"]), seed=5)
    assert holed["people"].fingerprint == plain["people"].fingerprint


@every_case
def test_a_transform_runs_on_a_branch_of_its_own(case: Case) -> None:
    repo = repo_of(people())
    head = repo.head
    result = run(repo, "people", case.make(repo["people"]), branch="work")
    assert result.branch == "work"
    assert repo.head == head
    assert repo.branch("work").head == result.commit


def test_an_unknown_dataset_is_named(tmp_path: object) -> None:
    repo = Repo.init("memory://")
    with pytest.raises(LookupError, match="people"):
        run(repo, "people", make("clean.missing"))


def rows_of(table: pa.Table, columns: list[str]) -> list[int]:
    return sorted(hash_columns(table, columns).tolist())


def nulls_like(table: pa.Table) -> pa.Table:
    spared = ("id",)
    return pa.table(
        [
            table.column(f.name) if f.name in spared else pa.nulls(table.num_rows, f.type)
            for f in table.schema
        ],
        schema=table.schema,
    )


@every_case
@with_and_without_key
def test_accepting_all_that_is_proposed_is_running_it(case: Case, key: str | None) -> None:
    repo, twin = repo_of(people(), key=key), repo_of(people(), key=key)
    transform = case.make(repo["people"])
    planned = run(repo, "people", transform, seed=2, dry_run=True)
    if isinstance(transform, ColumnTransform):
        with pytest.raises(UsageError, match="whole column"):
            planned.changes()
        return
    run(repo, "people", transform, seed=2, accept=planned.changes())
    run(twin, "people", transform, seed=2)
    assert repo["people"].fingerprint == twin["people"].fingerprint
    assert repo["people"].schema == twin["people"].schema
