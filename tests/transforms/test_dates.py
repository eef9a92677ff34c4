"""Dates in mixed forms become one; what the column does not decide is not guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.transforms.base import make
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of


def clean(values: list[str | None], **parameters: Any) -> tuple[Repo, TransformResult]:
    table = pa.table(
        {"id": range(len(values)), "when": pa.array(values, pa.string()), "note": ["x"] * len(values)}
    )
    repo = repo_of(table, contract=Contract(dataset="people"))
    return repo, run(repo, "people", make("clean.dates", parameters))


def found(repo: Repo) -> list[Any]:
    return list(repo["people"].to_arrow().sort_by("id").column("when").to_pylist())


def test_mixed_forms_become_dates() -> None:
    repo, done = clean(["13.4.2024", "2024-05-01", "May 2, 2024", "3/5/24", "14/5/24", "N/A", None])
    assert [str(day) for day in found(repo)] == [
        "2024-04-13", "2024-05-01", "2024-05-02", "2024-05-03", "2024-05-14", "None", "None"
    ]  # fmt: skip
    assert list(done.record["columns"]) == ["when"]
    assert repo["people"].schema.field("when").type == pa.date32()


def test_text_can_stay_text_in_one_form() -> None:
    repo, done = clean(["13.4.2024", "May 2, 2024"], to="text")
    assert found(repo) == ["2024-04-13", "2024-05-02"]
    assert done.record["updated"] == 2
    assert not run(repo, "people", make("clean.dates", {"to": "text"})).is_new


def test_day_and_month_are_not_guessed() -> None:
    repo, done = clean(["3/4/2024", "5/6/2024", "2024-01-01"])
    assert found(repo) == ["3/4/2024", "5/6/2024", "2024-01-01"]
    assert done.record["columns"]["when"]["unparsed"] == {"day or month first": 2}
    with pytest.raises(UsageError, match=r"2 values of column 'when' .* day or month first \(2\)"):
        clean(["3/4/2024", "5/6/2024"], unparsed="refuse")
    repo, _ = clean(["3/4/2024", "5/6/2024"], order="month_first")
    assert [str(day) for day in found(repo)] == ["2024-03-04", "2024-05-06"]


def test_times_of_a_zone_are_kept_in_utc() -> None:
    values: list[str | None] = [
        "2024-01-01 12:00",
        "2024-07-01T12:00",
        "2024-07-01T12:00Z",
        "2024-10-27 02:30",
        "2024-03-31 02:30",
    ]
    repo, done = clean(values, zone="Europe/Berlin", unparsed="null")
    assert repo["people"].schema.field("when").type == pa.timestamp("us", "UTC")
    assert found(repo) == [
        datetime(2024, 1, 1, 11, tzinfo=UTC),
        datetime(2024, 7, 1, 10, tzinfo=UTC),
        datetime(2024, 7, 1, 12, tzinfo=UTC),
        None,
        None,
    ]
    assert done.record["columns"]["when"]["unparsed"] == {
        "a time that comes twice or never in Europe/Berlin": 2
    }


def test_times_without_a_zone_among_others_are_not_guessed() -> None:
    repo, done = clean(["2024-01-01T12:00Z", "2024-01-01T12:00"], unparsed="null")
    assert found(repo) == [datetime(2024, 1, 1, 12, tzinfo=UTC), None]
    assert done.record["columns"]["when"]["unparsed"] == {"no time zone, while others have one": 1}
    repo, _ = clean(["2024-01-01 12:00", "2.1.2024"])
    assert repo["people"].schema.field("when").type == pa.timestamp("us")


def test_a_time_of_day_does_not_fit_a_date() -> None:
    _, done = clean(["2024-01-01 12:00", "2.1.2024"], to="date")
    assert done.record["columns"]["when"]["unparsed"] == {"a time of day": 1}


def test_columns_without_dates_are_left_alone() -> None:
    repo, done = clean(["a", "b"])
    assert not done.is_new
    assert done.record["columns"] == {}
    table = pa.table({"id": [1], "when": pa.array([0], pa.timestamp("us"))})
    repo = repo_of(table, contract=Contract(dataset="people"))
    assert not run(repo, "people", make("clean.dates", {"columns": ["when"]})).is_new


def test_parameters_without_meaning_are_refused() -> None:
    for wrong, said in (
        ({"zone": "Europe/Berlyn"}, "no time zone 'Europe/Berlyn'"),
        ({"pivot": 1970}, "two-digit year"),
        ({"to": "datetime"}, "to is one of"),
        ({"order": "ymd"}, "order is one of"),
    ):
        with pytest.raises(UsageError, match=said):
            clean(["1.1.2024"], **wrong)
