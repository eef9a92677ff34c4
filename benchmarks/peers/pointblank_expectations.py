"""pointblank on Polars: the ten usual expectations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pointblank as pb
import polars as pl
from measure import arguments, measured

_, workload, folder = arguments()
file = workload / "base.parquet"
columns = ["user", "id", "age", "country", "email", "score", "amount"]
rows = pl.scan_parquet(file).select(pl.len()).collect().item()


def whole(test: Any) -> Any:
    """Return a check of one figure of the whole table."""
    return lambda frame: bool(frame.select(test).item())


def validate() -> dict[str, Any]:
    """Read the columns and interrogate."""
    frame = pl.read_parquet(file, columns=columns)
    done = (
        pb.Validate(frame)
        .col_vals_not_null(columns="user")
        .rows_distinct(columns_subset=["id"])
        .col_vals_between(columns="age", left=0, right=120, na_pass=True)
        .col_vals_in_set(columns="country", set=["DE", "FR", "US", "GB", "IN", "CN"])
        .col_vals_regex(columns="email", pattern=r"^[^@\s]+@[^@\s]+\.[a-z]+$")
        .specially(expr=lambda frame: frame.schema["score"] == pl.Float64)
        .specially(expr=whole(pl.len().is_between(rows // 2, rows * 2)))
        .specially(expr=whole(pl.col("amount").mean().is_between(90, 110)))
        .specially(expr=whole(pl.col("amount").quantile(0.5).is_between(70, 100)))
        .specially(expr=whole((pl.col("amount") > pl.col("score")).mean() >= 0.99))
        .interrogate(collect_extracts=False)
    )
    return {"passed": sum(bool(step.all_passed) for step in done.validation_info)}


measured(validate)
