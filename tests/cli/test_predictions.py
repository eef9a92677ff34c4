"""hw models predict, feedback and explain-prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import headwater as hw
from headwater.models.prediction_log import PredictionLog
from tests.models.registered import loans, repo_with_model


def test_a_dataset_gets_columns(cli: Any, tmp_path: Path) -> None:
    repo_with_model(tmp_path)
    assert (
        "_loans, _loans_probability added"
        in cli("-C", str(tmp_path), "models", "predict", "loans", "loans").stdout
    )
    assert "_loans" in hw.open(tmp_path)["loans"].schema.names
    again = cli("-C", str(tmp_path), "models", "predict", "loans", "loans")
    assert "nothing to change" in again.stdout


def test_a_file_is_answered_logged_judged_and_explained(cli: Any, tmp_path: Path) -> None:
    repo_with_model(tmp_path / "repo")
    at = ("-C", str(tmp_path / "repo"), "models")
    new = loans(30, seed=5).drop_columns(["approve"])
    pa.csv.write_csv(new, tmp_path / "new.csv")
    out = tmp_path / "answers.parquet"
    told = cli(*at, "predict", "loans", str(tmp_path / "new.csv"), "--out", str(out), "--log").stdout
    assert "30 row(s) with the answers of loans@1" in told
    answers = pq.read_table(out)
    assert answers.column_names == [*new.column_names, "_loans", "_loans_no", "_loans_yes", "_id"]
    assert PredictionLog(hw.open(tmp_path / "repo"), "loans").window().num_rows == 30
    truth = pa.table({"id": answers.column("_id"), "truth": ["yes"] * 30})
    pa.csv.write_csv(truth, tmp_path / "truth.csv")
    assert "30 truth(s)" in cli(*at, "feedback", "loans", str(tmp_path / "truth.csv")).stdout
    name = answers.column("_id")[3].as_py()
    shown = cli(*at, "explain-prediction", name).stdout
    assert "; it was yes" in shown
    assert "3. On which rows" in shown
    assert "income" in shown
    said = json.loads(cli(*at, "explain-prediction", name, "--json").stdout)
    assert said["data"]["alike"]
    assert said["why"]["parts"]


def test_what_is_wrong_is_told(cli: Any, tmp_path: Path) -> None:
    repo_with_model(tmp_path / "repo")
    at = ("-C", str(tmp_path / "repo"), "models")
    assert "Dataset or file 'lones' not found" in cli(*at, "predict", "loans", "lones", code=2).stderr
    bad = tmp_path / "bad.csv"
    bad.write_text("income,debt,job\n1.5,2,nurse\n,2,nurse\n")
    assert "The first is row 2: income is null" in cli(*at, "predict", "loans", str(bad), code=2).stderr
    bad.write_text("id,truth\nx,maybe\n")
    assert "'maybe' is no class of the model" in cli(*at, "feedback", "loans", str(bad), code=2).stderr
    assert "No log has a prediction 'x'" in cli(*at, "explain-prediction", "x", code=2).stderr
