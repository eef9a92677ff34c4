"""pandera on Polars: the ten usual expectations, all violations collected (lazy)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pandera.polars as pa
import polars as pl
from measure import arguments, measured

_, workload, folder = arguments()
file = workload / "base.parquet"
rows = pl.scan_parquet(file).select(pl.len()).collect().item()


def whole(test: Any) -> pa.Check:
    """Return a check of one figure of the whole table."""
    return pa.Check(lambda data: data.lazyframe.select(test))


schema = pa.DataFrameSchema(
    {
        "user": pa.Column(pl.Int64, nullable=False),
        "id": pa.Column(pl.Int64, unique=True),
        "age": pa.Column(pl.Int32, pa.Check.in_range(0, 120), nullable=True),
        "country": pa.Column(pl.String, pa.Check.isin(["DE", "FR", "US", "GB", "IN", "CN"])),
        "email": pa.Column(pl.String, pa.Check.str_matches(r"^[^@\s]+@[^@\s]+\.[a-z]+$")),
        "score": pa.Column(pl.Float64),
        "amount": pa.Column(pl.Float64),
    },
    checks=[
        whole(pl.len().is_between(rows // 2, rows * 2)),
        whole(pl.col("amount").mean().is_between(90, 110)),
        whole(pl.col("amount").quantile(0.5).is_between(70, 100)),
        whole((pl.col("amount") > pl.col("score")).mean() >= 0.99),
    ],
)


def validate() -> dict[str, Any]:
    """Read the columns and run the schema; it raises where it does not hold."""
    schema.validate(pl.read_parquet(file, columns=list(schema.columns)), lazy=True)
    return {"passed": 10}


measured(validate)
