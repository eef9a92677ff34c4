from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.reading.chunks import DatasetChunk
from headwater.transforms.base import Source
from headwater.transforms.computed import ColumnTransform
from headwater.transforms.run import run
from headwater.versions.fsck import verify
from headwater.versions.repo import Repo
from tests.transforms.cases import people, repo_of


@dataclass(frozen=True, kw_only=True)
class Doubled(ColumnTransform):
    """Twice the age, in a column of some type."""

    id = "test.doubled"
    title = "Twice the age"

    kind: str = "int64"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def targets(self, source: Source) -> tuple[str, ...]:
        return ("doubled",)

    def compute(self, source: Source) -> _Doubling:
        return _Doubling(self.kind)


class _Doubling:
    def __init__(self, kind: str) -> None:
        self.kind, self.calls, self.commits = pa.type_for_alias(kind), 0, 0

    @property
    def fields(self) -> list[pa.Field]:
        return [pa.field("doubled", self.kind)]

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"chunks": self.calls}

    @property
    def tags(self) -> Mapping[str, Mapping[str, Any]]:
        return {"doubled": {"of": "age"}}

    def columns(self, chunk: DatasetChunk) -> pa.Table | None:
        self.calls += 1
        ages = chunk.read(["age"]).column("age").cast(pa.int64())
        return pa.table({"doubled": pc.multiply(ages, 2).cast(self.kind)})

    def close(self) -> None: ...

    def published(self) -> None:
        self.commits += 1


def doubled(repo: Repo) -> bool:
    table = repo["people"].to_arrow(["age", "doubled"])
    wanted = pc.multiply(table.column("age").cast(pa.int64()), 2).to_pylist()
    return bool(table.column("doubled").to_pylist() == wanted)


def test_a_column_is_added_with_tags_and_record() -> None:
    repo = repo_of(people())
    result = run(repo, "people", Doubled())
    assert doubled(repo)
    assert result.record["columns_added"] == ["doubled"]
    assert result.record["chunks"] == 1
    assert repo["people"].manifest.tags["doubled"] == {"of": "age"}


def test_only_chunks_with_other_values_are_written() -> None:
    repo = repo_of(people())
    run(repo, "people", Doubled())
    with repo.transaction("more") as tx:
        tx.append("people", people().slice(0, 3).set_column(0, "id", pa.array([1000, 1001, 1002])))
    before = [chunk.identity() for chunk in repo["people"].chunks]
    result = run(repo, "people", Doubled())
    after = [chunk.identity() for chunk in repo["people"].chunks]
    assert doubled(repo)
    assert result.record["updated"] == 3
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_deleted_rows_get_no_values() -> None:
    repo = repo_of(people())
    with repo.transaction("some go") as tx:
        tx.delete("people", where="age < 40")
    run(repo, "people", Doubled())
    assert doubled(repo)
    assert verify(repo).findings == []


def test_a_column_of_another_type_is_made_anew() -> None:
    repo = repo_of(people())
    run(repo, "people", Doubled())
    result = run(repo, "people", Doubled(kind="double"))
    assert repo["people"].schema.field("doubled").type == pa.float64()
    assert doubled(repo)
    assert result.is_new
    assert verify(repo).findings == []


def test_the_plan_as_edits_says_the_same() -> None:
    repo = repo_of(people())
    source = Source(dataset=repo["people"])
    (edit,) = Doubled().plan(source)
    assert len(edit.rows) == 80
    run(repo, "people", Doubled())
    assert (
        edit.values.column("doubled").to_pylist() == repo["people"].to_arrow().column("doubled").to_pylist()
    )
