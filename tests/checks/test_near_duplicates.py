"""Findings of near duplicates; their laws are those of every check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import headwater as hw
from headwater.checks.base import CHECKS, Target
from headwater.checks.near_duplicates import NearDuplicateTexts
from headwater.checks.runner import run as run_checks
from headwater.transforms.base import make
from headwater.transforms.run import run
from tests.checks.targets import target_of


def repo_of() -> hw.Repo:
    repo = hw.init("memory://")
    texts = [
        "the parcel never arrived at my door",
        "The parcel  never arrived at my doorr",
        "all fine here, thanks",
    ]
    rows = {"id": [1, 2, 3], "text": texts, "price": [10.0, 10.000001, 3.0]}
    with repo.transaction("notes") as tx:
        tx.append("notes", pa.table(rows), key="id")
    return repo


def of(repo: hw.Repo, check: str, **parameters: Any) -> Any:
    target = Target(dataset=repo["notes"], contract=hw.Contract(dataset="notes"), cache=repo.cache)
    return run_checks(target, [CHECKS[check](**parameters)]).findings[0]


def test_a_finding_names_pairs_rows_and_the_fix() -> None:
    repo = repo_of()
    finding = of(repo, "duplicates.near_text")
    assert finding.outcome == "warn"
    assert finding.rows == ("1", "2")
    assert finding.row_count == 2
    assert finding.evidence["pairs"][0]["left"] == "1"
    assert finding.evidence["clusters"] == 1
    assert finding.fix.transform == "clean.deduplicate"
    done = run(repo, "notes", make(finding.fix.transform, finding.fix.parameters))
    assert done.record["deleted"] == 1
    assert of(repo, "duplicates.near_text").outcome == "pass"


def test_numbers_may_differ_a_little() -> None:
    repo = repo_of()
    assert of(repo, "duplicates.near_rows", columns=("price",), relative=1e-5).outcome == "warn"
    assert of(repo, "duplicates.near_rows", columns=("price",), relative=1e-9).outcome == "pass"


def test_without_a_column_to_compare_nothing_is_found() -> None:
    for check in ("duplicates.near_image", "duplicates.embedding"):
        finding = of(repo_of(), check)
        assert finding.outcome == "pass"
        assert "no column" in finding.message


def test_people_who_come_twice_are_found(shared: Path) -> None:
    repo = hw.init("memory://")
    repo.import_("notes", str(shared / "er_febrl" / "dataset1.csv.gz"), key="rec_id")
    finding = of(repo, "duplicates.entities")
    assert finding.row_count == 1000
    assert finding.value == pytest.approx(0.5)


def test_texts_by_themselves_are_looked_at_unasked_and_names_beside_other_columns_are_not() -> None:
    texts = {"id": [1, 2, 3], "text": ["a b", "c d", "e f"], "label": ["x", "y", "x"]}
    found = NearDuplicateTexts.defaults(target_of(texts, key="id", label="label"))
    assert found == (NearDuplicateTexts(column="text"),)
    people = {"id": [1, 2], "name": ["ann", "bob"], "city": ["oslo", "oslo"]}
    assert NearDuplicateTexts.defaults(target_of(people, key="id")) == ()
    assert NearDuplicateTexts.defaults(target_of({"id": [1, 2], "n": [1, 2]}, key="id")) == ()
