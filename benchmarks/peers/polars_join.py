"""Polars: a full join of both versions, and the cells that differ."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import polars as pl
from measure import arguments, measured

_, workload, folder = arguments()


def diff() -> dict[str, Any]:
    """Read both versions, join them on the key, and collect added and removed rows and changed cells."""
    old, new = pl.read_parquet(workload / "base.parquet"), pl.read_parquet(workload / "changed.parquet")
    both = old.join(new, on="id", how="full", suffix="_new")
    columns = [name for name in old.columns if name != "id"]
    there = pl.col("id").is_not_null() & pl.col("id_new").is_not_null()
    differs = pl.any_horizontal([pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in columns])
    changed = both.filter(there & differs)
    cells = [
        changed.filter(pl.col(name).ne_missing(pl.col(f"{name}_new"))).select(
            "id",
            pl.lit(name).alias("column"),
            pl.col(name).cast(pl.String).alias("before"),
            pl.col(f"{name}_new").cast(pl.String).alias("after"),
        )
        for name in columns
    ]
    rows = both.filter(pl.col("id").is_null() | pl.col("id_new").is_null()).height
    return {"cells": pl.concat(cells).height, "rows": rows}


measured(diff)
