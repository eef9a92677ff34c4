"""Measures become numbers of one unit, and the unit stays with the column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.transforms.base import make
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

pytest.importorskip("pint")


def clean(values: list[Any], **parameters: Any) -> tuple[Repo, TransformResult]:
    table = pa.table({"id": range(len(values)), "size": pa.array(values), "note": ["x 1"] * len(values)})
    repo = repo_of(table, contract=Contract(dataset="people"))
    return repo, run(repo, "people", make("clean.units", parameters))


def found(repo: Repo) -> list[Any]:
    return list(repo["people"].to_arrow().sort_by("id").column("size").to_pylist())


def test_a_column_is_converted_to_its_most_frequent_unit() -> None:
    repo, done = clean(["1 kg", "2,5 kg", "500 g", "N/A", None, "3 KG."])
    assert found(repo) == [1.0, 2.5, 0.5, None, None, 3.0]
    assert repo["people"].manifest.tags["size"] == {"unit": "kilogram"}
    said = done.record["columns"]["size"]
    assert (said["unit"], said["units"], said["missing"]) == ("kilogram", {"kilogram": 3, "gram": 1}, 1)
    assert "note" not in done.record["columns"]
    assert not run(repo, "people", make("clean.units")).is_new


def test_a_column_of_numbers_goes_by_its_unit() -> None:
    repo, _ = clean(["5 ft 11 in", "6'"], unit="inch", columns=["size"])
    assert found(repo) == [71.0, 72.0]
    again = make("clean.units", {"columns": ["size"], "unit": "in"})
    assert not run(repo, "people", again).is_new
    run(repo, "people", make("clean.units", {"columns": ["size"], "unit": "cm"}))
    assert found(repo) == pytest.approx([180.34, 182.88])
    assert repo["people"].manifest.tags["size"] == {"unit": "centimeter"}
    repo, _ = clean([1.0, 2.0], unit="cm", bare="inch", columns=["size"])
    assert found(repo) == [2.54, 5.08]


def test_what_is_no_measure_is_left_counted_or_put_aside() -> None:
    values = ["1 kg", "2 kg", "3 m", "4", "5 kg net"]
    repo, done = clean(values)
    assert done.record["columns"]["size"]["unparsed"] == {
        "a unit that is no kilogram": 1,
        "no unit that is known": 1,
        "words after the unit": 1,
    }
    assert found(repo) == ["1 kilogram", "2 kilogram", "3 m", "4", "5 kg net"]
    assert not run(repo, "people", make("clean.units")).is_new
    again = make("clean.units", {"columns": ["size"], "bare": "g", "unit": "g"})
    run(repo, "people", again)
    assert found(repo) == ["1000 gram", "2000 gram", "3 m", "4 gram", "5 kg net"]
    assert not run(repo, "people", again).is_new
    repo, done = clean(values, unparsed="quarantine", bare="kg", rest="drop")
    assert found(repo) == [1.0, 2.0, 4.0, 5.0]
    assert done.record["quarantined"] == 1


def test_parameters_without_meaning_are_refused() -> None:
    for wrong, said in (
        ({"columns": ["size"], "unit": "foo"}, "no unit 'foo'"),
        ({"unit": "kg"}, "Name the columns"),
        ({"rest": "keep"}, "rest is"),
    ):
        with pytest.raises(UsageError, match=said):
            clean(["1 kg"], **wrong)


def test_the_sizes_of_a_published_messy_table_are_those_of_its_clean_version(shared: Path) -> None:
    text = csv.ConvertOptions(column_types={"index": pa.string(), "ounces": pa.string()})
    dirty, truth = (
        csv.read_csv(shared / "raha_beers" / f"{name}.csv.gz", convert_options=text).sort_by("index")
        for name in ("dirty", "clean")
    )
    repo = Repo.init("memory://")
    with repo.transaction("beers") as tx:
        tx.append("beers", dirty.select(["index", "ounces"]), key="index")
    run(repo, "beers", make("clean.units", {"rest": "drop", "unparsed": "refuse"}))
    after = repo["beers"].to_arrow().sort_by("index")
    assert after.column("ounces").to_pylist() == truth.column("ounces").cast(pa.float64()).to_pylist()
