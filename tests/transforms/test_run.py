"""Running a transform as one commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import MergeConflict
from headwater.transforms.base import Edit, Source, make
from headwater.transforms.run import run
from tests.transforms.cases import Given, people, repo_of


def test_a_change_of_the_same_rows_meanwhile_is_a_conflict() -> None:
    repo = repo_of(people(10))

    @dataclass(frozen=True, kw_only=True)
    class Slow(Given):
        def plan(self, source: Source) -> Iterator[Edit]:
            with repo.transaction("faster") as tx:
                tx.upsert("people", [{"id": 5, "age": 77}])
            yield Edit(rows=np.array([0]), values=pa.table({"age": pa.array([1], pa.int32())}))

    with pytest.raises(MergeConflict, match="moved while"):
        run(repo, "people", Slow())


def test_the_message_is_the_users_or_says_what_was_done() -> None:
    repo = repo_of(people())
    run(repo, "people", make("clean.missing"), message="fill the gaps")
    assert next(iter(repo.log())).message == "fill the gaps"
    run(repo, "people", make("clean.deduplicate", {"columns": ["name", "city"]}))
    assert next(iter(repo.log())).message == "Duplicate rows: clean.deduplicate on people"


def test_a_result_is_json() -> None:
    repo = repo_of(people())
    result = run(repo, "people", make("clean.missing")).to_dict()
    assert result["transform"] == "clean.missing"
    assert result["record"]["updated"] > 0
